package rescue

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/ecrx"
)

// functions checks the Lambda functions of the stacks that run images: Lambda keeps its
// copy of an image, and loses it once the function has not been called for weeks, when
// it looks for the image again
// (https://docs.aws.amazon.com/lambda/latest/dg/images-create.html#images-lifecycle);
// a rollback of the function looks for it at once.
func (v *verifier) functions() {
	for _, u := range v.d.ImageUsers {
		if u.Type != functionType {
			continue
		}
		what := "function " + u.Name + " can run"
		if u.Trouble == "" && u.Unread != "" {
			v.unknown(what, u.Unread)
			continue
		}
		v.expect(u.Trouble == "", what, u.Trouble)
	}
}

// revisionsPerCall is the most that DescribeServiceRevisions takes
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServiceRevisions.html).
const revisionsPerCall = 20

// pushedAgain checks that the tags of what serves still name the images that run: ECS
// looks a tag up when a deployment begins, and stays with that image for its tasks
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html#deployment-container-image-stability).
// A rollback is a deployment, and starts what the tag names by then.
func (v *verifier) pushedAgain(ctx context.Context) error {
	var arns []string
	by := map[string]*ServiceFacts{}
	for i := range v.b.Services {
		f := &v.b.Services[i]
		if f.Unread != "" || !v.tagged(f) {
			continue
		}
		for _, arn := range f.ServiceRevisions {
			by[arn] = f
			arns = append(arns, arn)
		}
	}
	for part := range slices.Chunk(arns, revisionsPerCall) {
		out, err := v.c.ecs.DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: part})
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			for _, arn := range part {
				v.unknown("the tags of service "+by[arn].Service.String()+" name what runs", text(err))
			}
			continue
		}
		for _, r := range out.ServiceRevisions {
			if f := by[aws.ToString(r.ServiceRevisionArn)]; f != nil {
				v.tagsOf(f, r)
			}
		}
	}
	return nil
}

// tagged reports whether a tag of the recorded revision of a service may have moved
// since its deployment began: the image was pushed later, or has other tags, so that
// the tag may have come to it. Times are AWS's on both sides.
func (v *verifier) tagged(f *ServiceFacts) bool {
	began := f.primary().CreatedAt
	return slices.ContainsFunc(f.Definitions[f.Back].Containers, func(x Container) bool {
		i, err := ecrx.Parse(x.Image)
		is := v.b.Images[x.Image]
		return err == nil && i.Private() && i.Digest == "" && (began.IsZero() || is.PushedAt.After(began) || len(is.Tags) > 1)
	})
}

// tagsOf compares what the tags of a service's images name with what runs.
func (v *verifier) tagsOf(f *ServiceFacts, r ecstypes.ServiceRevision) {
	for _, x := range r.ContainerImages {
		ref, runs := aws.ToString(x.Image), aws.ToString(x.ImageDigest)
		i, read := v.b.Images[ref]
		parsed, err := ecrx.Parse(ref)
		if err != nil || parsed.Digest != "" || !read || !i.State.Usable() || i.Digest == "" || runs == "" {
			continue // by digest, or gone, or not known: the image's own check says so
		}
		v.expect(i.Digest == runs, fmt.Sprintf("tag %s of service %s names what runs", ref, f.Service),
			fmt.Sprintf("it was pushed again: a rollback starts %s, and %s runs: deploy by digest, or make the repository's tags immutable", i.Digest, runs))
	}
}

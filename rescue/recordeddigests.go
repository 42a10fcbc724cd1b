package rescue

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/internal/redact"
)

// digests reads which images the recorded revisions ran, of services that could not go
// back: the digests that ECS keeps in their service revisions (docs/aws/ecs.md 1.4).
// Without them only what the definition itself pins, or the archive still has under
// its tag, is known to be the same image.
func (c *capturer) digests(ctx context.Context) error {
	if !goesBack(c.b.Tree.Root.Status) {
		return nil
	}
	failed := c.b.Tree.Causes().Rollback
	return c.each(ctx, len(c.b.Services), func(ctx context.Context, i int) error {
		f := &c.b.Services[i]
		could := func() bool {
			for _, x := range failed {
				if x.StackID == f.StackID && x.LogicalID == f.LogicalID {
					return false
				}
			}
			return true
		}
		if f.Back == "" || f.Unread != "" || could() {
			return nil
		}
		digests, err := c.c.digestsOf(ctx, f, f.Back)
		switch {
		case ctx.Err() != nil:
			return err
		case err != nil:
			f.DigestsUnread = redact.Text(err.Error())
		default:
			f.Digests = digests
		}
		return nil
	})
}

// digestsOf are, by container, the digests of the newest service revision of a task
// definition.
func (c clients) digestsOf(ctx context.Context, f *ServiceFacts, revision string) (map[string]string, error) {
	var arns []string
	for in := (&ecs.ListServiceDeploymentsInput{Cluster: &f.Service.Cluster, Service: &f.Service.Name}); ; {
		page, err := c.ecs.ListServiceDeployments(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, d := range page.ServiceDeployments {
			if arn := aws.ToString(d.TargetServiceRevisionArn); arn != "" && !slices.Contains(arns, arn) {
				arns = append(arns, arn)
			}
		}
		if in.NextToken = page.NextToken; aws.ToString(in.NextToken) == "" {
			break
		}
	}
	for chunk := range slices.Chunk(arns, 20) { // newest first
		out, err := c.ecs.DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: chunk})
		if err != nil {
			return nil, err
		}
		slices.SortStableFunc(out.ServiceRevisions, func(a, b ecstypes.ServiceRevision) int {
			return aws.ToTime(b.CreatedAt).Compare(aws.ToTime(a.CreatedAt))
		})
		for _, r := range out.ServiceRevisions {
			found := map[string]string{}
			for _, x := range r.ContainerImages {
				if d := aws.ToString(x.ImageDigest); d != "" {
					found[aws.ToString(x.ContainerName)] = d
				}
			}
			if aws.ToString(r.TaskDefinition) == revision && len(found) > 0 {
				return found, nil
			}
		}
	}
	return nil, nil
}

// recordedRefs are the images of the recorded revisions by the digests that they ran.
func (b *Bundle) recordedRefs() []string {
	var out []string
	for i := range b.Services {
		f := &b.Services[i]
		for _, c := range f.Definitions[f.Back].Containers {
			if ref := pinnedRef(c.Image, f.Digests[c.Name]); ref != "" {
				out = append(out, ref)
			}
		}
	}
	return out
}

// pinnedRef is an image of ECR by its digest alone; "" where it is none, or the digest
// is not known.
func pinnedRef(image, digest string) string {
	i, err := ecrx.Parse(image)
	if err != nil || !i.Private() || digest == "" && i.Digest == "" {
		return ""
	}
	if i.Digest == "" {
		i.Digest = digest
	}
	i.Tag = ""
	return i.String()
}

package ecrx

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// ExplainOptions change [Image.Explain]. The zero value is the default.
type ExplainOptions struct {
	// Events yields CloudTrail events of ECR, each as the JSON of LookupEvents'
	// CloudTrailEvent, newest first: those named PolicyExecutionEvent
	// and BatchDeleteImage. They reach back 90 days. Nil leaves Explanation.Gone nil.
	Events func(ctx context.Context, repo Repository) iter.Seq2[[]byte, error]
	// Elsewhere are other repositories, replicas in other regions for example,
	// in which the same digest is looked for. Image.Tag and Digest do not matter.
	Elsewhere []Image
	// StandIns is how many of the repository's newest other images are named.
	// Defaults to 3; a negative value means none.
	StandIns int
}

// Explanation is why a reference cannot be pulled, and what could be done.
type Explanation struct {
	Status Status `json:"status"`
	// Gone is the last event of the image in CloudTrail;
	// nil where that is not known.
	Gone *Departure `json:"gone,omitempty"`
	// Digest is what the reference stood for before.
	Digest string `json:"digest,omitempty"`
	// Candidates are what it can be restored from, the best first.
	Candidates []Candidate `json:"candidates,omitempty"`
}

// Departure is how an image went.
type Departure struct {
	At time.Time `json:"at"`
	// Event is the name of the CloudTrail event.
	Event string `json:"event"`
	// Rule is the priority of the lifecycle rule that took it, 0 for none; By
	// the ARN of the principal that did it.
	Rule int      `json:"rule,omitempty"`
	By   string   `json:"by,omitempty"`
	Tags []string `json:"tags,omitempty"`
}

// String is such as "expired by rule 1 on 2026-03-01T00:00:00Z".
func (d Departure) String() string {
	at := d.At.UTC().Format(time.RFC3339)
	if d.Rule > 0 {
		return fmt.Sprintf("taken by lifecycle rule %d on %s", d.Rule, at)
	}
	return fmt.Sprintf("deleted by %s on %s", cmp.Or(d.By, "somebody"), at)
}

// Candidate is an image to restore from.
type Candidate struct {
	Image Image `json:"image"`
	// Same is true for the same digest: restoring it is no change. Otherwise it
	// is another image that could stand in, which is other code.
	Same bool `json:"same"`
	// How says what to do.
	How string `json:"how"`
}

// Explain reads the state of an image, why it is missing, and what it could be
// restored from: the archive, another repository, the digest without its tag,
// or, clearly marked, other images of the repository.
//
// Calls ecr:DescribeImages. Safe to repeat. An error that Events yields is returned.
func (img Image) Explain(ctx context.Context, api ecr.DescribeImagesAPIClient, optFns ...func(*ExplainOptions)) (*Explanation, error) {
	var opts ExplainOptions
	for _, fn := range optFns {
		if fn != nil {
			fn(&opts)
		}
	}
	opts.StandIns = cmp.Or(opts.StandIns, 3)
	statuses, err := Check(ctx, api, []string{img.String()})
	if err != nil {
		return nil, err
	}
	out := &Explanation{Status: statuses[0]}
	out.Digest = cmp.Or(img.Digest, out.Status.Digest)
	if out.Status.State == stateUnknown || out.Status.State == stateExternal {
		return out, out.Status.Err()
	}
	if out.Status.State.Gone() && opts.Events != nil {
		for event, err := range opts.Events(ctx, img.Repo()) {
			if err != nil {
				return out, fmt.Errorf("image %s: %w", img, err)
			}
			if d, digest := departure(event, img); d != nil {
				out.Gone, out.Digest = d, cmp.Or(out.Digest, digest)
				break
			}
		}
	}
	return out, out.find(ctx, api, opts)
}

func (e *Explanation) find(ctx context.Context, api ecr.DescribeImagesAPIClient, opts ExplainOptions) error {
	img, s := e.Status.Image, e.Status
	add := func(repo Image, tag, digest, how string, same bool) {
		repo.Tag, repo.Digest = tag, digest
		e.Candidates = append(e.Candidates, Candidate{repo, same, how})
	}
	switch s.State {
	case stateOK:
		return nil
	case stateArchived, stateActivating:
		add(img, img.Tag, s.Digest, "unarchive it", true)
	case stateTagMoved:
		add(img, img.Tag, s.Digest, "it is there; the tag names another image", true)
	}
	if s.State.Gone() && e.Digest != "" {
		for _, where := range append([]Image{img}, opts.Elsewhere...) {
			found, err := lookup(ctx, api, where.Repo(), "", e.Digest)
			if err != nil || found == nil {
				continue // one more place that does not help
			}
			if where.Repo() == img.Repo() && s.Digest == "" {
				add(img, img.Tag, e.Digest, "restore the tag", true)
			} else if where.Repo() != img.Repo() {
				add(where, "", e.Digest, "copy it from "+where.Name(), true)
			}
		}
	}
	if opts.StandIns < 0 || s.State == stateMissingRepository || s.State == stateTagMoved {
		return nil
	}
	images, err := img.Repo().Images(ctx, api)
	if err != nil {
		return err
	}
	slices.SortFunc(images, func(a, b Stored) int {
		return cmp.Or(b.PushedAt.Compare(a.PushedAt), strings.Compare(a.Digest, b.Digest))
	})
	n := 0
	for _, x := range images {
		if n < opts.StandIns && len(x.Tags) > 0 && x.Digest != e.Digest && (x.Status == "" || x.Status == "ACTIVE") {
			add(img, x.Tags[0], x.Digest, "other code, pushed "+x.PushedAt.UTC().Format(time.RFC3339)+": only where that may run", false)
			n++
		}
	}
	return nil
}

// departure reads a CloudTrail event
// (https://docs.aws.amazon.com/AmazonECR/latest/userguide/logging-using-cloudtrail.html,
// docs/aws/ecr.md 1.6): what it says about the image, and its digest.
func departure(event []byte, img Image) (*Departure, string) {
	var e struct {
		EventName    string    `json:"eventName"`
		EventTime    time.Time `json:"eventTime"`
		ErrorCode    string    `json:"errorCode"`
		UserIdentity struct {
			ARN string `json:"arn"`
		} `json:"userIdentity"`
		RequestParameters struct {
			RepositoryName string       `json:"repositoryName"`
			ImageIDs       []eventImage `json:"imageIds"`
		} `json:"requestParameters"`
		ResponseElements struct {
			ImageIDs []eventImage `json:"imageIds"`
		} `json:"responseElements"`
		ServiceEventDetails struct {
			RepositoryName string `json:"repositoryName"`
			Actions        []struct {
				Image struct {
					Digest  string   `json:"digest"`
					TagList []string `json:"tagList"`
				} `json:"lifecycleEventImage"`
				Rule int `json:"rulePriority"`
			} `json:"lifecycleEventImageActions"`
		} `json:"serviceEventDetails"`
	}
	if json.Unmarshal(event, &e) != nil || e.ErrorCode != "" {
		return nil, ""
	}
	d := &Departure{At: e.EventTime, Event: e.EventName, By: e.UserIdentity.ARN}
	is := func(digest string, tags ...string) bool {
		return img.Digest != "" && digest == img.Digest || img.Digest == "" && slices.Contains(tags, img.Tag)
	}
	switch {
	case e.EventName == "PolicyExecutionEvent" && e.ServiceEventDetails.RepositoryName == img.Repository:
		for _, a := range e.ServiceEventDetails.Actions {
			if is(a.Image.Digest, a.Image.TagList...) {
				d.Rule, d.Tags = a.Rule, a.Image.TagList
				return d, a.Image.Digest
			}
		}
	case e.EventName == "BatchDeleteImage" && e.RequestParameters.RepositoryName == img.Repository:
		for _, x := range append(e.ResponseElements.ImageIDs, e.RequestParameters.ImageIDs...) {
			if is(x.ImageDigest, x.ImageTag) {
				return d, x.ImageDigest
			}
		}
	}
	return nil, ""
}

type eventImage struct {
	ImageDigest string `json:"imageDigest"`
	ImageTag    string `json:"imageTag"`
}

package ecrx

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/stackrescue/stackrescue/internal/poll"
)

// State is how an image stands in its registry.
type State string

// States of an image.
const (
	OK                State = "ok"
	TagMoved          State = "tag-moved"          // the tag names another digest than the one asked for
	Archived          State = "archived"           // in the archive class: not pullable until restored
	Activating        State = "activating"         // being restored from the archive
	MissingRepository State = "missing-repository" // the repository is not there
	Missing           State = "missing"            // the repository is, the image is not
	External          State = "external"           // in a registry that ECR does not know
	Unknown           State = "unknown"            // could not be read
)

// Usable reports whether a task can pull the image now. An external image may
// or may not be pullable.
func (s State) Usable() bool { return s == OK || s == TagMoved }

// Status is how one image stands.
type Status struct {
	// Ref is as it was asked for, Image taken apart.
	Ref   string `json:"ref"`
	Image Image  `json:"image"`
	State State  `json:"state"`
	// Digest is what the reference stands for now; "" where there is nothing.
	Digest string   `json:"digest,omitempty"`
	Tags   []string `json:"tags,omitempty"`
	// Err is why the state is unknown; nil otherwise.
	Err error `json:"-"`
}

// CheckAPI is DescribeImages of *ecr.Client. Clients for other regions are
// made by per-call options.
type CheckAPI interface {
	ecr.DescribeImagesAPIClient
}

// Check says how each image stands. It returns one Status per reference, in
// order, and nil as error unless ctx ended: what cannot be read is [Unknown],
// with the reason in its Status.
//
// Calls ecr:DescribeImages. Safe to repeat.
func Check(ctx context.Context, api CheckAPI, refs []string) ([]Status, error) {
	out := make([]Status, 0, len(refs))
	for _, ref := range refs {
		s := Status{Ref: ref}
		var err error
		if s.Image, err = Parse(ref); err != nil {
			s.State, s.Err = Unknown, err
		} else if !s.Image.Private() {
			s.State = External
		} else {
			s.read(ctx, api)
		}
		if ctx.Err() != nil {
			return nil, poll.Ended(ctx, s.Err)
		}
		out = append(out, s)
	}
	return out, nil
}

func (s *Status) read(ctx context.Context, api CheckAPI) {
	i := s.Image
	id := types.ImageIdentifier{}
	if i.Digest != "" {
		id.ImageDigest = &i.Digest
	} else {
		id.ImageTag = &i.Tag
	}
	// Without the filter archived images count as missing (reference/ecr.md 1.4).
	out, err := api.DescribeImages(ctx, &ecr.DescribeImagesInput{
		RegistryId: &i.Account, RepositoryName: &i.Repository, ImageIds: []types.ImageIdentifier{id},
		Filter: &types.DescribeImagesFilter{ImageStatus: types.ImageStatusFilterAny},
	}, func(o *ecr.Options) { o.Region = i.Region })
	switch {
	case isA[*types.RepositoryNotFoundException](err):
		s.State = MissingRepository
	case isA[*types.ImageNotFoundException](err):
		s.State = Missing
	case err != nil:
		s.State, s.Err = Unknown, fmt.Errorf("image %s: %w", s.Ref, err)
	case len(out.ImageDetails) == 0:
		s.State = Missing
	default:
		d := out.ImageDetails[0]
		s.Digest, s.Tags = aws.ToString(d.ImageDigest), d.ImageTags
		switch d.ImageStatus {
		case types.ImageStatusArchived:
			s.State = Archived
		case types.ImageStatusActivating:
			s.State = Activating
		default:
			s.State = OK
		}
	}
}

func isA[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

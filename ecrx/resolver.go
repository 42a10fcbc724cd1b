package ecrx

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// ResolverOptions change [Resolver]. The zero value is the default.
type ResolverOptions struct {
	// Digest makes the answer name the image by digest instead of by tag.
	Digest bool
	// Latest, where set, has the newest image of the same repository that has a
	// tag for which it is true stand in for an image that is not there. nil
	// means that there is no replacement.
	Latest func(tag string) bool
	// External answers for images that are in no private registry of ECR. Nil
	// keeps their references as they are.
	External func(ctx context.Context, ref string) (string, error)
}

// Resolver returns a function that returns the image to use for a reference: the
// same one where it is there, "" where there is none, an error where that is
// not known. It fits the resolver parameters of ecsx and cfnx.
//
// Calls ecr:DescribeImages, for each reference once unless Latest has to look.
// Safe to repeat.
func Resolver(api ecr.DescribeImagesAPIClient, optFns ...func(*ResolverOptions)) func(ctx context.Context, ref string) (string, error) {
	var opts ResolverOptions
	for _, fn := range optFns {
		if fn != nil {
			fn(&opts)
		}
	}
	return func(ctx context.Context, ref string) (string, error) {
		img, err := Parse(ref)
		if err != nil {
			return "", err
		}
		if !img.Private() {
			if opts.External != nil {
				return opts.External(ctx, ref)
			}
			return ref, nil
		}
		found, err := img.Resolve(ctx, api)
		if errors.Is(err, ErrNotFound) && opts.Latest != nil {
			img.Tag, img.Digest = "", ""
			if found, err = latest(ctx, api, img, opts.Latest); err == nil {
				ref = found.Name() + ":" + found.Tag
			}
		}
		switch {
		case errors.Is(err, ErrNotFound):
			return "", nil
		case err != nil:
			return "", err
		case opts.Digest:
			return found.Name() + "@" + found.Digest, nil
		}
		return ref, nil
	}
}

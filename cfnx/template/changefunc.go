package template

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// ByContainer changes the images of the containers named in images: to the
// reference, or with the ":tag" or "@digest", given there. "Resource.container"
// names the container of one resource and goes first. A resource that holds an
// image outside a list of containers goes by its logical ID, and so does one
// whose container has no name that is known, as in an Fn::ForEach.
func ByContainer(images map[string]string) func(Image) (string, error) {
	return func(i Image) (string, error) {
		if to := images[i.Resource+"."+i.Container]; to != "" {
			return to, nil
		}
		if i.Container == "" {
			return images[i.Resource], nil
		}
		return images[i.Container], nil
	}
}

// ByRepository changes the images whose repository is named in images, with or
// without its registry: "backend", "team/backend" or
// "public.ecr.aws/team/backend". The name with the registry goes first.
// Account, region and partition in the registry may be pseudo parameters:
// "${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/backend:v1" is of
// the repository "backend".
func ByRepository(images map[string]string) func(Image) (string, error) {
	return func(i Image) (string, error) {
		r := i.Ref()
		if r.Repository == "" {
			return "", nil
		}
		if to := images[r.Registry+"/"+r.Repository]; r.Registry != "" && to != "" {
			return to, nil
		}
		return images[r.Repository], nil
	}
}

// ByResolver changes every image to what resolve returns for its reference:
// "" means that there is no image to use (an Unpatched with ErrNoSuchImage), an
// error that nothing is known (PatchImages ends with it). An image whose
// reference is not known without open parts is not asked about: an Unpatched with
// ErrUnresolved, so give Options the account, the region and the stack's
// parameters.
func ByResolver(ctx context.Context, resolve func(ctx context.Context, ref string) (string, error)) func(Image) (string, error) {
	return func(i Image) (string, error) {
		if i.Text == "" || strings.Contains(i.Text, "${") || strings.Contains(i.Text, "{{resolve:") {
			return "", fmt.Errorf("%w: %s", ErrUnresolved, i.Text)
		}
		if err := context.Cause(ctx); err != nil {
			return "", err
		}
		to, err := resolve(ctx, i.Text)
		if err == nil && to == "" {
			err = fmt.Errorf("%w: %s", ErrNoSuchImage, i.Text)
		}
		return to, err
	}
}

// FirstOf asks one function after the other and takes the first answer that
// is not "", an error included. A nil function has no answer.
func FirstOf(changes ...func(Image) (string, error)) func(Image) (string, error) {
	return func(i Image) (string, error) {
		for _, c := range changes {
			if c == nil {
				continue
			}
			if to, err := c(i); to != "" || err != nil {
				return to, err
			}
		}
		return "", nil
	}
}

// isSkip reports whether an error of such a function is about one image only.
func isSkip(err error) bool {
	return errors.Is(err, ErrNoSuchImage) || errors.Is(err, ErrUnresolved)
}

package ecrx

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/internal/poll"
)

// Use is one image and who needs it. It is a literal type, so that sources of
// other packages, such as ecsx.Uses and cfnx.Uses, fit without knowing this
// one.
type Use = struct{ Ref, By string }

// Need is an image that must exist.
type Need struct {
	Image Image `json:"image"`
	// By is everybody who needs it, sorted.
	By []string `json:"by"`
}

// Ref is the reference in full.
func (n Need) Ref() string { return n.Image.String() }

// InUse collects what sources say is needed, each image once with all who need
// it, sorted by registry and repository: of many clusters, regions and accounts
// if there is a source for each. A reference with a digest and the same one
// without are two needs: the tag may move.
//
// A source that fails, or a reference that is none, does not stop the others;
// the joined error then says why the answer is not complete. Do not delete or
// expire anything on the strength of an answer that came with an error.
func InUse(ctx context.Context, sources ...iter.Seq2[Use, error]) ([]Need, error) {
	by := map[Image]map[string]bool{}
	var errs []error
	for _, source := range sources {
		if source == nil {
			continue
		}
		for use, err := range source {
			if ctx.Err() != nil {
				return nil, poll.Ended(ctx, err)
			}
			if err != nil {
				errs = append(errs, err)
				break
			}
			img, err := Parse(use.Ref)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			if by[img] == nil {
				by[img] = map[string]bool{}
			}
			by[img][use.By] = true
		}
	}
	out := make([]Need, 0, len(by))
	for img, who := range by {
		n := Need{Image: img}
		for w := range who {
			n.By = append(n.By, w)
		}
		slices.Sort(n.By)
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b Need) int { return strings.Compare(a.Ref(), b.Ref()) })
	return out, errors.Join(errs...)
}

// Refs is a source of references that somebody named.
func Refs(by string, refs ...string) iter.Seq2[Use, error] {
	return func(yield func(Use, error) bool) {
		for _, ref := range refs {
			if !yield(Use{Ref: ref, By: by}, nil) {
				return
			}
		}
	}
}

// byRepository groups needs; what is not in ECR is left out.
func byRepository(needs []Need) map[Repository][]Need {
	out := map[Repository][]Need{}
	for _, n := range needs {
		if n.Image.Private() {
			out[n.Image.Repo()] = append(out[n.Image.Repo()], n)
		}
	}
	return out
}

package ecrx

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/stackrescue/stackrescue/internal/clock"
	"github.com/stackrescue/stackrescue/internal/poll"
)

// CheckOptions change [Check]. The zero value is the default.
type CheckOptions struct {
	// Policies, where set, is asked for the policy of each repository, so that
	// Status.Headroom is known. It costs one more call for each repository, and
	// repositories are read to the end.
	Policies interface {
		GetLifecyclePolicy(context.Context, *ecr.GetLifecyclePolicyInput, ...func(*ecr.Options)) (*ecr.GetLifecyclePolicyOutput, error)
	}
	// PullThrough, where set, is asked for the pull-through cache rules of each
	// registry in which something is missing, so that Status.Upstream is known.
	PullThrough ecr.DescribePullThroughCacheRulesAPIClient
	// Read are repositories whose images were read before, such as by [Audit]:
	// they are not read again. Account and Region must be set.
	Read map[Repository][]Stored
	// Children is what indexes list, by digest, where that is known. An index
	// that is not in it is taken to be complete.
	Children map[string][]string
	// Manifests, where set, is asked what the indexes of a repository list in
	// which a policy may take an untagged image that is needed by digest: an
	// image that an index lists is safe while the index is. ECR counts that as a
	// pull of those indexes.
	Manifests interface {
		BatchGetImage(context.Context, *ecr.BatchGetImageInput, ...func(*ecr.Options)) (*ecr.BatchGetImageOutput, error)
	}
	// Client is the client for a repository, where accounts need credentials of
	// their own; it is called from several goroutines. Defaults to the one that
	// was given, for all of them.
	Client func(Repository) ecr.DescribeImagesAPIClient
	// Parallel is how many calls are under way at once. Defaults to 24.
	Parallel int
	// Now is the moment for which Headroom is computed. Defaults to time.Now.
	Now func() time.Time
	// Observe is called with each repository that was read. Nil for nothing.
	Observe func(Event)

	known map[Repository]*Policy // policies of repositories in Read
}

// Check reads the state of each image. It returns one Status per reference, in
// order, and nil as error unless ctx ended: what cannot be read, for want of
// permission or because of throttling, is "unknown", with the reason in its
// Status.
//
// It needs one call for each repository of up to 1,000 images, whatever the
// number of references. With Policies there is one ecr:GetLifecyclePolicy more
// for each, with PullThrough one ecr:DescribePullThroughCacheRules for each
// registry. No call counts as a pull, and none makes a pull-through cache
// import an image.
//
// Calls ecr:DescribeImages. Safe to repeat.
func Check(ctx context.Context, api ecr.DescribeImagesAPIClient, refs []string, optFns ...func(*CheckOptions)) ([]Status, error) {
	c := checker{api: api}
	for _, fn := range optFns {
		if fn != nil {
			fn(&c.opts)
		}
	}
	c.opts.Parallel = cmp.Or(c.opts.Parallel, parallelCalls)
	if c.opts.Now == nil {
		c.opts.Now = func() time.Time { return clock.Now(ctx) }
	}
	out := make([]Status, len(refs))
	groups := map[Repository]*group{}
	for i, ref := range refs {
		s := &out[i]
		s.Ref = ref
		var err error
		if s.Image, err = Parse(ref); err != nil {
			s.unknown(err)
		} else if !s.Image.Private() {
			s.State = stateExternal
		} else {
			repo := s.Image.Repo()
			if groups[repo] == nil {
				groups[repo] = &group{repo: repo}
			}
			groups[repo].statuses = append(groups[repo].statuses, s)
		}
	}
	sorted := make([]*group, 0, len(groups))
	for _, g := range groups {
		sorted = append(sorted, g)
	}
	slices.SortFunc(sorted, func(a, b *group) int { return a.repo.compare(b.repo) })
	read := 0
	parallel(c.opts.Parallel, len(sorted), func(i int) { c.read(ctx, sorted[i]) }, func(i int) {
		read++
		if c.opts.Observe != nil {
			c.opts.Observe(Event{Repository: sorted[i].repo, What: "images", Done: read, Of: len(sorted), Err: sorted[i].err})
		}
	})
	if ctx.Err() != nil {
		return nil, poll.Ended(ctx, nil)
	}
	parallel(c.opts.Parallel, len(sorted), func(i int) { c.judge(ctx, sorted[i]) }, func(int) {})
	if ctx.Err() != nil {
		return nil, poll.Ended(ctx, nil)
	}
	if err := c.upstreams(ctx, sorted); err != nil {
		return nil, err
	}
	return out, nil
}

type checker struct {
	api  ecr.DescribeImagesAPIClient
	opts CheckOptions
}

func isA[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

package ecrx

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/stackrescue/stackrescue/internal/clock"
	"github.com/stackrescue/stackrescue/internal/poll"
)

// AuditAPI is DescribeRepositories, DescribeImages and GetLifecyclePolicy of
// *ecr.Client.
type AuditAPI interface {
	ecr.DescribeRepositoriesAPIClient
	ecr.DescribeImagesAPIClient
	GetLifecyclePolicy(context.Context, *ecr.GetLifecyclePolicyInput, ...func(*ecr.Options)) (*ecr.GetLifecyclePolicyOutput, error)
}

// AuditOptions change [Audit]. The zero value is the default.
type AuditOptions struct {
	// Account is the registry. Defaults to that of the client.
	Account string
	// Repositories are the names to look at. Defaults to all.
	Repositories []string
	// Manifests, where set, is asked what needed indexes list, so that their
	// children count as needed too, and what all indexes of a repository list in
	// which an untagged image is needed: it may be a child of one. ECR counts
	// that as a pull of those indexes.
	Manifests interface {
		BatchGetImage(context.Context, *ecr.BatchGetImageInput, ...func(*ecr.Options)) (*ecr.BatchGetImageOutput, error)
	}
	// Window is for how long what is needed should be safe, beside the 24 hours
	// that a policy may take. Defaults to 7 days.
	Window time.Duration
	// Pushes is how many pushes are expected within it, for rules that count: as
	// in [AuditReport.Pushes].
	Pushes int
	// Parallel is how many calls are under way at once. Defaults to 24.
	Parallel int
	// Now is the moment of the audit. Defaults to time.Now.
	Now func() time.Time
	// Observe is called with each call that is done. Nil for nothing.
	Observe func(Event)
}

// Audit reads every repository of a registry with its policy and says what the
// policies do to what is there and to what is needed, now and within the
// window. A repository that cannot be read, for want of permission say, is
// reported with the reason, and what is needed from it as "unknown"; only the
// list of repositories must be readable.
//
// It makes one call for each 1,000 repositories, one for each policy, one for
// each 1,000 images of a repository, and with Manifests one
// ecr:BatchGetImage for each repository with needed indexes.
//
// Calls ecr:DescribeRepositories, ecr:GetLifecyclePolicy, ecr:DescribeImages.
// Safe to repeat.
func Audit(ctx context.Context, api AuditAPI, needs []Need, optFns ...func(*AuditOptions)) (*AuditReport, error) {
	a := auditor{api: api, needs: byRepository(needs)}
	for _, fn := range optFns {
		if fn != nil {
			fn(&a.opts)
		}
	}
	a.opts.Parallel = cmp.Or(a.opts.Parallel, parallelCalls)
	a.opts.Window = cmp.Or(a.opts.Window, 7*24*time.Hour)
	if a.opts.Now == nil {
		a.opts.Now = func() time.Time { return clock.Now(ctx) }
	}
	if err := a.repositories(ctx); err != nil {
		return nil, err
	}
	a.read(ctx)
	a.indexes(ctx)
	if ctx.Err() != nil {
		return nil, poll.Ended(ctx, nil)
	}
	return a.report(ctx, needs)
}

type auditor struct {
	api   AuditAPI
	opts  AuditOptions
	needs map[Repository][]Need
	repos []*audited
}

func (a *auditor) report(ctx context.Context, needs []Need) (*AuditReport, error) {
	now := a.opts.Now()
	out := &AuditReport{Version: auditVersion, At: now.UTC(), Until: now.Add(a.opts.Window + 24*time.Hour).UTC(), Pushes: a.opts.Pushes, read: map[Repository][]Stored{}}
	policies := map[Repository]*Policy{}
	out.Repositories = make([]AuditedRepository, len(a.repos))
	parallel(a.opts.Parallel, len(a.repos), func(i int) { out.Repositories[i] = a.audited(a.repos[i], now) }, func(int) {})
	for _, r := range a.repos {
		if r.error == nil {
			out.read[r.repo] = r.images
			if r.policyErr == nil {
				policies[r.repo] = r.policy
			}
		}
	}
	refs := make([]string, len(needs))
	for i, n := range needs {
		refs[i] = n.Ref()
	}
	statuses, err := Check(ctx, a.api, refs, func(o *CheckOptions) {
		o.Read, o.known, o.Parallel, o.Now = out.read, policies, a.opts.Parallel, a.opts.Now
	})
	if err != nil {
		return nil, err
	}
	for i, s := range statuses {
		out.Needs = append(out.Needs, NeedStatus{Status: s, By: needs[i].By})
	}
	return out, nil
}

func (a *auditor) audited(r *audited, now time.Time) AuditedRepository {
	out := AuditedRepository{Repository: r.repo, Policy: r.text, Images: len(r.images), Needed: len(a.needs[r.repo])}
	if err := errors.Join(r.error, r.policyErr); err != nil {
		out.Error = err.Error()
	}
	for _, x := range r.images {
		out.Bytes += x.Bytes
		if x.Status == types.ImageStatusArchived {
			out.Archived++
		}
		if len(x.Tags) == 0 {
			out.Untagged++
		}
	}
	if r.error != nil || r.policyErr != nil {
		return out
	}
	for _, v := range r.policy.Evaluate(r.images, now) {
		switch v.Action {
		case actionExpire:
			out.Expires++
		case actionTransition:
			out.Archives++
		}
		if !v.Certain() {
			out.Uncertain++
		}
	}
	out.Findings = r.policy.Lint(r.images, a.needs[r.repo], now)
	return out
}

package ecrx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/stackrescue/stackrescue/internal/poll"
)

// AuditAPI is DescribeRepositories, DescribeImages and GetLifecyclePolicy of
// *ecr.Client.
type AuditAPI interface {
	ecr.DescribeRepositoriesAPIClient
	ecr.DescribeImagesAPIClient
	GetPolicyAPI
}

// AuditOptions change [Audit]. The zero value is the default.
type AuditOptions struct {
	// Account is the registry. Defaults to that of the client.
	Account string
	// Repositories are the names to look at. Defaults to all.
	Repositories []string
	// Manifests, where set, is asked what needed indexes list, so that their
	// children count as needed too. ECR counts that as a pull of those indexes.
	Manifests BatchGetImageAPI
	// Window is for how long what is needed should be safe, beside the 24 hours
	// that a policy may take. Defaults to 7 days.
	Window time.Duration
	// Parallel is how many calls are under way at once. Defaults to 16.
	Parallel int
	// Now is the moment for which it is told. Defaults to time.Now.
	Now func() time.Time
	// Observe is told about every call that is done.
	Observe func(AuditEvent)
}

// AuditEvent is progress of an [Audit].
type AuditEvent struct {
	Repository Repository
	// What was read: "policy", "images" or "indexes".
	What string
	// Done of Of calls, or series of calls, of this kind are done.
	Done, Of int
	Err      error
}

// String is one line.
func (e AuditEvent) String() string {
	s := fmt.Sprintf("%d of %d: repository %s: %s", e.Done, e.Of, e.Repository, e.What)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Audit reads every repository of a registry with its policy and says what the
// policies do to what is there and to what is needed, now and within the
// window. A repository that cannot be read, for want of permission say, is
// reported with the reason, and what is needed from it as [Unknown]; only the
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
		fn(&a.opts)
	}
	a.opts.Parallel = cmp.Or(a.opts.Parallel, parallelCalls)
	a.opts.Window = cmp.Or(a.opts.Window, 7*24*time.Hour)
	if a.opts.Now == nil {
		a.opts.Now = time.Now
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

type audited struct {
	repo             Repository
	policy           *Policy
	text             string
	images           []Stored
	policyErr, error error
}

func (a *auditor) repositories(ctx context.Context) error {
	in := &ecr.DescribeRepositoriesInput{MaxResults: aws.Int32(1000)}
	if len(a.opts.Repositories) > 0 { // names and paging exclude each other
		in.MaxResults = nil
	}
	if a.opts.Account != "" {
		in.RegistryId = &a.opts.Account
	}
	for names := range chunksOr(a.opts.Repositories, maxIDs) {
		in.RepositoryNames = names
		for p := ecr.NewDescribeRepositoriesPaginator(a.api, in); p.HasMorePages(); {
			page, err := p.NextPage(ctx)
			if err != nil {
				return fmt.Errorf("repositories: %w", err)
			}
			for _, r := range page.Repositories {
				repo := Repository{Account: aws.ToString(r.RegistryId), Name: aws.ToString(r.RepositoryName)}
				if parts := strings.Split(aws.ToString(r.RepositoryArn), ":"); len(parts) > 4 {
					repo.Region = parts[3]
				}
				a.repos = append(a.repos, &audited{repo: repo})
			}
		}
	}
	slices.SortFunc(a.repos, func(x, y *audited) int { return x.repo.compare(y.repo) })
	return nil
}

// chunksOr is the names in chunks, or once none.
func chunksOr(names []string, n int) func(yield func([]string) bool) {
	if len(names) == 0 {
		return func(yield func([]string) bool) { yield(nil) }
	}
	return slices.Chunk(names, n)
}

// read reads policies and images, each by itself, so that no call waits for
// another.
func (a *auditor) read(ctx context.Context) {
	n := len(a.repos)
	done := 0
	parallel(a.opts.Parallel, 2*n, func(i int) {
		r := a.repos[i%n]
		if i < n {
			r.images, r.error = Images(ctx, a.api, r.repo)
		} else {
			r.policy, r.text, r.policyErr = readPolicy(ctx, a.api, r.repo)
		}
	}, func(i int) {
		done++
		r := a.repos[i%n]
		e := AuditEvent{Repository: r.repo, Done: done, Of: 2 * n}
		if i < n { // the other half may be on its way
			e.What, e.Err = "images", r.error
		} else {
			e.What, e.Err = "policy", r.policyErr
		}
		a.observe(e)
	})
}

func (a *auditor) observe(e AuditEvent) {
	if a.opts.Observe != nil {
		a.opts.Observe(e)
	}
}

// indexes reads what needed indexes list.
func (a *auditor) indexes(ctx context.Context) {
	if a.opts.Manifests == nil {
		return
	}
	var todo []*audited
	wanted := map[Repository][]string{}
	for _, r := range a.repos {
		located := locate(r.images, a.needs[r.repo])
		for i, x := range r.images {
			if len(located[i]) > 0 && x.Index() && x.Status != types.ImageStatusArchived {
				wanted[r.repo] = append(wanted[r.repo], x.Digest)
			}
		}
		if len(wanted[r.repo]) > 0 {
			todo = append(todo, r)
		}
	}
	done := 0
	errs := make([]error, len(todo))
	parallel(a.opts.Parallel, len(todo), func(i int) {
		var found map[string]Manifest
		found, errs[i] = Manifests(ctx, a.opts.Manifests, todo[i].repo, wanted[todo[i].repo])
		for j := range todo[i].images {
			if m, ok := found[todo[i].images[j].Digest]; ok {
				todo[i].images[j].Children = m.Children()
			}
		}
	}, func(i int) {
		done++
		todo[i].error = errors.Join(todo[i].error, errs[i])
		a.observe(AuditEvent{Repository: todo[i].repo, What: "indexes", Done: done, Of: len(todo), Err: errs[i]})
	})
}

func (a *auditor) report(ctx context.Context, needs []Need) (*AuditReport, error) {
	now := a.opts.Now()
	out := &AuditReport{Version: AuditVersion, At: now.UTC(), Until: now.Add(a.opts.Window + 24*time.Hour).UTC(), read: map[Repository][]Stored{}}
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
	out := AuditedRepository{Repository: r.repo, Policy: r.text, Images: len(r.images), Needed: len(a.needs[r.repo]), Err: errors.Join(r.error, r.policyErr)}
	if out.Err != nil {
		out.Error = out.Err.Error()
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
	for _, v := range Evaluate(r.policy, r.images, now) {
		switch v.Action {
		case Expire:
			out.Expires++
		case Transition:
			out.Archives++
		}
		if !v.Certain() {
			out.Uncertain++
		}
	}
	out.Findings = Lint(r.policy, r.images, a.needs[r.repo], now)
	return out
}

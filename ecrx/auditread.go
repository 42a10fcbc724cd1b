package ecrx

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

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
			r.images, r.error = r.repo.Images(ctx, a.api)
		} else {
			r.policy, r.text, r.policyErr = readPolicy(ctx, a.api, r.repo)
		}
	}, func(i int) {
		done++
		r := a.repos[i%n]
		e := Event{Repository: r.repo, Done: done, Of: 2 * n}
		if i < n { // the other half may be on its way
			e.What, e.Err = "images", r.error
		} else {
			e.What, e.Err = "policy", r.policyErr
		}
		a.observe(e)
	})
}

func (a *auditor) observe(e Event) {
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
		// A needed image without a tag may be a child of any index.
		orphaned := slices.ContainsFunc(slices.Collect(maps.Keys(located)), func(i int) bool { return len(r.images[i].Tags) == 0 && !r.images[i].Index() })
		for i, x := range r.images {
			if (orphaned || len(located[i]) > 0) && x.Index() && x.Status != types.ImageStatusArchived {
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
		var found map[string]manifest
		found, errs[i] = readManifests(ctx, a.opts.Manifests, todo[i].repo, wanted[todo[i].repo])
		for j := range todo[i].images {
			if m, ok := found[todo[i].images[j].Digest]; ok {
				todo[i].images[j].Children = m.Children()
			}
		}
	}, func(i int) {
		done++
		todo[i].error = errors.Join(todo[i].error, errs[i])
		a.observe(Event{Repository: todo[i].repo, What: "indexes", Done: done, Of: len(todo), Err: errs[i]})
	})
}

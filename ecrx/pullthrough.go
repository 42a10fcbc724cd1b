package ecrx

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/stackrescue/stackrescue/internal/poll"
)

// upstreams adds where a pull-through cache would get what is missing. Rules
// that cannot be read are named in the reason; they do not change a state.
func (c *checker) upstreams(ctx context.Context, groups []*group) error {
	if c.opts.PullThrough == nil {
		return nil
	}
	type answer struct {
		rules []types.PullThroughCacheRule
		err   error
	}
	read := map[Repository]answer{}
	for _, g := range groups {
		for _, s := range g.statuses {
			if s.State != stateMissing && s.State != stateMissingRepository {
				continue
			}
			registry := Repository{Account: g.repo.Account, Region: g.repo.Region}
			a, ok := read[registry]
			if !ok {
				a.rules, a.err = cacheRules(ctx, c.opts.PullThrough, registry)
				read[registry] = a
			}
			switch {
			case ctx.Err() != nil:
				return poll.Ended(ctx, a.err)
			case a.err != nil:
				s.Reason = strings.TrimPrefix(s.Reason+"; pull-through cache rules are not known: "+a.err.Error(), "; ")
			default:
				s.Upstream = upstream(a.rules, g.repo.Name)
			}
		}
	}
	return nil
}

func cacheRules(ctx context.Context, api ecr.DescribePullThroughCacheRulesAPIClient, registry Repository) ([]types.PullThroughCacheRule, error) {
	var out []types.PullThroughCacheRule
	for p := ecr.NewDescribePullThroughCacheRulesPaginator(api, &ecr.DescribePullThroughCacheRulesInput{RegistryId: registry.registry(), MaxResults: aws.Int32(1000)}); p.HasMorePages(); {
		page, err := p.NextPage(ctx, registry.there)
		if err != nil {
			return nil, fmt.Errorf("registry %s: %w", registry.Account, err)
		}
		out = append(out, page.PullThroughCacheRules...)
	}
	return out, nil
}

// upstream is the registry behind a repository's name: that of the longest
// prefix; ROOT is behind every name (docs/aws/ecr.md 1.7).
func upstream(rules []types.PullThroughCacheRule, repository string) string {
	best, url := -1, ""
	for _, r := range rules {
		prefix := aws.ToString(r.EcrRepositoryPrefix)
		n := len(prefix)
		if prefix == "ROOT" {
			n = 0
		} else if !strings.HasPrefix(repository, prefix+"/") {
			continue
		}
		if n > best {
			best, url = n, aws.ToString(r.UpstreamRegistryUrl)
		}
	}
	return url
}

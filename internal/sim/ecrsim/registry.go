package ecrsim

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/stackrescue/stackrescue/internal/sim/page"
)

type cacheRule struct {
	prefix, upstream string
	created          time.Time
}

// AddPullThroughCacheRule makes repositories under prefix caches of an upstream
// registry, as far as DescribePullThroughCacheRules shows.
func (s *Service) AddPullThroughCacheRule(prefix, upstreamURL string) {
	s.rules = append(s.rules, cacheRule{prefix, upstreamURL, s.w.Now()})
}

// GetAuthorizationToken implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html:
// the token is valid for 12 hours.
func (s *Service) GetAuthorizationToken(context.Context, *ecr.GetAuthorizationTokenInput) (*ecr.GetAuthorizationTokenOutput, error) {
	return &ecr.GetAuthorizationTokenOutput{AuthorizationData: []types.AuthorizationData{{
		AuthorizationToken: aws.String(base64.StdEncoding.EncodeToString([]byte("AWS:simulated-" + s.w.Hex(32)))),
		ExpiresAt:          aws.Time(s.w.Now().Add(12 * time.Hour)),
		ProxyEndpoint:      aws.String("https://" + s.Host()),
	}}}, nil
}

// DescribePullThroughCacheRules implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribePullThroughCacheRules.html
func (s *Service) DescribePullThroughCacheRules(_ context.Context, in *ecr.DescribePullThroughCacheRulesInput) (*ecr.DescribePullThroughCacheRulesOutput, error) {
	byPrefix := map[string]types.PullThroughCacheRule{}
	for _, c := range s.rules {
		byPrefix[c.prefix] = types.PullThroughCacheRule{CreatedAt: aws.Time(c.created), EcrRepositoryPrefix: aws.String(c.prefix),
			RegistryId: aws.String(s.w.Account), UpdatedAt: aws.Time(c.created), UpstreamRegistryUrl: aws.String(c.upstream)}
	}
	wanted := in.EcrRepositoryPrefixes
	if len(wanted) == 0 {
		wanted = sortedKeys(byPrefix)
	}
	rules := []types.PullThroughCacheRule{}
	for _, p := range wanted {
		r, ok := byPrefix[p]
		if !ok {
			return nil, &types.PullThroughCacheRuleNotFoundException{Message: aws.String(fmt.Sprintf(
				"Pull through cache rule with repository prefix '%s' does not exist in the registry with id '%s'", p, s.w.Account))}
		}
		rules = append(rules, r)
	}
	part, next, ok := page.Of(rules, in.NextToken, int(defaultTo(in.MaxResults, 100)))
	if !ok {
		return nil, invalidToken()
	}
	return &ecr.DescribePullThroughCacheRulesOutput{PullThroughCacheRules: part, NextToken: next}, nil
}

package ecrsim

import (
	"context"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

var exclusionFilter = regexp.MustCompile(`^[0-9a-zA-Z._*-]{1,128}$`)

// setMutability holds the rules of
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html:
// at most five wildcard filters, and only with a setting that has exclusions.
func (r *repository) setMutability(m types.ImageTagMutability, filters []types.ImageTagMutabilityExclusionFilter) error {
	if m == "" {
		m = types.ImageTagMutabilityMutable
	}
	excluding := m == types.ImageTagMutabilityMutableWithExclusion || m == types.ImageTagMutabilityImmutableWithExclusion
	switch {
	case !excluding && len(filters) > 0:
		return invalid("imageTagMutabilityExclusionFilters", "requires a setting with exclusion")
	case excluding && (len(filters) == 0 || len(filters) > 5):
		return invalid("imageTagMutabilityExclusionFilters", "must have between 1 and 5 filters")
	}
	for _, f := range filters {
		if f.FilterType != types.ImageTagMutabilityExclusionFilterTypeWildcard || !exclusionFilter.MatchString(aws.ToString(f.Filter)) {
			return invalid("imageTagMutabilityExclusionFilters", "must satisfy regular expression '"+exclusionFilter.String()+"'")
		}
	}
	r.mutability, r.exclusions = m, filters
	return nil
}

// immutable reports whether tag may not move.
func (r *repository) immutable(tag string) bool {
	excluded := false
	for _, f := range r.exclusions {
		excluded = excluded || wildcard(aws.ToString(f.Filter), tag)
	}
	switch r.mutability {
	case types.ImageTagMutabilityImmutable:
		return true
	case types.ImageTagMutabilityImmutableWithExclusion:
		return !excluded
	case types.ImageTagMutabilityMutableWithExclusion:
		return excluded
	}
	return false
}

// wildcard matches s against a pattern in which * is zero or more characters.
func wildcard(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	for _, p := range parts[1 : len(parts)-1] {
		_, rest, found := strings.Cut(s, p)
		if !found {
			return false
		}
		s = rest
	}
	return strings.HasSuffix(s, parts[len(parts)-1])
}

// PutImageTagMutability implements https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImageTagMutability.html
func (s *Service) PutImageTagMutability(_ context.Context, in *ecr.PutImageTagMutabilityInput) (*ecr.PutImageTagMutabilityOutput, error) {
	r, err := s.repo("PutImageTagMutability", in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if err := r.setMutability(in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters); err != nil {
		return nil, err
	}
	return &ecr.PutImageTagMutabilityOutput{
		ImageTagMutability:                 r.mutability,
		ImageTagMutabilityExclusionFilters: r.exclusions,
		RegistryId:                         aws.String(s.w.Account),
		RepositoryName:                     aws.String(r.name),
	}, nil
}

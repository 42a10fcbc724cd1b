package secretssim

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/stackrescue/stackrescue/internal/sim/page"
)

// ListSecrets implements https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html
func (s *Service) ListSecrets(_ context.Context, in *secretsmanager.ListSecretsInput) (*secretsmanager.ListSecretsOutput, error) {
	all := []types.SecretListEntry{}
	for _, x := range s.secrets {
		if !x.deleted.IsZero() && !aws.ToBool(in.IncludePlannedDeletion) {
			continue
		}
		if !slices.ContainsFunc(in.Filters, func(f types.Filter) bool { return !x.meets(f) }) {
			all = append(all, x.entry())
		}
	}
	if in.SortBy == types.SortByTypeName {
		slices.SortFunc(all, func(a, b types.SecretListEntry) int { return strings.Compare(*a.Name, *b.Name) })
	}
	if in.SortOrder == types.SortOrderTypeDesc {
		slices.Reverse(all)
	}
	part, next, ok := page.Of(all, in.NextToken, size(in.MaxResults))
	if !ok {
		return nil, &types.InvalidNextTokenException{Message: aws.String("Invalid NextToken.")}
	}
	return &secretsmanager.ListSecretsOutput{SecretList: part, NextToken: next}, nil
}

func (x *secret) entry() types.SecretListEntry {
	return types.SecretListEntry{
		ARN:                    aws.String(x.arn),
		CreatedDate:            timeOrNil(x.created),
		DeletedDate:            timeOrNil(x.deleted),
		Description:            x.description,
		KmsKeyId:               x.kms,
		LastAccessedDate:       timeOrNil(x.accessed),
		LastChangedDate:        timeOrNil(x.changed),
		Name:                   aws.String(x.name),
		OwningService:          x.owner,
		SecretVersionsToStages: x.stages(),
		Tags:                   x.shownTags(),
	}
}

// meets: a value that starts with ! excludes, the others are alternatives.
func (x *secret) meets(f types.Filter) bool {
	wanted, met := false, false
	for _, v := range f.Values {
		if not, excluded := strings.CutPrefix(v, "!"); excluded {
			if x.has(f.Key, not) {
				return false
			}
			continue
		}
		wanted = true
		met = met || x.has(f.Key, v)
	}
	return met || !wanted
}

// has: names and tags begin with the value, letter case counts; every word of
// the value begins some word of a description, letter case does not count.
func (x *secret) has(key types.FilterNameStringType, v string) bool {
	tag := func(part func(types.Tag) *string) bool {
		return slices.ContainsFunc(x.tags, func(t types.Tag) bool { return strings.HasPrefix(aws.ToString(part(t)), v) })
	}
	name := strings.HasPrefix(x.name, v)
	description := words(aws.ToString(x.description), v)
	switch key {
	case types.FilterNameStringTypeName:
		return name
	case types.FilterNameStringTypeDescription:
		return description
	case types.FilterNameStringTypeTagKey:
		return tag(func(t types.Tag) *string { return t.Key })
	case types.FilterNameStringTypeTagValue:
		return tag(func(t types.Tag) *string { return t.Value })
	case types.FilterNameStringTypeOwningService:
		return strings.HasPrefix(aws.ToString(x.owner), v)
	case types.FilterNameStringTypeAll:
		return name || description || tag(func(t types.Tag) *string { return t.Key }) || tag(func(t types.Tag) *string { return t.Value })
	}
	return false
}

func words(text, prefixes string) bool {
	have := strings.Fields(strings.ToLower(text))
	for _, p := range strings.Fields(strings.ToLower(prefixes)) {
		if !slices.ContainsFunc(have, func(w string) bool { return strings.HasPrefix(w, p) }) {
			return false
		}
	}
	return true
}

// TagResource implements https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_TagResource.html
func (s *Service) TagResource(_ context.Context, in *secretsmanager.TagResourceInput) (*secretsmanager.TagResourceOutput, error) {
	if !nameOrARN(in.SecretId) {
		return nil, invalidName()
	}
	x, err := s.live(in.SecretId)
	if err != nil {
		return nil, err
	}
	x.tagsWereGiven = true
	for _, t := range in.Tags {
		x.untag([]string{aws.ToString(t.Key)})
		x.tags = append(x.tags, t)
	}
	return &secretsmanager.TagResourceOutput{}, nil
}

// UntagResource implements https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UntagResource.html
func (s *Service) UntagResource(_ context.Context, in *secretsmanager.UntagResourceInput) (*secretsmanager.UntagResourceOutput, error) {
	if !nameOrARN(in.SecretId) {
		return nil, invalidName()
	}
	x, err := s.live(in.SecretId)
	if err != nil {
		return nil, err
	}
	x.untag(in.TagKeys)
	return &secretsmanager.UntagResourceOutput{}, nil
}

func (x *secret) untag(keys []string) {
	x.tags = slices.DeleteFunc(x.tags, func(t types.Tag) bool { return slices.Contains(keys, aws.ToString(t.Key)) })
}

package ssmsim

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/stackrescue/stackrescue/internal/sim/page"
)

// GetParameter implements https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html
func (s *Service) GetParameter(_ context.Context, in *ssm.GetParameterInput) (*ssm.GetParameterOutput, error) {
	p, v, selector, err := s.find(in.Name)
	if err != nil {
		return nil, err
	}
	return &ssm.GetParameterOutput{Parameter: new(p.shown(v, selector, aws.ToBool(in.WithDecryption)))}, nil
}

// GetParameters implements https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html:
// what cannot be found is listed, not an error.
func (s *Service) GetParameters(_ context.Context, in *ssm.GetParametersInput) (*ssm.GetParametersOutput, error) {
	if n := len(in.Names); n < 1 || n > 10 {
		return nil, invalid("1 validation error detected: Value at 'names' failed to satisfy constraint: Member must have length less than or equal to 10")
	}
	out := &ssm.GetParametersOutput{InvalidParameters: []string{}, Parameters: []types.Parameter{}}
	for _, name := range in.Names {
		p, v, selector, err := s.find(&name)
		if err != nil {
			out.InvalidParameters = append(out.InvalidParameters, name)
			continue
		}
		out.Parameters = append(out.Parameters, p.shown(v, selector, aws.ToBool(in.WithDecryption)))
	}
	return out, nil
}

// GetParametersByPath implements https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParametersByPath.html
func (s *Service) GetParametersByPath(_ context.Context, in *ssm.GetParametersByPathInput) (*ssm.GetParametersByPathOutput, error) {
	path := aws.ToString(in.Path)
	if !strings.HasPrefix(path, "/") {
		return nil, invalid(`The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash "/". It can't be prefixed with "aws" or "ssm" (case-insensitive). It must use only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the forward slash symbol "/". Valid example: /get/parameters2-/by1./path0_.`)
	}
	path = strings.TrimSuffix(path, "/") + "/"
	all := []types.Parameter{}
	for _, name := range sorted(s.parameters) {
		rest, under := strings.CutPrefix(name, path)
		if under && (aws.ToBool(in.Recursive) || !strings.Contains(rest, "/")) {
			p := s.parameters[name]
			all = append(all, p.shown(p.versions[len(p.versions)-1], nil, aws.ToBool(in.WithDecryption)))
		}
	}
	part, next, ok := page.Of(all, in.NextToken, size(in.MaxResults, 10))
	if !ok {
		return nil, badToken()
	}
	return &ssm.GetParametersByPathOutput{NextToken: next, Parameters: part}, nil
}

// GetParameterHistory implements https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameterHistory.html
func (s *Service) GetParameterHistory(_ context.Context, in *ssm.GetParameterHistoryInput) (*ssm.GetParameterHistoryOutput, error) {
	p, ok := s.parameters[aws.ToString(in.Name)]
	if !ok {
		return nil, notFound()
	}
	all := []types.ParameterHistory{}
	for _, v := range p.versions {
		x := p.shown(v, nil, aws.ToBool(in.WithDecryption))
		all = append(all, types.ParameterHistory{AllowedPattern: v.pattern, DataType: x.DataType, Description: v.description, KeyId: v.key, Labels: []string{},
			LastModifiedDate: x.LastModifiedDate, LastModifiedUser: s.user(), Name: x.Name, Policies: []types.ParameterInlinePolicy{}, Tier: v.tier, Type: x.Type, Value: x.Value, Version: v.number})
	}
	part, next, ok := page.Of(all, in.NextToken, size(in.MaxResults, 50))
	if !ok {
		return nil, badToken()
	}
	return &ssm.GetParameterHistoryOutput{NextToken: next, Parameters: part}, nil
}

func (s *Service) user() *string {
	return aws.String("arn:" + s.w.Partition + ":iam::" + s.w.Account + ":user/simulated")
}

// DescribeParameters implements https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeParameters.html
// with the filters Name, Path and Type.
func (s *Service) DescribeParameters(_ context.Context, in *ssm.DescribeParametersInput) (*ssm.DescribeParametersOutput, error) {
	filters := slices.Clone(in.ParameterFilters)
	for _, f := range in.Filters { // the older form
		filters = append(filters, types.ParameterStringFilter{Key: aws.String(string(f.Key)), Values: f.Values})
	}
	all := []types.ParameterMetadata{}
	for _, name := range sorted(s.parameters) {
		p := s.parameters[name]
		meets, err := p.meets(filters)
		if err != nil {
			return nil, err
		}
		if !meets {
			continue
		}
		v := p.versions[len(p.versions)-1]
		all = append(all, types.ParameterMetadata{ARN: aws.String(p.arn), AllowedPattern: v.pattern, DataType: aws.String(v.dataType), Description: v.description, KeyId: v.key,
			LastModifiedDate: aws.Time(v.at), LastModifiedUser: s.user(), Name: aws.String(p.name), Policies: []types.ParameterInlinePolicy{}, Tier: v.tier, Type: v.kind, Version: v.number})
	}
	part, next, ok := page.Of(all, in.NextToken, size(in.MaxResults, 50))
	if !ok {
		return nil, badToken()
	}
	return &ssm.DescribeParametersOutput{NextToken: next, Parameters: part}, nil
}

func (p *parameter) meets(filters []types.ParameterStringFilter) (bool, error) {
	for _, f := range filters {
		option := aws.ToString(f.Option)
		value := func(v string) bool {
			switch aws.ToString(f.Key) {
			case "Type":
				return string(p.kind) == v
			case "Path":
				rest, under := strings.CutPrefix(p.name, strings.TrimSuffix(v, "/")+"/")
				return under && (option == "Recursive" || !strings.Contains(rest, "/"))
			}
			switch option {
			case "BeginsWith":
				return strings.HasPrefix(p.name, v)
			case "Contains":
				return strings.Contains(p.name, v)
			}
			return p.name == v
		}
		switch aws.ToString(f.Key) {
		case "Name", "Path", "Type":
		default:
			return false, &types.InvalidFilterKey{}
		}
		if !slices.ContainsFunc(f.Values, value) {
			return false, nil
		}
	}
	return true, nil
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

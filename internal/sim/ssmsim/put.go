package ssmsim

import (
	"context"
	"maps"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

var parameterName = regexp.MustCompile(`^[a-zA-Z0-9_.\-/]+$`)

const standardBytes = 4096

// PutParameter implements https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
func (s *Service) PutParameter(_ context.Context, in *ssm.PutParameterInput) (*ssm.PutParameterOutput, error) {
	name := aws.ToString(in.Name)
	if len(name) > 1011 || !parameterName.MatchString(name) || strings.Contains(strings.TrimPrefix(name, "/"), "/") && !strings.HasPrefix(name, "/") {
		return nil, invalid(`Parameter name must be a fully qualified name: it can contain only a-zA-Z0-9_.- and sub-paths divided by slash symbol '/', and begins with / when it has any.`)
	}
	old, exists := s.parameters[name]
	switch {
	case exists && !aws.ToBool(in.Overwrite):
		return nil, &types.ParameterAlreadyExists{Message: aws.String("The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")}
	case exists && in.Tags != nil:
		return nil, invalid("Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.")
	case !exists && in.Type == "":
		return nil, invalid("A parameter type is required when you create a parameter.")
	}
	v := version{number: 1, value: aws.ToString(in.Value), at: s.w.Now(), kind: in.Type, tier: in.Tier, dataType: "text",
		description: in.Description, key: in.KeyId, pattern: in.AllowedPattern}
	if in.DataType != nil {
		v.dataType = *in.DataType
	}
	var last version
	if exists {
		last = old.versions[len(old.versions)-1]
	}
	if v.tier == "" {
		if v.tier = types.ParameterTierStandard; exists {
			v.tier = last.tier
		}
	}
	if v.tier == types.ParameterTierIntelligentTiering {
		if v.tier = types.ParameterTierStandard; len(v.value) > standardBytes {
			v.tier = types.ParameterTierAdvanced
		}
	}
	if v.tier == types.ParameterTierStandard && last.tier == types.ParameterTierAdvanced {
		// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
		// has the rule, https://github.com/go-to-k/cdk-real-drift/pull/408 the text.
		return nil, invalid("This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a standard parameter.")
	}
	if v.tier == types.ParameterTierStandard && len(v.value) > standardBytes {
		return nil, invalid("Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html")
	}
	if v.pattern != nil {
		re, err := regexp.Compile(*v.pattern)
		if err != nil {
			return nil, &types.InvalidAllowedPatternException{Message: aws.String("The request doesn't meet the regular expression requirement: " + err.Error())}
		}
		if !re.MatchString(v.value) {
			return nil, &types.ParameterPatternMismatchException{Message: aws.String("Parameter value, cannot be validated against allowedPattern: " + *v.pattern)}
		}
	}
	if exists {
		v.number = last.number + 1
		if v.kind == "" {
			v.kind = last.kind
		}
		old.kind = v.kind
		old.versions = append(old.versions, v)
		return &ssm.PutParameterOutput{Tier: v.tier, Version: v.number}, nil
	}
	p := &parameter{name: name, arn: s.w.ARN("ssm", "parameter/"+strings.TrimPrefix(name, "/")), kind: v.kind, tags: map[string]string{}, versions: []version{v}}
	for _, t := range in.Tags {
		p.tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	s.parameters[name] = p
	return &ssm.PutParameterOutput{Tier: v.tier, Version: v.number}, nil
}

// DeleteParameter implements https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameter.html
func (s *Service) DeleteParameter(_ context.Context, in *ssm.DeleteParameterInput) (*ssm.DeleteParameterOutput, error) {
	if _, ok := s.parameters[aws.ToString(in.Name)]; !ok {
		return nil, notFound()
	}
	delete(s.parameters, *in.Name)
	s.w.Deleted("AWS::SSM::Parameter", *in.Name)
	return &ssm.DeleteParameterOutput{}, nil
}

// DeleteParameters implements https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameters.html
func (s *Service) DeleteParameters(_ context.Context, in *ssm.DeleteParametersInput) (*ssm.DeleteParametersOutput, error) {
	out := &ssm.DeleteParametersOutput{DeletedParameters: []string{}, InvalidParameters: []string{}}
	for _, name := range in.Names {
		if _, ok := s.parameters[name]; !ok {
			out.InvalidParameters = append(out.InvalidParameters, name)
			continue
		}
		delete(s.parameters, name)
		s.w.Deleted("AWS::SSM::Parameter", name)
		out.DeletedParameters = append(out.DeletedParameters, name)
	}
	return out, nil
}

// tagged finds the parameter of a tag operation, which names it without an ARN.
func (s *Service) tagged(kind types.ResourceTypeForTagging, id *string) (*parameter, error) {
	p, ok := s.parameters[aws.ToString(id)]
	if kind != types.ResourceTypeForTaggingParameter || !ok {
		return nil, &types.InvalidResourceId{}
	}
	return p, nil
}

// AddTagsToResource implements https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_AddTagsToResource.html
func (s *Service) AddTagsToResource(_ context.Context, in *ssm.AddTagsToResourceInput) (*ssm.AddTagsToResourceOutput, error) {
	p, err := s.tagged(in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	for _, t := range in.Tags {
		p.tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return &ssm.AddTagsToResourceOutput{}, nil
}

// RemoveTagsFromResource implements https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_RemoveTagsFromResource.html
func (s *Service) RemoveTagsFromResource(_ context.Context, in *ssm.RemoveTagsFromResourceInput) (*ssm.RemoveTagsFromResourceOutput, error) {
	p, err := s.tagged(in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(p.tags, func(k, _ string) bool {
		for _, x := range in.TagKeys {
			if x == k {
				return true
			}
		}
		return false
	})
	return &ssm.RemoveTagsFromResourceOutput{}, nil
}

// ListTagsForResource implements https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ListTagsForResource.html
func (s *Service) ListTagsForResource(_ context.Context, in *ssm.ListTagsForResourceInput) (*ssm.ListTagsForResourceOutput, error) {
	p, err := s.tagged(in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	out := &ssm.ListTagsForResourceOutput{TagList: []types.Tag{}}
	for _, k := range sorted(p.tags) {
		out.TagList = append(out.TagList, types.Tag{Key: aws.String(k), Value: aws.String(p.tags[k])})
	}
	return out, nil
}

package cfnsim

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// GetTemplate returns a template's text. The default stage is the processed
// one; code points above U+007F come back as "?" (docs/aws/cfn.md 1.8).
func (s *Service) GetTemplate(_ context.Context, in *cloudformation.GetTemplateInput) (*cloudformation.GetTemplateOutput, error) {
	var d *definition
	switch {
	case in.ChangeSetName != nil:
		if in.StackName == nil && !strings.HasPrefix(*in.ChangeSetName, "arn:") {
			return nil, invalid("StackName is a required parameter.")
		}
		cs, err := s.changeSet(in.StackName, in.ChangeSetName)
		if err != nil {
			return nil, err
		}
		d = cs.d
	case in.StackName != nil:
		st := s.find(*in.StackName)
		if st == nil {
			return nil, noStackWithID(*in.StackName)
		}
		if st.now == nil || st.now.t == nil {
			// In REVIEW_IN_PROGRESS there is no text yet, which is no error:
			// cdklabs/awscdk-v1-stack-finder#273, envato/stack_master#233; the CDK CLI counts on it.
			return &cloudformation.GetTemplateOutput{StagesAvailable: []types.TemplateStage{types.TemplateStageOriginal, types.TemplateStageProcessed}, TemplateBody: ptr("")}, nil
		}
		d, _ = st.shown()
	default:
		return nil, invalid("StackName is required if ChangeSetName is not specified.")
	}
	out := &cloudformation.GetTemplateOutput{
		StagesAvailable: []types.TemplateStage{types.TemplateStageOriginal, types.TemplateStageProcessed},
		TemplateBody:    ptr(mangle(d.t.body)),
	}
	if in.TemplateStage != types.TemplateStageOriginal && len(d.t.transforms) > 0 {
		out.TemplateBody = ptr(mangle(d.t.processed()))
	}
	return out, nil
}

// mangle is what AWS does to text that is not ASCII.
func mangle(s string) string {
	return strings.Map(func(r rune) rune {
		if r > 0x7f {
			return '?'
		}
		return r
	}, s)
}

// processed is the template after its transforms, as JSON.
func (t *template) processed() string {
	doc, err := readDocument(t.body)
	if err != nil {
		return t.body
	}
	if slices.Contains(t.transforms, languageExtensions) {
		if err := extend(doc); err != nil {
			return t.body
		}
	}
	delete(doc.root, "Transform")
	b, err := json.Marshal(doc.root)
	if err != nil {
		return t.body
	}
	return string(b)
}

// ValidateTemplate checks a template's syntax.
func (s *Service) ValidateTemplate(ctx context.Context, in *cloudformation.ValidateTemplateInput) (*cloudformation.ValidateTemplateOutput, error) {
	body, _, err := s.body(ctx, in.TemplateBody, in.TemplateURL, nil, nil)
	if err != nil {
		return nil, err
	}
	t, err := readTemplate(body)
	if err != nil {
		return nil, err
	}
	out := &cloudformation.ValidateTemplateOutput{Description: optional(t.description), Parameters: []types.TemplateParameter{}, DeclaredTransforms: t.transforms}
	out.Capabilities, out.CapabilitiesReason = t.capabilities()
	for _, p := range t.parameters {
		out.Parameters = append(out.Parameters, types.TemplateParameter{ParameterKey: ptr(p.name), DefaultValue: p.def, Description: optional(p.description), NoEcho: ptr(p.noEcho)})
	}
	return out, nil
}

func (t *template) capabilities() ([]types.Capability, *string) {
	need := t.needs()
	var why []string
	for _, r := range t.resources {
		if strings.HasPrefix(r.typ, "AWS::IAM::") {
			why = append(why, r.typ)
		}
	}
	if len(why) == 0 {
		return need, nil
	}
	return need, ptr("The following resource(s) require capabilities: [" + strings.Join(unique(why), ", ") + "]")
}

// GetTemplateSummary tells what a template declares
// (docs/aws/recordings.md cloudformation/api/test_templates).
func (s *Service) GetTemplateSummary(ctx context.Context, in *cloudformation.GetTemplateSummaryInput) (*cloudformation.GetTemplateSummaryOutput, error) {
	var t *template
	if in.StackName != nil {
		st := s.find(*in.StackName)
		switch {
		case st == nil:
			return nil, noStackWithID(*in.StackName)
		case st.status == types.StackStatusReviewInProgress:
			return nil, invalid("GetTemplateSummary cannot be called on REVIEW_IN_PROGRESS stacks.")
		}
		t = st.now.t
	} else {
		body, _, err := s.body(ctx, in.TemplateBody, in.TemplateURL, nil, nil)
		if err != nil {
			return nil, err
		}
		if t, err = readTemplate(body); err != nil {
			return nil, err
		}
	}
	out := &cloudformation.GetTemplateSummaryOutput{
		Description: optional(t.description), Version: optional(t.version), DeclaredTransforms: t.transforms,
		Parameters: []types.ParameterDeclaration{}, ResourceTypes: []string{}, ResourceIdentifierSummaries: []types.ResourceIdentifierSummary{},
	}
	out.Capabilities, out.CapabilitiesReason = t.capabilities()
	if t.metadata != nil {
		out.Metadata = ptr(text(t.metadata))
	}
	for _, p := range t.parameters {
		d := types.ParameterDeclaration{ParameterKey: ptr(p.name), ParameterType: ptr(p.typ), DefaultValue: p.def, Description: optional(p.description), NoEcho: ptr(p.noEcho), ParameterConstraints: &types.ParameterConstraints{AllowedValues: p.allowed}}
		out.Parameters = append(out.Parameters, d)
	}
	byType := map[string][]string{}
	for _, r := range t.resources {
		if _, ok := byType[r.typ]; !ok {
			out.ResourceTypes = append(out.ResourceTypes, r.typ)
		}
		byType[r.typ] = append(byType[r.typ], r.id)
	}
	slices.Sort(out.ResourceTypes)
	for _, typ := range out.ResourceTypes {
		sum := types.ResourceIdentifierSummary{ResourceType: ptr(typ), LogicalResourceIds: byType[typ]}
		if id := s.kind(typ).identifier; id != "" {
			sum.ResourceIdentifiers = []string{id}
		}
		out.ResourceIdentifierSummaries = append(out.ResourceIdentifierSummaries, sum)
	}
	return out, nil
}

package cfnsim

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/internal/sim/fields"
	"github.com/stackrescue/stackrescue/internal/sim/op"
)

// CreateStack starts the creation of a stack. A stack in REVIEW_IN_PROGRESS,
// which only has change sets, may be created too; its change sets become
// obsolete (docs/aws/recordings.md cloudformation/api/test_changesets).
func (s *Service) CreateStack(ctx context.Context, in *cloudformation.CreateStackInput) (*cloudformation.CreateStackOutput, error) {
	name := str(in.StackName)
	if err := checkName(name); err != nil {
		return nil, err
	}
	old := s.find(name)
	if old != nil && in.ClientRequestToken != nil && old.tokens[*in.ClientRequestToken] {
		return &cloudformation.CreateStackOutput{StackId: ptr(old.id), OperationId: ptr(old.operationID())}, nil
	}
	body, url, err := s.body(ctx, in.TemplateBody, in.TemplateURL, nil, nil)
	if err != nil {
		return nil, err
	}
	if old != nil && old.status != types.StackStatusReviewInProgress {
		return nil, &types.AlreadyExistsException{Message: ptr("Stack [" + old.name + "] already exists")}
	}
	d, err := s.definition(ctx, body, url, in.Parameters, nil)
	if err != nil {
		return nil, err
	}
	if err := s.assumable(in.RoleARN, nil); err != nil {
		return nil, err
	}
	d.tags, d.capabilities, d.notices, d.role, d.monitoring = in.Tags, in.Capabilities, in.NotificationARNs, in.RoleARN, in.RollbackConfiguration
	if err := d.check(in.Capabilities, in.ResourceTypes, true); err != nil {
		return nil, err
	}
	policy, _, err := s.givenPolicy(ctx, in.StackPolicyBody, in.StackPolicyURL)
	if err != nil {
		return nil, err
	}
	if in.OnFailure != "" && in.DisableRollback != nil {
		return nil, invalid("You can specify either DisableRollback or OnFailure, but not both.")
	}
	st := old
	if st == nil {
		st = s.newStack(name, d)
	}
	st.now, st.policy, st.protected, st.timeout = d, policy, isTrue(in.EnableTerminationProtection), in.TimeoutInMinutes
	st.noRollback = isTrue(in.DisableRollback)
	if in.OnFailure != "" {
		st.onFailure = in.OnFailure
	}
	for _, cs := range st.changeSets {
		cs.execution = types.ExecutionStatusObsolete
		for _, c := range cs.children {
			c.st.forget(c)
		}
	}
	st.dropNew = isTrue(in.RetainExceptOnCreate)
	id := st.begin(types.OperationTypeCreateStack, in.ClientRequestToken)
	st.remember(in.ClientRequestToken)
	st.create(nil)
	return &cloudformation.CreateStackOutput{StackId: ptr(st.id), OperationId: ptr(id)}, nil
}

func (s *stack) remember(token *string) {
	if token != nil {
		s.tokens[*token] = true
	}
}

// definition reads a template and the values of its parameters.
func (s *Service) definition(ctx context.Context, body, url string, params []types.Parameter, previous []argument) (*definition, error) {
	t, err := readTemplate(body)
	if err != nil {
		return nil, err
	}
	d := &definition{t: t, url: url}
	if d.arguments, err = s.arguments(ctx, t, params, previous); err != nil {
		return nil, err
	}
	c := &scope{ctx: ctx, svc: s, t: t, arguments: d.arguments}
	if err := c.decide(); err != nil {
		return nil, err
	}
	if err := c.checkLive(); err != nil {
		return nil, err
	}
	return d, c.checkStatic()
}

// checkStatic computes what does not depend on resources, so that a missing
// mapping is refused before anything starts
// (docs/aws/recordings.md cloudformation/engine/test_mappings).
func (c *scope) checkStatic() error {
	c.ref = func(id string) (any, error) { return unknown{id}, nil }
	c.att = func(id, _ string) (any, error) { return unknown{id}, nil }
	for _, d := range c.resources() {
		if _, err := c.properties(d); err != nil && strings.Contains(message(err), "Unable to get mapping") {
			return err
		}
	}
	return nil
}

// check refuses missing capabilities and resource types that are not allowed
// (docs/aws/recordings.md cloudformation/api/test_update_stack, test_template_engine).
func (d *definition) check(caps []types.Capability, allowed []string, direct bool) error {
	has := func(c types.Capability) bool { return slices.Contains(caps, c) }
	need := d.t.needs()
	var lacks []string
	for _, c := range need {
		switch c {
		case types.CapabilityCapabilityAutoExpand:
			if direct && !has(c) {
				lacks = append(lacks, string(c))
			}
		case types.CapabilityCapabilityNamedIam:
			if !has(c) {
				lacks = append(lacks, string(c))
			}
		case types.CapabilityCapabilityIam:
			if !has(c) && !has(types.CapabilityCapabilityNamedIam) {
				lacks = append(lacks, string(c))
			}
		}
	}
	for _, t := range d.t.transforms {
		if t != languageExtensions && len(lacks) == 0 {
			return op.Error(fields.NotSimulated, "the simulated cloud refuses the transform "+t+": macros are not run")
		}
	}
	if len(lacks) > 0 {
		return &types.InsufficientCapabilitiesException{Message: ptr("Requires capabilities : [" + strings.Join(lacks, ", ") + "]")}
	}
	if len(allowed) == 0 {
		return nil
	}
	for _, r := range d.t.resources {
		if !slices.ContainsFunc(allowed, func(p string) bool { return glob(p, r.typ) }) {
			return invalidf("Resource type %s is not allowed by parameter ResourceTypes [%s]", r.typ, strings.Join(allowed, ", "))
		}
	}
	return nil
}

// needs are the capabilities that a template needs
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html, Capabilities).
func (t *template) needs() []types.Capability {
	var iam, named bool
	for _, r := range t.resources {
		switch r.typ {
		case "AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group", "AWS::IAM::ManagedPolicy", "AWS::IAM::InstanceProfile":
			for _, p := range []string{"RoleName", "UserName", "GroupName", "ManagedPolicyName", "InstanceProfileName"} {
				if _, ok := r.properties[p]; ok {
					named = true
				}
			}
			iam = true
		case "AWS::IAM::Policy", "AWS::IAM::AccessKey", "AWS::IAM::UserToGroupAddition":
			iam = true
		}
	}
	var need []types.Capability
	switch {
	case named:
		need = append(need, types.CapabilityCapabilityNamedIam)
	case iam:
		need = append(need, types.CapabilityCapabilityIam)
	}
	if len(t.transforms) > 0 {
		need = append(need, types.CapabilityCapabilityAutoExpand)
	}
	return need
}

// UpdateTerminationProtection switches the protection of a root stack.
func (s *Service) UpdateTerminationProtection(_ context.Context, in *cloudformation.UpdateTerminationProtectionInput) (*cloudformation.UpdateTerminationProtectionOutput, error) {
	st := s.find(str(in.StackName))
	switch {
	case st == nil || !st.live():
		return nil, noStackBrackets(str(in.StackName))
	case st.parent != nil:
		return nil, invalid("EnableTerminationProtection cannot be changed on nested stacks.")
	}
	st.protected = isTrue(in.EnableTerminationProtection)
	return &cloudformation.UpdateTerminationProtectionOutput{StackId: ptr(st.id)}, nil
}

var errToken = &types.TokenAlreadyExistsException{Message: ptr("A client request token already exists.")}

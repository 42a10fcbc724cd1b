package cfnsim

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// DescribeChangeSet describes a change set, its changes in pages.
func (s *Service) DescribeChangeSet(_ context.Context, in *cloudformation.DescribeChangeSetInput) (*cloudformation.DescribeChangeSetOutput, error) {
	cs, err := s.changeSet(in.StackName, in.ChangeSetName)
	if err != nil {
		return nil, err
	}
	st := cs.st
	out := &cloudformation.DescribeChangeSetOutput{
		ChangeSetId: ptr(cs.id), ChangeSetName: ptr(cs.name), StackId: ptr(st.id), StackName: ptr(st.name), CreationTime: ptr(cs.created.UTC()),
		Status: cs.status, StatusReason: optional(cs.reason), ExecutionStatus: cs.execution, Description: optional(cs.description),
		Capabilities: sortedCapabilities(cs.d.capabilities), Parameters: shown(cs.d.arguments), Tags: cs.d.tags, IncludeNestedStacks: ptr(cs.nested),
		NotificationARNs: append([]string{}, cs.d.notices...), RollbackConfiguration: &types.RollbackConfiguration{}, OnStackFailure: cs.onFailure,
	}
	if out.Capabilities == nil {
		out.Capabilities = []types.Capability{}
	}
	if cs.d.monitoring != nil {
		out.RollbackConfiguration = cs.d.monitoring
	}
	if cs.parent != nil {
		out.ParentChangeSetId, out.RootChangeSetId = ptr(cs.parent.id), ptr(cs.root().id)
	}
	page, next, err := cut(cs.changes, in.NextToken, 100)
	if err != nil {
		return nil, err
	}
	out.NextToken, out.Changes = next, []types.Change{}
	for _, f := range page {
		out.Changes = append(out.Changes, types.Change{Type: types.ChangeTypeResource, ResourceChange: cs.change(f, isTrue(in.IncludePropertyValues))})
	}
	return out, nil
}

// change is a difference as a change set shows it; the shapes are recorded in
// recordings/cloudformation/test_change_set_*.
func (cs *changeSet) change(f difference, values bool) *types.ResourceChange {
	r := &types.ResourceChange{
		Action: f.action, LogicalResourceId: ptr(f.id), ResourceType: ptr(f.typ), PhysicalResourceId: optional(f.physical),
		Details: []types.ResourceChangeDetail{}, Scope: append([]types.ResourceAttribute{}, f.scope...),
	}
	if child := cs.children[f.id]; child != nil {
		r.ChangeSetId = ptr(child.id)
	}
	if values && f.after != nil {
		r.AfterContext = contextOf(f.after)
	}
	if values && f.before != nil {
		r.BeforeContext = contextOf(f.before)
	}
	switch f.action {
	case types.ChangeActionRemove:
		r.PolicyAction = policyAction(f.old.deletionPolicy, "")
	case types.ChangeActionModify:
		r.Replacement = f.replaced
		if f.replaced == types.ReplacementTrue {
			r.PolicyAction = policyAction(f.decl.updatePolicy, "ReplaceAnd")
			if !cs.static(f) {
				r.Replacement = types.ReplacementConditional
			}
		}
		r.Details = cs.details(f, values)
		if f.automatic {
			r.Scope = []types.ResourceAttribute{types.ResourceAttributeProperties}
		}
	}
	return r
}

func policyAction(policy, prefix string) types.PolicyAction {
	switch policy {
	case "Retain", "Snapshot":
		return types.PolicyAction(prefix + policy)
	}
	return types.PolicyAction(prefix + "Delete")
}

// static reports whether a replacement is certain: a property that recreates
// has a new value that is known, or comes from a resource that is replaced. A
// nested change set tells only what it computed itself
// (world.Switches.NestedChangeSets).
func (cs *changeSet) static(f difference) bool {
	if f.typ != f.old.typ && f.old.typ != "" {
		return true
	}
	k := cs.st.svc.kind(f.typ)
	for _, n := range f.names {
		if k.recreates(n) && !mentionsUnknown(f.after[n]) {
			return true
		}
	}
	return slices.ContainsFunc(f.names, func(n string) bool {
		return k.recreates(n) && slices.ContainsFunc(cs.changes, func(o difference) bool {
			return o.replaced == types.ReplacementTrue && slices.Contains(references(f.decl.properties[n]), o.id)
		})
	})
}

func contextOf(props object) *string {
	b, err := json.Marshal(object{"Properties": stringify(props)})
	if err != nil {
		return nil
	}
	return ptr(string(b))
}

func (cs *changeSet) details(f difference, values bool) []types.ResourceChangeDetail {
	out := []types.ResourceChangeDetail{}
	if f.automatic {
		return append(out, types.ResourceChangeDetail{
			ChangeSource: types.ChangeSourceAutomatic, Evaluation: types.EvaluationTypeDynamic,
			Target: &types.ResourceTargetDefinition{Attribute: types.ResourceAttributeProperties, RequiresRecreation: types.RequiresRecreationNever},
		})
	}
	k := cs.st.svc.kind(f.typ)
	for _, n := range f.names {
		target := &types.ResourceTargetDefinition{Attribute: types.ResourceAttributeProperties, Name: ptr(n), RequiresRecreation: types.RequiresRecreationNever}
		if k.recreates(n) {
			target.RequiresRecreation = types.RequiresRecreationAlways
		}
		if values {
			cs.showValues(target, f, n)
		}
		sources := cs.causes(f, n)
		if len(sources) == 0 {
			sources = []types.ResourceChangeDetail{{ChangeSource: types.ChangeSourceDirectModification, Evaluation: types.EvaluationTypeStatic}}
		}
		for _, d := range sources {
			d.Target = target
			out = append(out, d)
		}
	}
	for _, a := range f.scope {
		if a != types.ResourceAttributeProperties {
			out = append(out, types.ResourceChangeDetail{
				ChangeSource: types.ChangeSourceDirectModification, Evaluation: types.EvaluationTypeStatic,
				Target: &types.ResourceTargetDefinition{Attribute: a, RequiresRecreation: types.RequiresRecreationNever},
			})
		}
	}
	return out
}

func (cs *changeSet) showValues(t *types.ResourceTargetDefinition, f difference, name string) {
	before, had := f.before[name]
	after, has := f.after[name]
	t.Path = ptr("/Properties/" + name)
	t.AttributeChangeType = types.AttributeChangeTypeModify
	switch {
	case !had:
		t.AttributeChangeType = types.AttributeChangeTypeAdd
	case !has:
		t.AttributeChangeType = types.AttributeChangeTypeRemove
	}
	if had {
		t.BeforeValue = ptr(text(stringify(before)))
	}
	if has {
		t.AfterValue = ptr(text(stringify(after)))
	}
}

// causes are where a property's change comes from, when not from its own text:
// parameters and other resources.
func (cs *changeSet) causes(f difference, name string) []types.ResourceChangeDetail {
	var out []types.ResourceChangeDetail
	now := f.decl.properties[name]
	if !same(now, f.old.properties[name]) {
		if mentionsUnknown(f.after[name]) {
			out = append(out, types.ResourceChangeDetail{ChangeSource: types.ChangeSourceDirectModification, Evaluation: types.EvaluationTypeDynamic})
		}
		return out
	}
	attributes := map[string]string{}
	visitAttributes(now, func(id, attribute string) { attributes[id] = attribute })
	for _, id := range references(now) {
		d := types.ResourceChangeDetail{CausingEntity: ptr(id), ChangeSource: types.ChangeSourceResourceReference, Evaluation: types.EvaluationTypeStatic}
		if _, isResource := cs.d.t.resource(id); !isResource {
			d.ChangeSource = types.ChangeSourceParameterReference
		} else {
			i := slices.IndexFunc(cs.changes, func(o difference) bool { return o.id == id })
			if i < 0 {
				continue
			}
			if a, ok := attributes[id]; ok {
				d.ChangeSource, d.CausingEntity = types.ChangeSourceResourceAttribute, ptr(id+"."+a)
				d.Evaluation = types.EvaluationTypeDynamic
			} else if cs.changes[i].replaced != types.ReplacementTrue {
				continue
			}
		}
		out = append(out, d)
	}
	return out
}

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
	values := isTrue(in.IncludePropertyValues)
	var seen []difference
	for _, f := range cs.changes {
		if f.certain() || !values {
			seen = append(seen, f)
		}
	}
	page, next, err := cut(seen, in.NextToken, 100)
	if err != nil {
		return nil, err
	}
	out.NextToken, out.Changes = next, []types.Change{}
	for _, f := range page {
		out.Changes = append(out.Changes, types.Change{Type: types.ChangeTypeResource, ResourceChange: cs.change(f, values)})
	}
	return out, nil
}

// change is a difference as a change set shows it; the shapes are recorded in
// docs/aws/recordings.md cloudformation/test_change_set_*.
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
		recreates := slices.ContainsFunc(f.dynamic, cs.st.svc.kind(f.typ).recreates)
		if r.Replacement == types.ReplacementFalse && recreates && !values {
			r.Replacement = types.ReplacementConditional
			r.PolicyAction = policyAction(f.decl.updatePolicy, "ReplaceAnd")
		}
		if f.automatic || len(f.dynamic) > 0 && len(f.scope) == 0 {
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
// (simtype.Switches.NestedChangeSets).
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
		out = append(out, types.ResourceChangeDetail{
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
		for _, d := range cs.sources(f, n, values) {
			d.Target = target
			out = append(out, d)
		}
	}
	for _, n := range f.dynamic {
		if values {
			break
		}
		target := &types.ResourceTargetDefinition{Attribute: types.ResourceAttributeProperties, Name: ptr(n), RequiresRecreation: types.RequiresRecreationNever}
		if k.recreates(n) {
			target.RequiresRecreation = types.RequiresRecreationAlways
		}
		visitAttributes(f.decl.properties[n], func(id, attribute string) {
			if slices.ContainsFunc(cs.changes, func(o difference) bool { return o.id == id }) {
				out = append(out, types.ResourceChangeDetail{ChangeSource: types.ChangeSourceResourceAttribute, Evaluation: types.EvaluationTypeDynamic, CausingEntity: ptr(id + "." + attribute), Target: target})
			}
		})
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

// sources are the reasons of a property's change. One that comes from a
// parameter or a replaced resource is listed twice, by its cause and as a dynamic
// modification, in an order that depends on whether values are shown
// (docs/aws/recordings.md cloudformation/test_change_sets).
func (cs *changeSet) sources(f difference, name string, values bool) []types.ResourceChangeDetail {
	causes := cs.causes(f, name)
	if len(causes) == 0 {
		return []types.ResourceChangeDetail{{ChangeSource: types.ChangeSourceDirectModification, Evaluation: types.EvaluationTypeStatic}}
	}
	direct := types.ResourceChangeDetail{ChangeSource: types.ChangeSourceDirectModification, Evaluation: types.EvaluationTypeDynamic}
	switch {
	case values:
		return append([]types.ResourceChangeDetail{direct}, causes...)
	case causes[0].ChangeSource == types.ChangeSourceParameterReference:
		return append(causes, direct)
	}
	return causes
}

// causes are the parameters and replaced resources whose value a property
// reads.
func (cs *changeSet) causes(f difference, name string) []types.ResourceChangeDetail {
	var out []types.ResourceChangeDetail
	now := f.decl.properties[name]
	attributes := map[string]string{}
	visitAttributes(now, func(id, attribute string) { attributes[id] = attribute })
	for _, id := range references(now) {
		d := types.ResourceChangeDetail{CausingEntity: ptr(id), ChangeSource: types.ChangeSourceParameterReference, Evaluation: types.EvaluationTypeStatic}
		if _, isResource := cs.d.t.resource(id); isResource {
			i := slices.IndexFunc(cs.changes, func(o difference) bool { return o.id == id })
			if i < 0 || cs.changes[i].replaced != types.ReplacementTrue && !mentionsUnknown(f.after[name]) {
				continue
			}
			d.ChangeSource = types.ChangeSourceResourceReference
			if a, ok := attributes[id]; ok {
				d.ChangeSource, d.CausingEntity = types.ChangeSourceResourceAttribute, ptr(id+"."+a)
			}
		}
		out = append(out, d)
	}
	return out
}

package cfnx

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// guard judges each change of a change set against what the draft asked for.
type guard struct {
	d       *Draft
	allow   []string // "stack.resource", or "resource" of the root
	planned []plannedChange
	asked   map[string]map[string]bool // by stack id
	deps    map[string]dependencies
	moved   map[string]bool // "stackID|resource" whose physical id or attributes will differ
}

func newGuard(d *Draft, allow []string, planned []plannedChange) *guard {
	g := &guard{d: d, allow: allow, planned: planned, asked: map[string]map[string]bool{}, deps: map[string]dependencies{}, moved: map[string]bool{}}
	for s := range d.Tree.All() {
		g.asked[s.ID] = d.asked(s)
		g.deps[s.ID] = readDependencies(d.current[s.ID])
	}
	return g
}

// judge returns the changes with their reasons, and those that are refused.
func (g *guard) judge() (ok, refused []Planned) {
	// What was asked for, and what replaces itself for it, moves values; that
	// can make further changes legitimate, so look until nothing is added.
	for changed := true; changed; {
		changed = false
		for _, p := range g.planned {
			key := p.StackID + "|" + p.LogicalID
			if !g.moved[key] && (g.asked[p.StackID][p.LogicalID] || p.Type != nestedType && g.traced(p)) {
				g.moved[key] = true
				changed = true
			}
		}
	}
	for _, p := range g.planned {
		var allowed bool
		if allowed, p.Why = g.allowed(p); allowed {
			ok = append(ok, p.Planned)
		} else {
			refused = append(refused, p.Planned)
		}
	}
	return ok, refused
}

func (g *guard) allowed(p plannedChange) (bool, string) {
	if slices.Contains(g.allow, p.Stack+"."+p.LogicalID) || g.d.Tree.Root.ID == p.StackID && slices.Contains(g.allow, p.LogicalID) {
		return true, "allowed by name"
	}
	asked := g.asked[p.StackID][p.LogicalID]
	replaced := p.Replacement == types.ReplacementTrue || p.Replacement == types.ReplacementConditional
	switch {
	case p.Action == types.ChangeActionRemove:
		return false, "would be removed"
	case p.Action == types.ChangeActionImport:
		return asked, either(asked, "taken into the stack, as the draft names it", "would be taken into the stack")
	case p.Action == types.ChangeActionAdd:
		return asked, either(asked, "added by the draft", "would be added")
	case p.Type == nestedType:
		return !replaced, either(!replaced, "holds changes or may", "would be replaced")
	case asked && !replaced:
		return true, "changed by the draft"
	case asked && immutable[p.Type]:
		return true, "a new revision, as every change of this type"
	case asked:
		return false, "changing it replaces it"
	case g.traced(p) && !static(p):
		return true, "follows from a change of the draft"
	case !static(p) && g.unmoved(p):
		return true, "reads a value that will be the same"
	case replaced:
		return false, "would be replaced, which nothing asked for"
	}
	return false, "would be changed, which nothing asked for"
}

func either(b bool, yes, no string) string {
	if b {
		return yes
	}
	return no
}

// immutable types make a new revision of every change, and keep the old.
var immutable = map[string]bool{"AWS::ECS::TaskDefinition": true, "AWS::Batch::JobDefinition": true, "AWS::Lambda::Version": true}

// static reports whether CloudFormation already knows that the resource will
// be replaced.
func static(p plannedChange) bool {
	if immutable[p.Type] {
		return false
	}
	for _, d := range p.details {
		if d.Evaluation == types.EvaluationTypeStatic && d.Target != nil && d.Target.RequiresRecreation == types.RequiresRecreationAlways {
			return true
		}
	}
	return p.Replacement == types.ReplacementTrue && !slices.ContainsFunc(p.details, func(d types.ResourceChangeDetail) bool {
		return d.Evaluation == types.EvaluationTypeDynamic
	})
}

// traced reports whether every cause of the change is known, and at least one
// is a value that the draft moves.
func (g *guard) traced(p plannedChange) bool {
	some := false
	for _, d := range p.details {
		moved, known := g.moves(p.StackID, d)
		if !known {
			return false
		}
		some = some || moved
	}
	return some
}

// unmoved reports whether every cause of the change is a value that stays.
func (g *guard) unmoved(p plannedChange) bool {
	for _, d := range p.details {
		if moved, known := g.moves(p.StackID, d); !known || moved {
			return false
		}
	}
	return len(p.details) > 0
}

// moves reports whether the draft moves the value that causes a change, as far
// as that is known.
func (g *guard) moves(stackID string, d types.ResourceChangeDetail) (moved, known bool) {
	cause, attribute, _ := strings.Cut(aws.ToString(d.CausingEntity), ".")
	switch d.ChangeSource {
	case types.ChangeSourceResourceReference, types.ChangeSourceResourceAttribute:
		return g.value(stackID, expr.Use{Name: cause, Attribute: attribute}, 0), true
	case types.ChangeSourceParameterReference:
		if g.stored(stackID, cause, 0) {
			return false, false // somebody has changed the value in the store since
		}
		return g.parameter(stackID, cause, 0), true
	case types.ChangeSourceAutomatic:
		return false, true
	}
	// CloudFormation reports a property that reads something twice: with its
	// cause, and as a modification that depends on it. One that comes alone was
	// edited.
	return false, d.Evaluation == types.EvaluationTypeDynamic
}

// value reports whether what a reference reads in a stack will differ.
func (g *guard) value(stackID string, u expr.Use, depth int) bool {
	if depth > maxNesting {
		return true
	}
	s := g.d.Tree.Stack(stackID)
	if s == nil {
		return true
	}
	if s.hasParameter(u.Name) {
		return g.parameter(stackID, u.Name, depth+1)
	}
	key, output := strings.CutPrefix(u.Attribute, "Outputs.")
	if !output {
		return g.moved[stackID+"|"+u.Name]
	}
	for _, child := range s.Children {
		if child.LogicalID != u.Name {
			continue
		}
		for _, r := range g.deps[child.ID].outputs[key] {
			if g.value(child.ID, r, depth+1) {
				return true
			}
		}
		return false // also for an output that the draft restored: it has its old value
	}
	return true
}

// stored reports whether a parameter's value is read from the parameter store
// again by each update: that the draft leaves it alone does not make it the same
// (docs/aws/cfn.md 1.8).
func (g *guard) stored(stackID, name string, depth int) bool {
	s := g.d.Tree.Stack(stackID)
	if s == nil || depth > maxNesting {
		return false
	}
	if doc, err := tree.Parse(g.d.current[s.ID], tree.Limits{Bytes: expr.MaxBytes, Depth: expr.MaxDepth}); err == nil && len(doc.Roots) > 0 {
		if kind := doc.Roots[0].Follow().Get("Parameters").Follow().Get(name).Follow().Get("Type").Follow(); kind != nil && strings.HasPrefix(kind.Value, "AWS::SSM::Parameter::") {
			return true
		}
	}
	if s.parent == nil {
		return false
	}
	return slices.ContainsFunc(handed(g.d.current[s.parent.ID], s.LogicalID, name).uses, func(u expr.Use) bool {
		return s.parent.hasParameter(u.Name) && g.stored(s.parent.ID, u.Name, depth+1)
	})
}

// parameter reports whether a stack's parameter will have another value.
func (g *guard) parameter(stackID, name string, depth int) bool {
	s := g.d.Tree.Stack(stackID)
	if s == nil || depth > maxNesting {
		return true
	}
	if g.d.pinned[stackID+"|"+name] {
		return false
	}
	if s.parent == nil {
		_, ok := g.d.Parameters[name]
		return ok
	}
	was, is := handed(g.d.originals[s.parent.ID], s.LogicalID, name), handed(g.d.current[s.parent.ID], s.LogicalID, name)
	if was.raw != is.raw {
		return true
	}
	for _, r := range is.uses {
		if g.value(s.parent.ID, r, depth+1) {
			return true
		}
	}
	return false
}

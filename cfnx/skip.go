package cfnx

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// Skip is a resource that a continued rollback is to leave as it is.
type Skip struct {
	StackID   string `json:"stackId"`
	StackName string `json:"stackName"`
	// Name is how ContinueUpdateRollback wants it: the logical id in the root,
	// "NameOfTheNestedStack.LogicalID" elsewhere.
	Name       string `json:"name"`
	LogicalID  string `json:"logicalId"`
	PhysicalID string `json:"physicalId,omitempty"`
	Type       string `json:"type"`
	// Why is the reason for which its rollback failed.
	Why    string `json:"why,omitempty"`
	Impact Impact `json:"impact"`
}

// Impact is what a skip puts at risk: the resource stays as it is while the
// stack's record says otherwise, and values that are read from it may be lost.
type Impact struct {
	// Outputs of its stack read the resource; Exports are those among them that
	// other stacks may import.
	Outputs []string `json:"outputs,omitempty"`
	Exports []string `json:"exports,omitempty"`
	// Readers are resources of the parent stack that read those outputs, as
	// "stack.resource".
	Readers []string `json:"readers,omitempty"`
}

// String is one line.
func (i Impact) String() string {
	if len(i.Outputs) == 0 {
		return "no output reads it"
	}
	s := "outputs at risk: " + strings.Join(i.Outputs, ", ")
	if len(i.Exports) > 0 {
		s += "; exports: " + strings.Join(i.Exports, ", ")
	}
	if len(i.Readers) > 0 {
		s += "; read by " + strings.Join(i.Readers, ", ")
	}
	return s
}

// PlanSkips chooses the resources to skip. skips is the smallest set to ask for now:
// those that are UPDATE_FAILED because the latest attempt to roll back failed on
// them. Further ones may show only after these. excluded are failed resources that
// are left out, each with why: those that were cancelled, that failed in the forward
// update only, that are nested stacks (what failed inside is skipped instead), or
// that depend on another that is skipped, because they may well succeed once it is
// (docs/aws/cfn.md 1.2). It is pure.
func (t *Tree) PlanSkips() (skips, excluded []Skip) {
	if t == nil || t.Root == nil {
		return nil, nil
	}
	for s := range t.All() {
		skip, leave := t.planSkips(s)
		skips, excluded = append(skips, skip...), append(excluded, leave...)
	}
	return skips, excluded
}

// planSkips is PlanSkips of one stack of the tree.
func (t *Tree) planSkips(s *Stack) (skips, excluded []Skip) {
	_, backs := s.attempt()
	last := lastWith(backs)
	deps := readDependencies(s.Template)
	var failed []Skip
	leave := func(r Resource, why string) {
		excluded = append(excluded, Skip{StackID: s.ID, StackName: s.Name, Name: skipName(t, s, r.LogicalID), LogicalID: r.LogicalID, PhysicalID: r.PhysicalID, Type: r.Type, Why: why})
	}
	for _, r := range s.Resources {
		if r.Status != types.ResourceStatusUpdateFailed {
			continue
		}
		e, inRollback := failure(last, r.LogicalID)
		switch {
		case s.unread(partEvents) != "":
			leave(r, "the events of its stack were not read: "+s.unread(partEvents))
		case r.Type == nestedType && !deleting(t, r) && !s.failedInside(Event{PhysicalID: r.PhysicalID}, true):
			leave(r, "nested stack: nothing failed inside it and it cannot be skipped: mend what it says itself: "+r.Reason)
		case r.Type == nestedType && !deleting(t, r):
			leave(r, "nested stack: what failed inside it is skipped instead")
		case !inRollback && cancelled(r.Reason):
			leave(r, "was cancelled because of another resource")
		case !inRollback && r.Type != nestedType:
			leave(r, "did not fail in the latest attempt to roll back")
		default:
			skip := Skip{StackID: s.ID, StackName: s.Name, Name: r.LogicalID, LogicalID: r.LogicalID, PhysicalID: r.PhysicalID, Type: r.Type, Why: e.Reason, Impact: impact(s, deps, r.LogicalID)}
			if s != t.Root {
				skip.Name = s.Name + "." + r.LogicalID
			}
			failed = append(failed, skip)
		}
	}
	ids := map[string]bool{}
	for _, f := range failed {
		ids[f.LogicalID] = true
	}
	for _, f := range failed {
		if deps.dependsOn(f.LogicalID, ids) {
			f.Why = dependsOnSkipped
			excluded = append(excluded, f)
			continue
		}
		skips = append(skips, f)
	}
	return skips, excluded
}

const dependsOnSkipped = "depends on another resource that is skipped first"

func failure(events []Event, logicalID string) (Event, bool) {
	for _, e := range events {
		if e.LogicalID == logicalID && e.failed() {
			return e, true
		}
	}
	return Event{}, false
}

// deleting reports whether the nested stack is going or gone: only then may
// the stack resource itself be skipped.
func deleting(t *Tree, r Resource) bool {
	s := t.Stack(r.PhysicalID)
	return s == nil || strings.HasPrefix(string(s.Status), "DELETE_")
}

func impact(s *Stack, deps dependencies, logicalID string) Impact {
	i := Impact{Outputs: deps.outputsOf(logicalID)}
	for _, key := range i.Outputs {
		if o, ok := s.Output(key); ok && o.Export != "" {
			i.Exports = append(i.Exports, o.Export)
		} else if name := deps.exported[key]; name != "" {
			i.Exports = append(i.Exports, name)
		}
		if s.parent == nil {
			continue
		}
		for _, reader := range readDependencies(s.parent.Template).readersOf(s.LogicalID, key) {
			i.Readers = append(i.Readers, s.parent.Name+"."+reader)
		}
	}
	slices.Sort(i.Readers)
	i.Readers = slices.Compact(i.Readers)
	return i
}

// SkipMinimal skips what [Tree.PlanSkips] chooses.
func SkipMinimal(t *Tree) []Skip {
	skips, _ := t.PlanSkips()
	return skips
}

// SkipTypes skips what [Tree.PlanSkips] chooses, as long as it is of one of the
// types, such as "AWS::ECS::Service"; resources of other types are left to
// fail. A type that no resource of the tree has makes
// [ContinueRollbackSkipping] return [ErrCannotSkip] before it starts anything.
func SkipTypes(resourceTypes ...string) func(*Tree) []Skip {
	return func(t *Tree) []Skip {
		skips := slices.DeleteFunc(SkipMinimal(t), func(s Skip) bool { return !slices.Contains(resourceTypes, s.Type) })
		for _, typ := range resourceTypes {
			if !t.hasType(typ) {
				skips = append(skips, Skip{Type: typ})
			}
		}
		return skips
	}
}

// SkipOnly skips what [Tree.PlanSkips] chooses among the given names, spelt as in
// Skip.Name. A name that is that of no resource whose rollback failed makes
// [ContinueRollbackSkipping] return [ErrCannotSkip] before it starts anything.
func SkipOnly(names ...string) func(*Tree) []Skip {
	return func(t *Tree) []Skip {
		var skips []Skip
		planned, excluded := t.PlanSkips()
		for _, name := range names {
			i := slices.IndexFunc(planned, func(s Skip) bool { return s.Name == name })
			switch {
			case i >= 0:
				skips = append(skips, planned[i])
			case !later(excluded, name):
				skips = append(skips, Skip{Name: name})
			}
		}
		return skips
	}
}

// later reports whether a resource may have to be skipped in a later round: it
// depends on another that is skipped first.
func later(excluded []Skip, name string) bool {
	return slices.ContainsFunc(excluded, func(x Skip) bool { return x.Why == dependsOnSkipped && x.Name == name })
}

func (t *Tree) hasType(typ string) bool {
	for s := range t.All() {
		if slices.ContainsFunc(s.Resources, func(r Resource) bool { return r.Type == typ }) {
			return true
		}
	}
	return false
}

// find returns the stack and the resource that a name of ResourcesToSkip means.
func (t *Tree) find(name string) (*Stack, Resource, bool) {
	stack, id, nested := strings.Cut(name, ".")
	if !nested {
		stack, id = t.Root.Name, name
	}
	for s := range t.All() {
		if s.Name != stack || nested == (s == t.Root) {
			continue
		}
		if r, ok := s.Resource(id); ok {
			return s, r, true
		}
	}
	return nil, Resource{}, false
}

// skippable checks what a skipper chose: each must be a resource whose rollback
// failed. One that a rollback has reached meanwhile, as after a call that was
// repeated, is left out.
func skippable(t *Tree, skips []Skip) ([]Skip, error) {
	var out []Skip
	for _, k := range skips {
		if k.Name == "" {
			return nil, fmt.Errorf("stack %s: no resource is of type %q: %w", t.Root.Name, k.Type, ErrCannotSkip)
		}
		s, r, ok := t.find(k.Name)
		if !ok {
			return nil, fmt.Errorf("stack %s: no resource is named %q: %w: name one of %s", t.Root.Name, k.Name, ErrCannotSkip, candidates(t))
		}
		_, backs := s.attempt()
		_, failed := failure(lastWith(backs), r.LogicalID)
		switch {
		case r.Status == types.ResourceStatusUpdateFailed && (failed || r.Type == nestedType && deleting(t, r)):
			if k.StackID == "" { // one of the caller's own
				k = Skip{StackID: s.ID, StackName: s.Name, Name: k.Name, LogicalID: r.LogicalID, PhysicalID: r.PhysicalID, Type: r.Type, Why: cmp.Or(k.Why, r.Reason), Impact: impact(s, readDependencies(s.Template), r.LogicalID)}
			}
			out = append(out, k)
		case rolledBack(backs, r.LogicalID):
		default:
			return nil, fmt.Errorf("stack %s: resource %s is %s, its rollback did not fail: %w: name one of %s", t.Root.Name, k.Name, r.Status, ErrCannotSkip, candidates(t))
		}
	}
	return out, nil
}

// candidates are the names that may be skipped now.
func candidates(t *Tree) string {
	if names := skipNames(SkipMinimal(t)); len(names) > 0 {
		return strings.Join(names, ", ")
	}
	return "none: no rollback of a resource failed"
}

func skipNames(skips []Skip) []string {
	var names []string // nil when empty: the SDK would send an empty list
	for _, s := range skips {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// String is "name (type): why; impact".
func (s Skip) String() string {
	return fmt.Sprintf("%s (%s): %s; %s", s.Name, s.Type, s.Why, s.Impact)
}

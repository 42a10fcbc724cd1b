package cfnx

import (
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

// SkipPlan is which resources must be skipped and which need not or cannot be,
// each with why.
type SkipPlan struct {
	// Skips is the smallest set to ask for now. Further ones may show only
	// after these.
	Skips []Skip `json:"skips,omitempty"`
	// Excluded are failed resources that are left out.
	Excluded []Exclusion `json:"excluded,omitempty"`
}

// Exclusion is a failed resource that is not skipped.
type Exclusion struct {
	StackName string `json:"stackName"`
	LogicalID string `json:"logicalId"`
	Why       string `json:"why"`
}

// PlanSkips chooses the resources to skip: those that are UPDATE_FAILED now
// because the latest attempt to roll back failed on them, without those that
// were cancelled, that failed in the forward update only, that are nested
// stacks (what failed inside is skipped instead), or that depend on another
// that is skipped, because they may well succeed once it is
// (docs/aws/cfn.md 1.2). It is pure.
func PlanSkips(t *Tree) SkipPlan {
	var p SkipPlan
	for s := range t.All() {
		p.add(t, s)
	}
	return p
}

func (p *SkipPlan) add(t *Tree, s *Stack) {
	_, backs := s.windows()
	last := lastWith(backs)
	deps := readDependencies(s.Template)
	var failed []Skip
	leave := func(r Resource, why string) {
		p.Excluded = append(p.Excluded, Exclusion{s.Name, r.LogicalID, why})
	}
	for _, r := range s.Resources {
		if r.Status != types.ResourceStatusUpdateFailed {
			continue
		}
		e, inRollback := failure(last, r.LogicalID)
		switch {
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
			p.Excluded = append(p.Excluded, Exclusion{s.Name, f.LogicalID, "depends on another resource that is skipped first"})
			continue
		}
		p.Skips = append(p.Skips, f)
	}
}

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

// SkipNone skips nothing: a plain continue.
func SkipNone(*Tree) []Skip { return nil }

// SkipMinimal skips what [PlanSkips] chooses.
func SkipMinimal(t *Tree) []Skip { return PlanSkips(t).Skips }

// SkipTypes skips what [PlanSkips] chooses, as long as it is of one of the
// types, such as "AWS::ECS::Service"; resources of other types are left to
// fail.
func SkipTypes(resourceTypes ...string) func(*Tree) []Skip {
	return func(t *Tree) []Skip {
		return slices.DeleteFunc(PlanSkips(t).Skips, func(s Skip) bool { return !slices.Contains(resourceTypes, s.Type) })
	}
}

// SkipOnly skips what [PlanSkips] chooses among the given names, spelt as in
// Skip.Name.
func SkipOnly(names ...string) func(*Tree) []Skip {
	return func(t *Tree) []Skip {
		return slices.DeleteFunc(PlanSkips(t).Skips, func(s Skip) bool { return !slices.Contains(names, s.Name) })
	}
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

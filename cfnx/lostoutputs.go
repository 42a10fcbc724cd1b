package cfnx

import (
	"slices"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
	"github.com/stackrescue/stackrescue/cfnx/template"
)

// LostOutput is an output that a stack's template declares and the stack does
// not have.
type LostOutput struct {
	StackID string `json:"stackId"`
	Stack   string `json:"stack"`
	Key     string `json:"key"`
	// Resource is what the output reads, with its physical id and type, and
	// Attribute which attribute, "" for Ref. They are empty when the output
	// does not read exactly one resource.
	Resource  Resource `json:"resource"`
	Attribute string   `json:"attribute,omitempty"`
	// Known is the value it had, as far as others still hold it: a ledger, or
	// what the parent handed on. "" when nobody does.
	Known string `json:"known,omitempty"`
}

// LostOutputs lists outputs that are declared but missing, in every stack of
// the tree, leaving out those that only pass on another stack's: they come back
// with it, and those whose Condition is false. Where a condition is not known, an
// output is listed only if the ledger has it. Outputs that an Fn::ForEach makes are
// among them. ledger may be nil.
func (d *Draft) LostOutputs(ledger *Ledger) []LostOutput {
	var lost []LostOutput
	for s := range d.Tree.All() {
		r, _, err := d.originalRenderer(s)
		if err != nil {
			continue
		}
		deps := readDependencies(d.originals[s.ID])
		r.Each(r.Root.Get("Outputs"), func(key string, o *tree.Node, in func(string) string) {
			if _, ok := s.Output(key); ok {
				return
			}
			refs := outputUses(o, in)
			if deps.passOn(refs) {
				return
			}
			known := ledger.value(s, key)
			if c := o.Get("Condition").Follow(); c != nil {
				switch is, evaluated := r.Condition(in(c.Value)).(bool); {
				case evaluated && !is, !evaluated && known == "":
					return
				}
			}
			if known == "" {
				known = d.handedOn(s, key)
			}
			l := LostOutput{StackID: s.ID, Stack: s.Name, Key: key, Known: known}
			if len(refs) == 1 {
				l.Resource, _ = s.Resource(refs[0].Name)
				l.Attribute = refs[0].Attribute
			}
			lost = append(lost, l)
		})
	}
	return lost
}

// originalRenderer evaluates a stack's template as it was before the draft.
func (d *Draft) originalRenderer(s *Stack) (*expr.Renderer, *tree.Doc, error) {
	was := *d
	was.current, was.Parameters = d.originals, nil
	return was.renderer(s, 0)
}

// outputUses is what an output reads.
func outputUses(o *tree.Node, in func(string) string) []expr.Use {
	v := o.Get("Value")
	if v == nil {
		return nil
	}
	refs := expr.References(expr.At(v), 0)
	for i := range refs {
		refs[i] = expr.Use{Name: in(refs[i].Name), Attribute: in(refs[i].Attribute)}
	}
	return refs
}

// passOn reports whether what an output reads is a nested stack.
func (d dependencies) passOn(refs []expr.Use) bool {
	return slices.ContainsFunc(refs, func(r expr.Use) bool { return d.types[r.Name] == nestedType })
}

// handedOn finds the value of a nested stack's output where the parent passed
// it on: a parameter of a sibling, or an output of its own.
func (d *Draft) handedOn(s *Stack, key string) string {
	if s.parent == nil {
		return ""
	}
	want := expr.Use{Name: s.LogicalID, Attribute: "Outputs." + key}
	deps := readDependencies(d.originals[s.parent.ID])
	for _, out := range s.parent.Outputs {
		if refs := deps.outputs[out.Key]; len(refs) == 1 && refs[0] == want && deps.exact[out.Key] {
			return out.Value
		}
	}
	found, err := template.FindImages(d.originals[s.parent.ID])
	if err != nil {
		return ""
	}
	for _, n := range found.Nested {
		for _, p := range n.Parameters {
			if p.Kind != "getatt" || p.Value != want.Name+"."+want.Attribute {
				continue
			}
			for _, sibling := range s.parent.Children {
				if sibling.LogicalID != n.Resource {
					continue
				}
				for _, v := range sibling.Parameters {
					if v.Key == p.Name && v.Value != "****" {
						return v.Value
					}
				}
			}
		}
	}
	return ""
}

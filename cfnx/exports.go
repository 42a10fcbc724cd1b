package cfnx

import (
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
	"github.com/stackrescue/stackrescue/cfnx/template"
)

// exportProblems are exports that the draft would change and that other stacks
// import, as far as the ledger tells. CloudFormation refuses such a change at the
// end of the update, after everything else was done (docs/aws/cfn.md 1.7).
func (d *Draft) exportProblems() []Problem {
	if d.Ledger == nil {
		return nil
	}
	var problems []Problem
	for s := range d.Tree.All() {
		i := slices.IndexFunc(d.Ledger.Stacks, func(l LedgerStack) bool { return l.ID == s.ID })
		if i < 0 {
			continue
		}
		l := d.Ledger.Stacks[i]
		for _, o := range s.Outputs {
			unread := slices.Contains(l.ImportersUnread, o.Export)
			if o.Export == "" || len(l.Importers[o.Export]) == 0 && !unread {
				continue
			}
			why := d.changesExport(s, o)
			if why == "" {
				continue
			}
			x := Problem{StackID: s.ID, Stack: s.Name, Property: "Export", From: o.Export, Why: why + ", and it is imported by " + strings.Join(l.Importers[o.Export], ", "), Err: template.ErrElsewhere,
				Sources: []template.Source{{Kind: expr.SourceInline, Path: "/Outputs/" + tree.Escape(o.Key)}}}
			if unread {
				x.Why, x.Err = why+", and who imports it could not be read", ErrUnread
			}
			problems = append(problems, x)
		}
	}
	return problems
}

// changesExport says how the draft changes an export, "" where it does not.
func (d *Draft) changesExport(s *Stack, o Output) string {
	r, doc, err := d.renderer(s, 0)
	if err != nil {
		return ""
	}
	n, _, err := doc.At(r.Root, "/Outputs/"+tree.Escape(o.Key)+"/Value")
	if err != nil {
		if string(d.current[s.ID]) == string(d.originals[s.ID]) || len(d.made(s)) > 0 {
			return ""
		}
		return "the update would take it away"
	}
	touched := d.touched(s)
	for _, u := range readDependencies(d.current[s.ID]).outputs[o.Key] {
		if res, ok := s.Resource(u.Name); ok && touched[u.Name] && immutable[res.Type] {
			return "the update would change its value: it replaces " + u.Name
		}
	}
	if v, ok := r.Value(n).(string); ok && v != o.Value && touchedText(d, s) {
		return "the update would change its value"
	}
	return ""
}

// touchedText reports whether the draft changes a template or a parameter of the
// root: an export that differs in a draft that changes nothing differs in what
// was read.
func touchedText(d *Draft, s *Stack) bool {
	return string(d.current[s.ID]) != string(d.originals[s.ID]) || len(d.Parameters) > 0
}

package cfnx

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
	"github.com/stackrescue/stackrescue/cfnx/template"
)

// storedPrefix begins the types of parameters that are read from Systems Manager
// by every update (docs/aws/cfn.md 8.7).
const storedPrefix = "AWS::SSM::Parameter::Value<"

// Pin gives the parameters that an update reads again from Systems Manager the
// values that the stacks last read, so that a value which somebody has changed
// since does not come along with the update: the parameter becomes one of a plain
// type. stored gives the value that a parameter of Systems Manager has now; one
// that is the same is left alone. With a nil stored, or where it returns an error,
// the parameter is pinned. A parameter that nothing reads is not pinned, nor is any
// of an empty draft.
//
// It returns what was pinned, which [Draft.Literals] lists too. A parameter whose
// declaration cannot be changed is left as it is, and [Draft.Apply] refuses its changes.
// It is pure but for stored.
func (d *Draft) Pin(stored func(name string) (string, error)) ([]Difference, error) {
	if d.Empty() {
		return nil, nil
	}
	next := d.clone()
	before := len(next.literals)
	for s := range d.Tree.All() {
		for _, p := range s.Parameters {
			if p.Resolved == "" || p.Resolved == "****" || s.parent == nil && d.Parameters[p.Key] != "" {
				continue
			}
			typ, err := next.storedType(s, p.Key)
			if err != nil {
				return nil, err
			}
			if typ == "" || !next.isRead(s, p.Key) {
				continue
			}
			if stored != nil {
				if now, err := stored(p.Value); err == nil && now == p.Resolved {
					continue
				}
			}
			try := next.clone()
			if try.pin(s, p, typ) == nil {
				next = try
			}
		}
	}
	out := next.literals[before:]
	d.become(next)
	return out, nil
}

// storedType is the plain type of a parameter that is read from Systems Manager,
// "" for any other.
func (d *Draft) storedType(s *Stack, name string) (string, error) {
	r, _, err := d.renderer(s, 0)
	if errors.Is(err, template.ErrNotTemplate) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("stack %s: %w", s.Name, err)
	}
	t := r.Root.Get("Parameters").Follow().Get(name).Follow().Get("Type").Follow()
	if t == nil {
		return "", nil
	}
	inner, ok := strings.CutPrefix(t.Value, storedPrefix)
	if !ok {
		return "", nil
	}
	if inner = strings.TrimSuffix(inner, ">"); inner == "List<String>" {
		inner = "CommaDelimitedList"
	}
	return inner, nil
}

// isRead reports whether a resource, an output or a condition of the stack reads
// a parameter.
func (d *Draft) isRead(s *Stack, name string) bool {
	r, _, err := d.renderer(s, 0)
	if err != nil {
		return true
	}
	for _, section := range []string{"Resources", "Outputs", "Conditions"} {
		n := r.Root.Get(section)
		if n == nil {
			continue
		}
		for _, u := range expr.References(expr.At(n), 0) {
			if u.Name == name {
				return true
			}
		}
	}
	return false
}

func (d *Draft) pin(s *Stack, p Parameter, typ string) error {
	at := "/Parameters/" + tree.Escape(p.Key)
	edited, err := template.SetValues(d.current[s.ID], []template.Value{{Path: at + "/Type", Value: typ}}, func(o *template.Options) { o.Original = true })
	if err != nil {
		return err
	}
	d.current[s.ID] = edited.Template
	if s.parent == nil {
		if err := d.SetParameter(s, p.Key, p.Resolved); err != nil {
			return err
		}
	} else {
		value, err := json.Marshal(p.Resolved)
		if err != nil {
			return err
		}
		edited, err := template.AddEntries(d.current[s.parent.ID], []template.Entry{{Path: parameterPath(s, p.Key), Value: value}}, func(o *template.Options) { o.Original, o.Replace = true, true })
		if err != nil {
			return err
		}
		d.current[s.parent.ID] = edited.Template
	}
	d.pinned[s.ID+"|"+p.Key] = true
	d.noteLiteral(s, Difference{Resource: p.Key, Property: "Parameter", Sources: []template.Source{{Kind: expr.SourceSSM, Name: p.Value, Path: at}}})
	return nil
}

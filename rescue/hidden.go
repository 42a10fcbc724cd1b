package rescue

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/internal/redact"
)

// hidden is a bundle as it is written: secrets taken out of its texts, each by
// where it is, and templates as text.
func hidden(b *Bundle) ([]byte, error) {
	data, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	data, err = redact.JSON(data, func(path []string, s string) (string, bool) {
		switch last := path[len(path)-1]; {
		case slices.Contains(path, "unread"):
		case last == "template", last == "attempted":
			if text, err := base64.StdEncoding.DecodeString(s); err == nil {
				return string(text), false
			}
		case last == "token" && slices.Contains(path, "events"):
			return s, true // CloudFormation's own, which tells who began an operation
		}
		return s, false
	})
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, data, "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// templatesAsBytes is a bundle as encoding/json reads it: templates are bytes. A
// template has characters that are none of base64's.
func templatesAsBytes(data []byte) ([]byte, error) {
	var v any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	encodeTemplates(v)
	return json.Marshal(v)
}

func encodeTemplates(v any) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			encodeTemplates(x)
		}
	case map[string]any:
		for k, x := range v {
			if k == "unread" {
				continue // why a template, among others, could not be read
			}
			if s, ok := x.(string); ok && (k == "template" || k == "attempted") && strings.ContainsFunc(s, notBase64) {
				v[k] = base64.StdEncoding.EncodeToString([]byte(s))
				continue
			}
			encodeTemplates(x)
		}
	}
}

func notBase64(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '+' && r != '/' && r != '='
}

// withoutSecrets is a ledger for a plan, which is shown, mailed and kept: values
// that are secrets by their names are not in it, and neither are the templates,
// which the evidence has.
func withoutSecrets(l *cfnx.Ledger) *cfnx.Ledger {
	if l == nil {
		return nil
	}
	out := *l
	out.Stacks = slices.Clone(l.Stacks)
	for i := range out.Stacks {
		s := &out.Stacks[i]
		s.Template = nil
		s.Outputs, s.Parameters = slices.Clone(s.Outputs), slices.Clone(s.Parameters)
		for j := range s.Outputs {
			s.Outputs[j].Value = redact.Value(s.Outputs[j].Key, s.Outputs[j].Value)
		}
		for j := range s.Parameters {
			p := &s.Parameters[j]
			p.Value, p.Resolved = redact.Value(p.Key, p.Value), redact.Value(p.Key, p.Resolved)
		}
	}
	return &out
}

// valueOf is what is known of a lost output: "" for nothing, the marker for a secret
// that was taken out.
func valueOf(l cfnx.LostOutput) string {
	if (l.Known == "" || hiddenValue(l.Known)) && l.Attribute == "" {
		return l.Resource.PhysicalID // what Ref gives for most types; the ledger has it otherwise
	}
	return l.Known
}

// hiddenValue reports whether a value was taken out because it is a secret.
func hiddenValue(value string) bool { return strings.Contains(value, redact.Marker) }

// restores proves that the lost outputs can be written into the draft, and states
// those that cannot, because nobody has their values or no plan holds them.
func (p *planner) restores(d *cfnx.Draft, step *savepointStep) error {
	_, err := d.RestoreOutputs(context.Background(), p.d.Lost, func(_ context.Context, l cfnx.LostOutput) (string, error) {
		value := valueOf(l)
		switch {
		case value == "":
			p.p.Warnings = append(p.p.Warnings, fmt.Sprintf("output %s of stack %s is lost, and nobody has its value: it comes back only if an update of its resource brings it", l.Key, l.Stack))
		case hiddenValue(value):
			step.Hidden = append(step.Hidden, l.Stack+"."+l.Key)
			p.p.Warnings = append(p.p.Warnings, hiddenOutput(l))
		}
		return value, nil
	})
	return err
}

// hiddenOutput is what an output means that is lost and a secret.
func hiddenOutput(l cfnx.LostOutput) string {
	return fmt.Sprintf("output %s of stack %s is lost, and its value is a secret, which no plan holds: give a ledger that cfnx.Tree.Record wrote (Options.Ledger, -ledger), or it stays lost, and updates that read it fail", l.Key, l.Stack)
}

// remember keeps the outputs that the stacks have, secrets included, in memory: a
// skip may lose them.
func (r *runner) remember(t *cfnx.Tree) {
	if r.live == nil {
		r.live = map[string]string{}
	}
	for s := range t.All() {
		for _, o := range s.Outputs {
			r.live[s.ID+" "+o.Key] = o.Value
		}
	}
}

// ledger is what the stacks had: as the operator or the plan has it, with secrets as
// this run has seen them.
func (r *runner) ledger() *cfnx.Ledger {
	l := cmp.Or(r.o.Ledger, r.p.Ledger)
	if l == nil {
		return nil
	}
	out := *l
	out.Stacks = slices.Clone(l.Stacks)
	for i := range out.Stacks {
		s := &out.Stacks[i]
		s.Outputs = slices.Clone(s.Outputs)
		for j := range s.Outputs {
			if value := r.live[s.ID+" "+s.Outputs[j].Key]; value != "" && hiddenValue(s.Outputs[j].Value) {
				s.Outputs[j].Value = value
			}
		}
	}
	return &out
}

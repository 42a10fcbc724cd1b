package cfnx

import (
	"context"
	"errors"
	"fmt"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
	"github.com/stackrescue/stackrescue/cfnx/template"
)

// RestoredOutput is an output that a draft gives a literal value.
type RestoredOutput struct {
	Stack string `json:"stack"`
	Key   string `json:"key"`
	Value string `json:"value"`
	// Consumer and Path are the stack and the place in its template where the value
	// was written instead, in the place of what read the output: the team's own
	// template has to follow, or its next update reads the output again. They are
	// "" for a value that the stack of the output declares.
	Consumer string `json:"consumer,omitempty"`
	Path     string `json:"path,omitempty"`
}

// RestoreOutputs gives lost outputs the values that source finds, as literals
// in the templates that declare them; "" leaves an output alone, an error ends
// it, a nil source takes LostOutput.Known. Outputs that read a resource which the
// draft changes anyway are left out: CloudFormation reads it anew. It returns a
// *[DraftError], and leaves the draft as it was, if an output cannot be written, as
// one that a loop makes.
func (d *Draft) RestoreOutputs(ctx context.Context, lost []LostOutput, source func(context.Context, LostOutput) (string, error)) ([]RestoredOutput, error) {
	if source == nil {
		source = func(_ context.Context, l LostOutput) (string, error) { return l.Known, nil }
	}
	next := d.clone()
	var out []RestoredOutput
	var problems []Problem
	for _, l := range lost {
		s := d.Tree.Stack(l.StackID)
		if s == nil || d.changes(s, l.Resource.LogicalID) {
			continue
		}
		value, err := source(ctx, l)
		if err != nil {
			return nil, fmt.Errorf("stack %s: output %s: %w", l.Stack, l.Key, err)
		}
		if value == "" {
			continue
		}
		path := "/Outputs/" + tree.Escape(l.Key) + "/Value"
		_, err = next.Set(s, template.Value{Path: path, Value: value})
		if e, ok := errors.AsType[*template.Error](err); ok {
			x := Problem{StackID: s.ID, Stack: s.Name, Property: "Output", From: l.Key, To: value, Why: e.Error(), Err: e.Err, Sources: []template.Source{{Kind: expr.SourceInline, Path: path}}}
			if errors.Is(err, template.ErrNoValue) {
				x.Why, x.Sources = "a loop makes it: write it at its consumers, see Draft.RestoreAtConsumers", []template.Source{{Kind: expr.SourceLoop, Name: "Outputs", Path: "/Outputs"}}
			}
			problems = append(problems, x)
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, RestoredOutput{Stack: l.Stack, Key: l.Key, Value: value})
	}
	if len(problems) > 0 {
		return nil, draftError(problems)
	}
	d.become(next)
	return out, nil
}

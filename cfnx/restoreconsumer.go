package cfnx

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
	"github.com/stackrescue/stackrescue/cfnx/template"
)

// RestoreAtConsumers writes the values of lost outputs of nested stacks, which
// source finds as in [Draft.RestoreOutputs], where the parent's template reads
// them, and leaves the template that declares the output alone: for a nested
// stack that cannot be updated.
//
// It returns a *[DraftError] with the place, and leaves the draft as it was, if
// an output is read inside the text of an Fn::Sub.
func (d *Draft) RestoreAtConsumers(ctx context.Context, lost []LostOutput, source func(context.Context, LostOutput) (string, error)) ([]RestoredOutput, error) {
	if source == nil {
		source = func(_ context.Context, l LostOutput) (string, error) { return l.Known, nil }
	}
	next := d.clone()
	var out []RestoredOutput
	var problems []Problem
	for _, l := range lost {
		s := d.Tree.Stack(l.StackID)
		if s == nil || s.parent == nil {
			continue
		}
		want := expr.Use{Name: s.LogicalID, Attribute: "Outputs." + l.Key}
		r, _, err := next.renderer(s.parent, 0)
		if err != nil {
			return nil, fmt.Errorf("stack %s: %w", s.parent.Name, err)
		}
		w := consumerWalk{want: want}
		w.walk(r.Root.Get("Resources"), "/Resources", 0)
		if len(w.paths)+len(w.inSub) == 0 {
			continue
		}
		value, err := source(ctx, l)
		if err != nil {
			return nil, fmt.Errorf("stack %s: output %s: %w", l.Stack, l.Key, err)
		}
		if value == "" {
			continue
		}
		for _, path := range w.inSub {
			problems = append(problems, Problem{StackID: s.parent.ID, Stack: s.parent.Name, Property: "Output", From: want.Name + "." + want.Attribute, To: value,
				Why: "it is read inside the text of an Fn::Sub", Sources: []template.Source{{Kind: expr.SourceInline, Path: path}}, Err: template.ErrUnspliceable})
		}
		for _, path := range w.paths {
			if _, err := next.Set(s.parent, template.Value{Path: path, Value: value}); err != nil {
				return nil, err
			}
			out = append(out, RestoredOutput{l.Stack, l.Key, value, s.parent.Name, path})
		}
	}
	if len(problems) > 0 {
		return nil, draftError(problems)
	}
	d.become(next)
	return out, nil
}

// consumerWalk finds where a template reads one attribute.
type consumerWalk struct {
	want         expr.Use
	paths, inSub []string
}

func (w *consumerWalk) walk(n *tree.Node, path string, depth int) {
	e := expr.At(n)
	if e.Node == nil || depth > expr.MaxDepth {
		return
	}
	fn, arg := e.Call()
	switch fn {
	case "Fn::GetAtt":
		if slices.Contains(expr.References(e, 0), w.want) {
			w.paths = append(w.paths, path)
		}
		return
	case "Fn::Sub":
		tmpl, vars := arg.SubTemplate()
		if tmpl.Node != nil && slices.Contains(expr.SubReferences(tmpl.Value, vars), w.want) {
			w.inSub = append(w.inSub, path)
		}
		expr.Entries(vars, func(key string, v *tree.Node) { w.walk(v, path+"/Fn::Sub/1/"+tree.Escape(key), depth+1) })
		return
	case "":
	default:
		path, e = path+"/"+tree.Escape(fn), arg
	}
	switch e.Kind {
	case tree.Sequence:
		for i, item := range e.Items {
			w.walk(item, path+"/"+strconv.Itoa(i), depth+1)
		}
	case tree.Mapping:
		for i := 0; i+1 < len(e.Items); i += 2 {
			w.walk(e.Items[i+1], path+"/"+tree.Escape(e.Items[i].Value), depth+1)
		}
	}
}

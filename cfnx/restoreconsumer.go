package cfnx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
	"github.com/stackrescue/stackrescue/cfnx/template"
)

// RestoreAtConsumers writes the values of lost outputs of nested stacks, which
// source finds as in [Draft.RestoreOutputs], where the parent's template reads
// them, and leaves the template that declares the output alone: for a nested
// stack that cannot be updated.
//
// It returns a *[DraftError] with the place, and leaves the draft as it was, if it
// cannot be written there, as where a YAML alias shares the place.
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
		for _, place := range append(w.paths, w.inSub...) {
			to := template.Value{Path: place.path, Value: value}
			if place.text != "" {
				to.Value = strings.ReplaceAll(place.text, "${"+want.Name+"."+want.Attribute+"}", strings.ReplaceAll(value, "${", "${!"))
			}
			_, err := next.Set(s.parent, to)
			if err == nil && to.Value == place.text {
				err = &template.Error{Path: place.path, Err: template.ErrUnspliceable, Detail: "the variable is written in another way"}
			}
			if e, ok := errors.AsType[*template.Error](err); ok {
				problems = append(problems, Problem{StackID: s.parent.ID, Stack: s.parent.Name, Property: "Output", From: want.Name + "." + want.Attribute, To: value,
					Why: e.Error(), Sources: []template.Source{{Kind: expr.SourceInline, Path: place.path}}, Err: e.Err})
				continue
			}
			if err != nil {
				return nil, err
			}
			out = append(out, RestoredOutput{l.Stack, l.Key, value, s.parent.Name, place.path})
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
	paths, inSub []consumer
}

// consumer is a place that reads an output; text is the template of an Fn::Sub
// that does so in its text.
type consumer struct{ path, text string }

func (w *consumerWalk) walk(n *tree.Node, path string, depth int) {
	e := expr.At(n)
	if e.Node == nil || depth > expr.MaxDepth {
		return
	}
	fn, arg := e.Call()
	switch fn {
	case "Fn::GetAtt":
		if slices.Contains(expr.References(e, 0), w.want) {
			w.paths = append(w.paths, consumer{path: path})
		}
		return
	case "Fn::Sub":
		tmpl, vars := arg.SubTemplate()
		if tmpl.Node != nil && slices.Contains(expr.SubReferences(tmpl.Value, vars), w.want) {
			at := path + "/Fn::Sub"
			if arg.Kind == tree.Sequence {
				at += "/0"
			}
			w.inSub = append(w.inSub, consumer{at, tmpl.Value})
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

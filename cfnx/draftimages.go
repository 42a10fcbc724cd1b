package cfnx

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
	"github.com/stackrescue/stackrescue/cfnx/template"
)

// ImagePatch is one image that a draft changes, or would have to.
type ImagePatch struct {
	Stack    string `json:"stack"`
	Resource string `json:"resource"`
	// Container is the container's name; the resource again where there is
	// only one image.
	Container string `json:"container"`
	// From and To are references; To is "" when no image was found.
	From string `json:"from"`
	To   string `json:"to"`
	// Where is what is changed: "template", or "parameter NAME".
	Where string `json:"where"`
	// Literal says that the reference was written in the place of an expression
	// that reads it from somewhere else; see [Draft.Literals].
	Literal bool `json:"literal,omitempty"`
}

// PatchImages changes the images of every template of the tree to what
// resolver returns for their references: the same reference where the image
// is fine, another one, "" where there is none, an error where that is not
// known, which ends it. A nil resolver keeps every reference.
//
// An image that resolver keeps is left alone, wherever it comes from; so is one
// that a condition takes out of the stack. What an image comes to is read from
// the template with the stack's parameters, else from Recorded. A change goes
// into the text of the template, or where one parameter or entry of a mapping
// makes the difference and nothing but images changes with it, into that.
// Otherwise, as for an import, a parameter of Systems Manager, a dynamic reference
// or an attribute, the reference is written in the place of the expression.
//
// It returns every image that becomes another, also where one change moves
// several.
//
// It returns a *[DraftError] with every image that cannot be changed from here,
// and leaves the draft as it was: [ErrNoSuchImage], [ErrUnresolved],
// [ErrElsewhere], [ErrConflict] and the others of [PatchImages].
func (d *Draft) PatchImages(ctx context.Context, resolver func(ctx context.Context, ref string) (string, error)) ([]ImagePatch, error) {
	if resolver == nil {
		resolver = func(_ context.Context, ref string) (string, error) { return ref, nil }
	}
	p := draftPatch{d: d.clone(), resolver: resolver}
	if p.d.images == nil {
		p.d.images = map[string]string{}
	}
	for s := range d.Tree.All() {
		if err := p.stack(ctx, s); err != nil {
			return nil, fmt.Errorf("stack %s: %w", s.Name, err)
		}
	}
	if len(p.problems) > 0 {
		return nil, draftError(p.problems)
	}
	if err := p.d.conflicts(); err != nil {
		return nil, err
	}
	if err := p.moved(d); err != nil {
		return nil, err
	}
	d.become(p.d)
	return p.out, nil
}

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
// with it. Outputs with a Condition are left out as well, unless the ledger
// has them. ledger may be nil.
func (d *Draft) LostOutputs(ledger *Ledger) []LostOutput {
	var lost []LostOutput
	for s := range d.Tree.All() {
		deps := readDependencies(d.originals[s.ID])
		for _, key := range deps.order {
			if _, ok := s.Output(key); ok || deps.passesOn(key) {
				continue
			}
			known := ledger.value(s, key)
			if deps.conditional[key] && known == "" {
				continue
			}
			if known == "" {
				known = d.handedOn(s, key)
			}
			l := LostOutput{StackID: s.ID, Stack: s.Name, Key: key, Known: known}
			if refs := deps.outputs[key]; len(refs) == 1 {
				l.Resource, _ = s.Resource(refs[0].Name)
				l.Attribute = refs[0].Attribute
			}
			lost = append(lost, l)
		}
	}
	return lost
}

// passesOn reports whether an output reads a nested stack.
func (d dependencies) passesOn(key string) bool {
	for _, r := range d.outputs[key] {
		if d.types[r.Name] == nestedType {
			return true
		}
	}
	return false
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
// it, a nil source takes LostOutput.Known. Outputs that read a resource which the draft changes anyway are left out:
// CloudFormation reads it anew.
func (d *Draft) RestoreOutputs(ctx context.Context, lost []LostOutput, source func(context.Context, LostOutput) (string, error)) ([]RestoredOutput, error) {
	if source == nil {
		source = func(_ context.Context, l LostOutput) (string, error) { return l.Known, nil }
	}
	var out []RestoredOutput
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
		if _, err := d.Set(s, template.Value{Path: "/Outputs/" + tree.Escape(l.Key) + "/Value", Value: value}); err != nil {
			return nil, err
		}
		out = append(out, RestoredOutput{Stack: l.Stack, Key: l.Key, Value: value})
	}
	return out, nil
}

// changes reports whether the draft changes a resource, itself or through what
// it reads.
func (d *Draft) changes(s *Stack, logicalID string) bool {
	if logicalID == "" {
		return false
	}
	touched := d.touched(s)
	return touched[logicalID] || readDependencies(d.current[s.ID]).dependsOn(logicalID, touched)
}

// touched are the resources whose text the draft has changed, and those that
// read a parameter whose value it changes.
func (d *Draft) touched(s *Stack) map[string]bool {
	out := d.asked(s)
	g := newGuard(d, nil, nil)
	for id, uses := range g.deps[s.ID].resources {
		for _, u := range uses {
			if s.hasParameter(u.Name) && g.parameter(s.ID, u.Name, 0) {
				out[id] = true
			}
		}
	}
	return out
}

// asked are the resources of a stack whose text the draft has changed, or the
// mapping that they read.
func (d *Draft) asked(s *Stack) map[string]bool {
	was, is := resourceTexts(d.originals[s.ID]), resourceTexts(d.current[s.ID])
	out := map[string]bool{}
	for id, text := range is {
		if was[id] != text {
			out[id] = true
		}
	}
	if bytes.Equal(d.originals[s.ID], d.current[s.ID]) {
		return out
	}
	mapsWas, mapsAre := sectionTexts(d.originals[s.ID], "Mappings"), sectionTexts(d.current[s.ID], "Mappings")
	for id, names := range mappingReaders(d.current[s.ID]) {
		for _, name := range names {
			// A name that is not a text may be any of them.
			if name == "" && !maps.Equal(mapsWas, mapsAre) || mapsWas[name] != mapsAre[name] {
				out[id] = true
			}
		}
	}
	return out
}

// mappingReaders are the mappings that each resource reads; "" for one whose
// name is an expression.
func mappingReaders(template []byte) map[string][]string {
	out := map[string][]string{}
	doc, err := tree.Parse(template, tree.Limits{Bytes: expr.MaxBytes, Depth: expr.MaxDepth})
	if err != nil || len(doc.Roots) == 0 {
		return out
	}
	expr.Entries(doc.Roots[0].Follow().Get("Resources"), func(id string, r *tree.Node) {
		out[id] = mappingNames(expr.At(r), nil, 0)
	})
	return out
}

func mappingNames(e expr.Node, names []string, depth int) []string {
	if e.Node == nil || depth > expr.MaxDepth {
		return names
	}
	if fn, arg := e.Call(); fn != "" {
		if args := arg.Args(); fn == "Fn::FindInMap" && len(args) > 0 {
			name, _ := args[0].Text()
			names = append(names, name)
		}
		return mappingNames(arg, names, depth+1)
	}
	for i, n := range e.Items {
		if e.Kind == tree.Sequence || e.Kind == tree.Mapping && i%2 == 1 {
			names = mappingNames(expr.At(n), names, depth+1)
		}
	}
	return names
}

// resourceTexts are the bytes of every resource of a template.
func resourceTexts(template []byte) map[string]string { return sectionTexts(template, "Resources") }

// sectionTexts are the bytes of every entry of a section of a template.
func sectionTexts(template []byte, section string) map[string]string {
	out := map[string]string{}
	doc, err := tree.Parse(template, tree.Limits{Bytes: expr.MaxBytes, Depth: expr.MaxDepth})
	if err != nil || len(doc.Roots) == 0 {
		return out
	}
	expr.Entries(doc.Roots[0].Follow().Get(section), func(id string, r *tree.Node) {
		start, end := doc.Span(r)
		out[id] = strings.TrimSpace(string(doc.Text[start:end]))
	})
	return out
}

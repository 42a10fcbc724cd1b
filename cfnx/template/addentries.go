package template

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/options"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// Entry is an entry to be added to a template.
type Entry struct {
	// Path is the JSON pointer of the new entry: "/Outputs/SecretArn", or with
	// "-" at its end for a new item of a list,
	// "/Resources/Task/Properties/ContainerDefinitions/0/Secrets/-". What the
	// path has above the entry and is not there is added too.
	Path string
	// Value is JSON. In a YAML template it is written as the entries beside
	// it: as block or flow. Its keys keep their order.
	Value json.RawMessage
}

// AddEntries returns the template with the entries added at the end of the
// mappings and lists they belong to, and nothing else: it splices and proves
// as [PatchImages] does. An entry of a mapping that is there with the same
// value makes no Edit; an item of a list is added once more if it is there.
//
// It adds all of the entries or none. The error is a *Error with the path:
// ErrExists, ErrBadValue, ErrNoValue, ErrUnspliceable, or one of those of
// PatchImages. With Options.Replace an entry that is there with another value
// is replaced as a whole, a function with its arguments too, in place of
// ErrExists. On return, Patch is non-nil if and only if the error is nil; it has no
// Unpatched. There is one Edit for
// each mapping or list, with the Path of the first entry that went there and no
// From. Pure.
func AddEntries(template []byte, entries []Entry, optFns ...func(*Options)) (*Patch, error) {
	o := options.Of(optFns)
	f, err := newPatcher(template, o)
	if err != nil {
		return nil, err
	}
	var out Patch
	var edits []tree.Edit
	if o.Replace {
		if entries, edits, err = f.replace(entries, &out); err != nil {
			return nil, err
		}
	}
	var order []*tree.Node
	groups := map[*tree.Node][]tree.Entry{}
	paths := map[*tree.Node]string{}
	for _, e := range entries {
		n, entry, err := f.locate(e)
		switch {
		case err != nil:
			return nil, templateError(e.Path, err)
		case n == nil:
			continue // it is there
		case groups[n] == nil:
			order = append(order, n)
			paths[n] = e.Path
		}
		same := -1
		if n.Kind == tree.Mapping {
			same = slices.IndexFunc(groups[n], func(g tree.Entry) bool { return g.Key == entry.Key })
		}
		if same < 0 {
			groups[n] = append(groups[n], entry)
			continue
		}
		// Both need a parent that is not there: the same one for both.
		merged, ok := mergeJSON(groups[n][same].Value, entry.Value)
		if !ok {
			return nil, &Error{Path: e.Path, Err: ErrExists, Detail: "two entries for the same place"}
		}
		groups[n][same].Value = merged
	}
	for _, n := range order {
		e, err := f.doc.Insert(n, groups[n], f.limits())
		if err != nil {
			return nil, templateError(paths[n], err)
		}
		edits = append(edits, e)
		out.Edits = append(out.Edits, f.report(e, Edit{Resource: resourceOf(paths[n]), Path: paths[n], To: strings.TrimSpace(e.Text)}))
	}
	if out.Template, err = f.splice(template, edits); err != nil {
		return nil, err
	}
	sortEdits(out.Edits)
	return &out, nil
}

// replace makes the edits of entries that are there with another value, and
// returns the entries that are to be added.
func (f *imageFinder) replace(entries []Entry, out *Patch) (add []Entry, edits []tree.Edit, err error) {
	for _, e := range entries {
		n, argument, err := f.doc.At(f.root, e.Path)
		switch {
		case strings.HasSuffix(e.Path, "/-") || errors.Is(err, tree.ErrNoNode):
			add = append(add, e)
			continue
		case err != nil:
			return nil, nil, templateError(e.Path, err)
		case argument:
			return nil, nil, &Error{Path: e.Path, Err: ErrNoValue, Detail: "the argument of a function alone"}
		case f.doc.Holds(n, e.Value, f.limits()):
			continue
		}
		edit, err := f.doc.ReplaceJSON(n, e.Value, f.limits())
		if err != nil {
			return nil, nil, templateError(e.Path, err)
		}
		start, end := f.doc.Span(n)
		edits = append(edits, edit)
		out.Edits = append(out.Edits, f.report(edit, Edit{Resource: resourceOf(e.Path), Path: e.Path, From: string(f.doc.Text[start:end]), To: strings.TrimSpace(edit.Text)}))
	}
	return add, edits, nil
}

// locate returns the mapping or list that an entry goes into, and the entry
// with what has to be added around it; n is nil where the entry is there.
func (f *imageFinder) locate(e Entry) (n *tree.Node, entry tree.Entry, err error) {
	path, value := e.Path, e.Value
	for {
		i := strings.LastIndexByte(path, '/')
		if i < 0 {
			return nil, entry, &Error{Path: e.Path, Err: ErrNoValue, Detail: "not the JSON pointer of an entry"}
		}
		step := strings.ReplaceAll(strings.ReplaceAll(path[i+1:], "~1", "/"), "~0", "~")
		if step != "-" {
			switch there, _, err := f.doc.At(f.root, path); {
			case err == nil && f.doc.Holds(there, value, f.limits()):
				return nil, entry, nil
			case err == nil:
				line, col := f.doc.Position(f.doc.Start(there))
				return nil, entry, &Error{Path: path, Line: line, Column: col, Err: ErrExists}
			case !errors.Is(err, tree.ErrNoNode):
				return nil, entry, err
			}
		}
		n, _, err = f.doc.At(f.root, path[:i])
		switch {
		case err == nil && n.Local() != "" || err == nil && n.Kind != tree.Mapping && step != "-" || err == nil && n.Kind != tree.Sequence && step == "-":
			line, col := f.doc.Position(f.doc.Start(n))
			return nil, entry, &Error{Path: path, Line: line, Column: col, Err: ErrUnspliceable, Detail: "nothing can be added to what is there"}
		case err == nil:
			return n, tree.Entry{Key: step, Value: value}, nil
		case !errors.Is(err, tree.ErrNoNode):
			return nil, entry, err
		}
		// Its parent is not there either: that is added, with this in it.
		if step == "-" {
			value = json.RawMessage("[" + string(value) + "]")
		} else {
			key, err := json.Marshal(step)
			if err != nil {
				return nil, entry, fmt.Errorf("%s: %w", e.Path, err)
			}
			value = json.RawMessage("{" + string(key) + ":" + string(value) + "}")
		}
		path = path[:i]
	}
}

// mergeJSON puts two lists, or two objects without a key in common, into one.
// Below a key that both have it merges what they have there.
func mergeJSON(a, b json.RawMessage) (json.RawMessage, bool) {
	var listA, listB []json.RawMessage
	if json.Unmarshal(a, &listA) == nil && json.Unmarshal(b, &listB) == nil {
		out, err := json.Marshal(append(listA, listB...))
		return out, err == nil
	}
	var objA, objB map[string]json.RawMessage
	if json.Unmarshal(a, &objA) != nil || json.Unmarshal(b, &objB) != nil || len(objB) != 1 {
		return nil, false
	}
	for key, v := range objB { // one entry: the one that was wrapped
		was, both := objA[key]
		if !both {
			return json.RawMessage(string(a[:len(a)-1]) + "," + string(b[1:])), len(objA) > 0
		}
		merged, ok := mergeJSON(was, v)
		if !ok || len(objA) != 1 {
			return nil, false
		}
		k, err := json.Marshal(key)
		return json.RawMessage("{" + string(k) + ":" + string(merged) + "}"), err == nil
	}
	return nil, false
}

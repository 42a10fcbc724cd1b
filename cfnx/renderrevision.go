package cfnx

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/template"
)

// RenderRevision is serving with what the draft renders in the place of its own
// values, at the named differences and nowhere else: what the draft would give a
// service whose other differences are carried. Of a Difference its Container and
// Property count; one that there is none of is left out.
//
// logicalID, serving and recorded are as in [Draft.CarryRevision]. The result has the
// members of serving by their names there, and what comes from the template as
// CloudFormation names it; numbers of the template may be texts. It shares no memory
// with serving. Where serving or recorded has "valueSha256" in the place of a value, so
// has the result.
//
// It returns a *[DraftError] with every named difference of which what the template
// comes to is not known. It is pure.
func (d *Draft) RenderRevision(s *Stack, logicalID string, serving, recorded any, differences []Difference) (map[string]any, error) {
	st, id, err := d.taskDefinition(s, logicalID)
	if err != nil {
		return nil, err
	}
	is, was, err := taskDocuments(serving, recorded)
	if err != nil {
		return nil, err
	}
	rendered, err := d.renderedTask(st, id)
	if err != nil {
		return nil, err
	}
	doc, err := members(serving)
	if err != nil {
		return nil, err
	}
	c := carrier{d: d, s: st, id: id, serving: is, was: was}
	var problems []Problem
	all, err := d.taskDifferences(st, id, is, was)
	if err != nil {
		return nil, err
	}
	for _, x := range all {
		if !slices.ContainsFunc(differences, func(y Difference) bool {
			return y.Container == x.Container && strings.EqualFold(y.Property, x.Property)
		}) {
			continue
		}
		want, has := rendered[x.key]
		if _, open := covering(rendered, x.key); open {
			want, has = was[x.key] // what an update renders again as it was
		}
		if x.Kind == notKnown || has && !expr.Whole(want.raw) {
			p := c.problem(x, "what the template comes to is not known", template.ErrUnresolved)
			problems = append(problems, p.(*DraftError).Problems...) //nolint:errorlint,forcetypeassert // made one line above
			continue
		}
		at, value := want.at, plain(want.raw)
		if x.serves {
			at = x.serving.at
		}
		if !has {
			value = nil
			for len(at) > 1 && !at[len(at)-1].item && !at[len(at)-2].item && !rendersBelow(rendered, was, x.Container, at[:len(at)-1]) {
				at = at[:len(at)-1] // the whole of a map of which nothing is rendered
			}
		}
		if x.Container != "" {
			at = append([]step{{name: "ContainerDefinitions"}, {x.Container, true}}, at...)
		}
		if doc, _ = put(doc, "", at, value).(map[string]any); doc == nil {
			doc = map[string]any{}
		}
	}
	if len(problems) > 0 {
		return nil, draftError(problems)
	}
	return doc, nil
}

// members are those of a document as encoding/json writes it.
func members(v any) (map[string]any, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	return out, d.Decode(&out)
}

// rendersBelow reports whether a template renders anything at or below a way; what it
// does not tell is as it was.
func rendersBelow(rendered, was taskProperties, container string, at []step) bool {
	below := func(t taskProperties, open bool) bool {
		for k, p := range t {
			if _, o := covering(rendered, k); o != open || k.container != container || len(p.at) < len(at) {
				continue
			}
			if slices.EqualFunc(p.at[:len(at)], at, func(a, b step) bool { return strings.EqualFold(a.name, b.name) }) {
				return true
			}
		}
		return false
	}
	return below(rendered, false) || below(was, true)
}

// put is v with a value at a way below it; nil takes away what is there, and what
// is empty by that. list is the name of the list that v is.
func put(v any, list string, at []step, value any) any {
	if len(at) == 0 {
		return value
	}
	if s := at[0]; s.item {
		items, _ := v.([]any)
		keys := listKeys[list]
		if list == "containerdefinitions" {
			keys = []string{"name"}
		}
		i := slices.IndexFunc(items, func(x any) bool {
			m, _ := x.(map[string]any)
			id, open := itemID(m, keys)
			return m != nil && open == nil && strings.EqualFold(id, s.name)
		})
		var was any
		if i >= 0 {
			was = items[i]
		}
		next := put(was, list, at[1:], value)
		switch {
		case next == nil && i >= 0:
			items = slices.Delete(items, i, i+1)
		case next != nil && i >= 0:
			items[i] = next
		case next != nil:
			items = append(items, next)
		}
		if len(items) == 0 {
			return nil
		}
		return items
	}
	m, _ := v.(map[string]any)
	if m == nil {
		m = map[string]any{}
	}
	name := at[0].name
	if strings.EqualFold(name, "ProxyConfigurationProperties") {
		name = "Properties" // as ECS calls it
	}
	for k := range m {
		if strings.EqualFold(k, name) {
			name = k
		}
	}
	if next := put(m[name], strings.ToLower(at[0].name), at[1:], value); next != nil {
		m[name] = next
	} else {
		delete(m, name)
	}
	if len(m) == 0 {
		return nil
	}
	return m
}

// plain is a rendered value as JSON has it.
func plain(v any) any {
	switch v := v.(type) {
	case expr.Nothing:
		return nil
	case expr.List:
		return plain(v.Items())
	case []any:
		out := []any{}
		for _, x := range v {
			if p := plain(x); p != nil {
				out = append(out, p)
			}
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			if p := plain(x); p != nil {
				out[k] = p
			}
		}
		return out
	}
	return v
}

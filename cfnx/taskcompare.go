package cfnx

import (
	"cmp"
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/template"
)

// taskDifference is a Difference with what each side has.
type taskDifference struct {
	Difference
	rendered, serving property
	renders, serves   bool
	// open is the unknown value that the rendered side is, or is part of.
	open expr.Unknown
	key  propertyKey
}

// otherTemplate is why nothing is known of a property that the template renders
// as it serves, and the recorded revision does not have.
const otherTemplate = "the template read is not the one that the recorded revision was rendered from"

// compareTasks compares what a template renders with what serves, with the help
// of what it rendered when the stack recorded it; was may be nil.
// original is what the template renders without the draft's own changes.
func compareTasks(rendered, original, serving, was taskProperties) []taskDifference {
	var out []taskDifference
	keys := map[propertyKey]bool{}
	for k := range rendered {
		keys[k] = true
	}
	for k := range serving {
		keys[k] = true
	}
	for k := range was {
		if _, open := covering(rendered, k); open {
			keys[k] = true
		}
	}
	for k := range keys {
		t, has := rendered[k]
		s, serves := serving[k]
		x := taskDifference{Difference{Container: k.container, Property: cmp.Or(t.name, s.name, was[k].name)}, t, s, has, serves, expr.Unknown{}, k}
		if u, open := covering(rendered, k); open {
			x.open = u
			r, recorded := was[k]
			switch {
			case !u.Stable || was == nil:
				x.Kind, x.Why, x.Sources = notKnown, u.Why, []template.Source{sourceOf(u)}
			case recorded == serves && r.value == s.value:
				continue
			case !serves:
				x.Kind = notServing
			case !recorded:
				x.Kind = notRendered
			default:
				x.Kind = otherValue
			}
			out = append(out, x)
			continue
		}
		switch r, recorded := was[k]; {
		case has && !serves:
			x.Kind = notServing
		case !has && serves:
			x.Kind = notRendered
		case t.value != s.value:
			x.Kind = otherValue
		case was != nil && (!recorded || r.value != t.value) && !changedFrom(original, t, was, k):
			x.Kind, x.Why = notKnown, otherTemplate
		default:
			continue
		}
		if inDifference(rendered, serving, k) {
			continue
		}
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b taskDifference) int {
		return cmp.Or(cmp.Compare(a.Container, b.Container), cmp.Compare(a.Property, b.Property), cmp.Compare(a.Kind, b.Kind))
	})
	return out
}

// changedFrom reports whether a property is the draft's own change of a template that
// renders what was recorded, such as for another service of the same task definition.
func changedFrom(original taskProperties, t property, was taskProperties, k propertyKey) bool {
	o, rendered := original[k]
	r, recorded := was[k]
	if _, open := covering(original, k); open {
		return false
	}
	return (!rendered || o.value != t.value) && rendered == recorded && o.value == r.value
}

// inDifference reports whether a property is in something, a container or an
// item of a list, that one side alone has: that is a difference already.
func inDifference(a, b taskProperties, k propertyKey) bool {
	oneSide := func(k propertyKey) bool {
		_, inA := a[k]
		_, inB := b[k]
		return inA != inB
	}
	for path := k.path; ; {
		i := strings.LastIndexByte(path, '.')
		if i < 0 {
			return k.container != "" && k.path != "" && oneSide(propertyKey{k.container, ""})
		}
		if path = path[:i]; oneSide(propertyKey{k.container, path}) {
			return true
		}
	}
}

// covering finds the unknown value that a property is, or is part of.
func covering(t taskProperties, k propertyKey) (expr.Unknown, bool) {
	if u, ok := t[propertyKey{}].value.(expr.Unknown); ok {
		return u, true
	}
	if u, ok := t[propertyKey{path: "containerdefinitions"}].value.(expr.Unknown); ok && k.container != "" {
		return u, true
	}
	for path := k.path; ; {
		if u, ok := t[propertyKey{k.container, path}].value.(expr.Unknown); ok {
			return u, true
		}
		i := strings.LastIndexByte(path, '.')
		if i < 0 {
			return expr.Unknown{}, false
		}
		path = path[:i]
	}
}

package cfnsim

import (
	"strings"
)

const languageExtensions = "AWS::LanguageExtensions"

// extend expands Fn::ForEach, the one extension that changes a template's
// shape; the others are functions
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-foreach.html).
// Only collections written out in the template are expanded.
func extend(doc *document) error {
	for _, name := range []string{"Conditions", "Resources", "Outputs"} {
		m, ok := doc.root[name].(object)
		if !ok {
			continue
		}
		e := &expander{}
		out := object{}
		var keys []string
		for _, k := range doc.keys[name] {
			made, err := e.member(k, m[k], 0)
			if err != nil {
				return err
			}
			for _, n := range made {
				out[n.key] = n.value
				keys = append(keys, n.key)
			}
		}
		doc.root[name], doc.keys[name] = out, keys
	}
	return nil
}

type pair struct {
	key   string
	value any
}

type expander struct{ made, text int }

func (e *expander) member(key string, v any, depth int) ([]pair, error) {
	if e.made++; e.made > maxNodes || depth > maxDepth {
		return nil, errTooDeep
	}
	if !strings.HasPrefix(key, "Fn::ForEach::") {
		return []pair{{key, v}}, nil
	}
	l, _ := v.([]any)
	if len(l) != 3 {
		return nil, invalid("Template error: Fn::ForEach requires an identifier, a collection and an output")
	}
	id, ok := l[0].(string)
	items, ok2 := l[1].([]any)
	body, ok3 := l[2].(object)
	if !ok || !ok2 || !ok3 {
		return nil, invalid("Template error: Fn::ForEach requires an identifier, a collection and an output")
	}
	var out []pair
	for _, item := range items {
		for _, k := range sorted(body) {
			value, err := e.replace(body[k], id, text(item), depth+1)
			if err != nil {
				return nil, err
			}
			key, err := e.loopText(k, id, text(item))
			if err != nil {
				return nil, err
			}
			made, err := e.member(key, value, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, made...)
		}
	}
	return out, nil
}

func (e *expander) loopText(s, id, item string) (string, error) {
	n := strings.Count(s, "{"+id+"}")
	if e.text += len(s) + n*len(item); e.text > maxText {
		return "", errTooDeep
	}
	if n == 0 {
		return s, nil
	}
	s = strings.ReplaceAll(s, "${"+id+"}", item)
	return strings.ReplaceAll(s, "&{"+id+"}", strings.Map(func(r rune) rune {
		if alphanumeric.MatchString(string(r)) {
			return r
		}
		return -1
	}, item)), nil
}

// replace puts an item in the place of the loop's identifier.
func (e *expander) replace(v any, id, item string, depth int) (any, error) {
	if e.made++; e.made > maxNodes || depth > maxDepth {
		return nil, errTooDeep
	}
	switch v := v.(type) {
	case string:
		return e.loopText(v, id, item)
	case []any:
		l := make([]any, len(v))
		for i, x := range v {
			r, err := e.replace(x, id, item, depth+1)
			if err != nil {
				return nil, err
			}
			l[i] = r
		}
		return l, nil
	case object:
		if r, ok := v["Ref"].(string); ok && len(v) == 1 && r == id {
			return item, nil
		}
		m := make(object, len(v))
		for _, k := range sorted(v) {
			r, err := e.replace(v[k], id, item, depth+1)
			if err != nil {
				return nil, err
			}
			key, err := e.loopText(k, id, item)
			if err != nil {
				return nil, err
			}
			m[key] = r
		}
		return m, nil
	}
	return v, nil
}

package tree

import "go.yaml.in/yaml/v3"

// nodes returns what has to stand at the end of the edited collection: values,
// for a mapping each behind its key.
func (e *Edit) nodes() []*Node {
	var out []*Node
	for _, a := range e.added {
		if e.Node.Kind == Mapping {
			out = append(out, &Node{Kind: Scalar, Style: String, Value: a.key})
		}
		out = append(out, a.value)
	}
	return out
}

// sameJSON reports whether two values of JSON are the same, in the order of
// their entries too.
func sameJSON(want, is *Node) bool {
	if want.Kind != is.Kind || want.Style != is.Style || want.Value != is.Value || len(want.Items) != len(is.Items) {
		return false
	}
	for i := range want.Items {
		if !sameJSON(want.Items[i], is.Items[i]) {
			return false
		}
	}
	return true
}

// sameYAML reports whether a value of YAML is that value of JSON: a string
// where that is one, and nothing with a tag of its own.
func sameYAML(want *Node, is *yaml.Node) bool {
	kind := yaml.ScalarNode
	switch want.Kind {
	case Mapping:
		kind = yaml.MappingNode
	case Sequence:
		kind = yaml.SequenceNode
	}
	if is.Kind != kind || is.Value != want.Value || len(want.Items) != len(is.Content) || is.Style&yaml.TaggedStyle != 0 {
		return false
	}
	if kind == yaml.ScalarNode && (is.Tag == "!!str") != (want.Style == String) {
		return false
	}
	for i := range want.Items {
		if !sameYAML(want.Items[i], is.Content[i]) {
			return false
		}
	}
	return true
}

// sameValue reports whether a node of the template, of either language, is
// that value of JSON; functions in their short form are not looked into.
func sameValue(want, is *Node) bool {
	if is.Kind != want.Kind || is.Value != want.Value || len(want.Items) != len(is.Items) || is.Local() != "" {
		return false
	}
	if want.Kind == Scalar && (is.Tag == "!!str" || is.Style == String) != (want.Style == String) {
		return false
	}
	for i := range want.Items {
		if !sameValue(want.Items[i], is.Items[i]) {
			return false
		}
	}
	return true
}

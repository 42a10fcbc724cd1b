package expr

import "strings"

// list is a value as a list of items, as Fn::ForEach, Fn::Select and Fn::Join
// take it: a list that is written out, or the text of a CommaDelimitedList.
func (r *Renderer) list(v any) []any {
	switch v := v.(type) {
	case []any:
		return v
	case List:
		return v.Items()
	}
	return nil
}

// List is the value of a list parameter.
type List string

// Items are the items of the list, without the blanks around them.
func (c List) Items() []any {
	out := []any{}
	for _, s := range strings.Split(string(c), ",") {
		out = append(out, strings.TrimSpace(s))
	}
	return out
}

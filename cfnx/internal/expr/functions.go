package expr

import (
	"strconv"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

func (r *Renderer) sub(arg Node, depth int) any {
	tmpl, vars := arg.SubTemplate()
	if tmpl.Node == nil {
		return Unknown{Kind: SourceUnknown, Name: "Fn::Sub", Why: "an Fn::Sub that is not understood"}
	}
	text := tmpl.Value
	var b strings.Builder
	var open *Unknown
	note := func(u Unknown) {
		if open == nil || open.Stable && !u.Stable {
			open = &u
		}
	}
	for {
		i, end := NextInSub(text, 0)
		if end == 0 {
			b.WriteString(text)
			break
		}
		b.WriteString(text[:i])
		if text[i] != '$' {
			note(dynamicUnknown(text[i:]))
			text = text[end:]
			continue
		}
		name := strings.TrimSpace(text[i+2 : end-1])
		text = text[end:]
		var v any
		switch lit, escaped := strings.CutPrefix(name, "!"); {
		case escaped:
			v = "${" + lit + "}"
		case vars.Follow().Get(name) != nil:
			v = r.Render(At(vars.Follow().Get(name)), depth+1)
		case strings.Contains(name, "."):
			res, attribute, _ := strings.Cut(name, ".")
			v = r.Attribute(res, attribute)
		default:
			v = r.ref(name)
		}
		switch v := v.(type) {
		case string:
			b.WriteString(v)
		case List:
			b.WriteString(string(v))
		case Unknown:
			note(v)
		default:
			note(Unknown{Kind: SourceUnknown, Name: name, Why: "no text"})
		}
	}
	if open != nil {
		return *open
	}
	return b.String()
}

func (r *Renderer) join(arg Node, depth int) any {
	args := arg.Exactly(2)
	if args == nil {
		return Unknown{Kind: SourceUnknown, Name: "Fn::Join", Why: "an Fn::Join that is not understood"}
	}
	sep, _ := args[0].Text()
	v := r.Render(args[1], depth+1)
	items := r.list(v)
	if items == nil {
		return OrUnknown(v, "Fn::Join")
	}
	texts := make([]string, len(items))
	for i, item := range items {
		text, ok := item.(string)
		if !ok {
			return OrUnknown(item, "Fn::Join")
		}
		texts[i] = text
	}
	return strings.Join(texts, sep)
}

func (r *Renderer) selected(arg Node, depth int) any {
	args := arg.Exactly(2)
	if args == nil {
		return Unknown{Kind: SourceUnknown, Name: "Fn::Select", Why: "an Fn::Select that is not understood"}
	}
	index, ok := r.Render(args[0], depth+1).(string)
	n, err := strconv.Atoi(index)
	v := r.Render(args[1], depth+1)
	items := r.list(v)
	if !ok || err != nil || items == nil || n < 0 || n >= len(items) {
		return OrUnknown(v, "Fn::Select")
	}
	return items[n]
}

func (r *Renderer) mapped(arg Node, depth int) any {
	args := arg.Args()
	if len(args) < 3 {
		return Unknown{Kind: SourceUnknown, Name: "Fn::FindInMap", Why: "an Fn::FindInMap that is not understood"}
	}
	n, path := r.Root.Get("Mappings").Follow(), "/Mappings"
	for _, a := range args[:3] {
		v := r.Render(a, depth+1)
		key, ok := v.(string)
		if !ok {
			return OrUnknown(v, "Fn::FindInMap")
		}
		if n = n.Get(key).Follow(); n == nil {
			if len(args) > 3 {
				if d := args[3].Get("DefaultValue"); d != nil {
					return r.Render(At(d), depth+1)
				}
			}
			return Unknown{Kind: SourceMapping, Name: args[0].Value, Path: path, Why: "no entry of the mapping"}
		}
		path += "/" + tree.Escape(key)
	}
	return r.Render(At(n), depth+1)
}

func (r *Renderer) branch(arg Node, depth int) any {
	args := arg.Exactly(3)
	if args == nil || args[0].Kind != tree.Scalar {
		return Unknown{Kind: SourceUnknown, Name: "Fn::If", Why: "an Fn::If that is not understood"}
	}
	switch c := r.Condition(args[0].Value).(type) {
	case bool:
		if c {
			return r.Render(args[1], depth+1)
		}
		return r.Render(args[2], depth+1)
	case Unknown:
		return c
	}
	return Unknown{Kind: SourceCondition, Name: args[0].Value, Why: "condition " + args[0].Value + " is not known"}
}

package template

import (
	"slices"
	"strconv"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// refParts is what a Ref, or a variable of a Sub, comes to.
func (f *imageFinder) refParts(name string) parts {
	switch f.refKind(name) {
	case kindLoop:
		return openPart(name, Source{Kind: expr.SourceLoop, Name: name})
	case kindParameter:
		return f.parameterParts(name)
	case kindPseudo:
		p := part{text: "${" + name + "}", open: true, place: Source{Kind: expr.SourcePseudo, Name: name}}
		if v := f.pseudo(name); v != "" {
			p.text, p.open = v, false
		}
		return parts{p}
	case kindResource:
		return f.attributeParts(name)
	}
	return openPart(name, Source{Kind: expr.SourceUnknown, Name: name})
}

// pseudo returns the value of a pseudo parameter, "" where not known.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html
func (f *imageFinder) pseudo(name string) string {
	switch name {
	case "AWS::AccountId":
		return f.opts.Account
	case "AWS::Region":
		return f.opts.Region
	case "AWS::Partition":
		return f.opts.Partition
	case "AWS::URLSuffix":
		switch f.opts.Partition {
		case "aws", "aws-us-gov":
			return "amazonaws.com"
		case "aws-cn":
			return "amazonaws.com.cn"
		case "aws-eusc":
			return "amazonaws.eu"
		}
	}
	return ""
}

func (f *imageFinder) parameterParts(name string) parts {
	decl := f.params[name].Follow()
	path := "/Parameters/" + tree.Escape(name)
	value, given := f.opts.Parameters[name]
	def := decl.Get("Default").Follow()
	if !given && !slices.Contains(f.opts.NotKnown, name) && def != nil && def.Kind == tree.Scalar && !def.Null() {
		value, given = def.Value, true
	}
	place := Source{Kind: expr.SourceParameter, Name: name, Path: path}
	if t := decl.Get("Type").Follow(); t != nil && t.Kind == tree.Scalar {
		if strings.HasPrefix(t.Value, "AWS::SSM::Parameter::Value") {
			if given {
				return openPart(name, Source{Kind: expr.SourceSSM, Name: value, Path: path})
			}
			return openPart(name, place)
		}
		if strings.HasPrefix(t.Value, "List<") || t.Value == "CommaDelimitedList" {
			return openPart(name, place)
		}
	}
	if !given {
		return openPart(name, place)
	}
	return parts{{text: value, place: place}}
}

// mappingParts looks an Fn::FindInMap up.
func (f *imageFinder) mappingParts(arg expr.Node, path string, depth int) parts {
	args := arg.Args()
	if len(args) < 3 {
		return openPart("FindInMap", Source{Kind: expr.SourceUnknown, Path: path})
	}
	n, at := f.root.Get("Mappings").Follow(), "/Mappings"
	name := f.partsAt(args[0], path, depth+1).text()
	for _, a := range args[:3] {
		key := f.partsAt(a, path, depth+1)
		if key.known() && n.Get(key.text()) == nil && len(args) > 3 && args[3].Get("DefaultValue") != nil {
			return f.partsAt(expr.At(args[3].Get("DefaultValue")), path+"/3/DefaultValue", depth+1)
		}
		if !key.known() || n.Get(key.text()) == nil {
			return openPart("Map:"+name, Source{Kind: expr.SourceMapping, Name: name, Path: "/Mappings/" + tree.Escape(name)})
		}
		n, at = n.Get(key.text()).Follow(), at+"/"+tree.Escape(key.text())
	}
	v, ok := expr.At(n).Text()
	if !ok {
		return openPart("Map:"+name, Source{Kind: expr.SourceMapping, Name: name, Path: at})
	}
	return parts{{text: v, place: Source{Kind: expr.SourceMapping, Name: name, Path: at}}}
}

// selectParts picks an item of a list that is written out, or of a text that
// is split.
func (f *imageFinder) selectParts(arg expr.Node, path string, depth int) parts {
	args := arg.Exactly(2)
	if args == nil {
		return openPart("Select", Source{Kind: expr.SourceUnknown, Path: path})
	}
	index, err := strconv.Atoi(f.partsAt(args[0], path, depth+1).text())
	fn, list := args[1].Call()
	if fn == "" {
		if items := args[1].Args(); err == nil && index >= 0 && index < len(items) {
			return f.partsAt(items[index], path+"/1/"+strconv.Itoa(index), depth+1)
		}
		return openPart("Select", Source{Kind: expr.SourceUnknown, Path: path})
	}
	from := f.partsAt(args[1], path+"/1", depth+1)
	if split := list.Exactly(2); fn == "Fn::Split" && split != nil {
		sep, ok := split[0].Text()
		from = f.partsAt(split[1], path+"/1/Fn::Split/1", depth+1)
		if items := strings.Split(from.text(), sep); ok && sep != "" && err == nil && from.known() && index >= 0 && index < len(items) {
			return parts{{text: items[index], place: from.splitPlace()}}
		}
	}
	if len(from) == 0 {
		return openPart("Select", Source{Kind: expr.SourceUnknown, Path: path})
	}
	return openPart("Select", from.splitPlace())
}

// splitPlace is the place to name for a piece of a text that was split: the
// first of its parts that is not written here.
func (ps parts) splitPlace() Source {
	for _, p := range ps {
		if p.place.Kind != expr.SourceInline {
			return p.place
		}
	}
	return ps[0].place
}

package template

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// judged says of each source that is a parameter whether its declaration takes
// the value that it would have to have.
func (f *imageFinder) judged(sources []Source) []Source {
	out := slices.Clone(sources)
	for i := range out {
		if s := &out[i]; s.Kind == expr.SourceParameter && s.Value != "" {
			s.Refused = f.refused(s.Name, s.Value)
		}
	}
	return out
}

// refused is why a parameter does not take a value, "" where it does.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
func (f *imageFinder) refused(name, value string) string {
	decl := f.params[name].Follow()
	text := func(key string) string {
		if n := decl.Get(key).Follow(); n != nil && n.Kind == tree.Scalar {
			return n.Value
		}
		return ""
	}
	if text("Type") == "Number" {
		if _, err := strconv.ParseFloat(value, 64); err != nil {
			return "it is a Number"
		}
	}
	if n := decl.Get("AllowedValues").Follow(); n != nil && n.Kind == tree.Sequence {
		var allowed []string
		for _, v := range n.Items {
			allowed = append(allowed, v.Follow().Value)
		}
		if !slices.Contains(allowed, value) {
			return "its AllowedValues are " + strings.Join(allowed, ", ")
		}
	}
	if p := text("AllowedPattern"); p != "" {
		// CloudFormation's are Java's; one that Go does not know is not judged.
		if re, err := regexp.Compile("^(?:" + p + ")$"); err == nil && !re.MatchString(value) {
			return "its AllowedPattern is " + p
		}
	}
	for key, bad := range map[string]func(n int) bool{"MinLength": func(n int) bool { return len(value) < n }, "MaxLength": func(n int) bool { return len(value) > n }} {
		if n, err := strconv.Atoi(text(key)); err == nil && bad(n) {
			return "its " + key + " is " + text(key)
		}
	}
	return ""
}

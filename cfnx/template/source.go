package template

import (
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
)

// Source is where a part of a value comes from, and so where a change of the
// value would have to be made.
type Source struct {
	// Kind is
	//   - "inline": text of the expression itself, which PatchImages changes;
	//   - "parameter": the stack's parameter Name. Change the value given to the
	//     stack update; Default at Path counts only where none is given;
	//   - "ssm": the Systems Manager parameter Name, read through a template
	//     parameter of an SSM type (Path is then its declaration) or a dynamic
	//     reference. A new value alone is no change to CloudFormation where the
	//     reference pins no version: the template's text is the same
	//     (docs/aws/cfn.md 5.2);
	//   - "secret": the Secrets Manager secret Name;
	//   - "mapping": the entry at Path in Mappings, which other expressions may
	//     read too;
	//   - "stack": output of the nested stack Name ("App.Outputs.Image"): the
	//     child's template;
	//   - "export": the export Name of another stack;
	//   - "condition": an Fn::If inside the expression, its branches at Path;
	//   - "pseudo": the pseudo parameter Name;
	//   - "loop": the variable Name of an Fn::ForEach;
	//   - "resource": an attribute of the resource Name, known after it exists;
	//   - "macro": made by a macro or transform;
	//   - "unknown": a function or name that is not understood.
	Kind string `json:"kind"`
	Name string `json:"name,omitempty"` // see the kinds; "" for text
	// Path is the JSON pointer of what would be changed in this template, ""
	// where that is not in this template. For a parameter it is the pointer of
	// its declaration, for a mapping that of the entry's value.
	Path string `json:"path,omitempty"`
	// Value is what it would have to be for the image asked for. Only the
	// Sources of an Unpatched have it, and only where it is known; ""
	// otherwise.
	Value string `json:"value,omitempty"`
	// Refused is why the declaration of the parameter does not take Value: its
	// Type, AllowedValues or AllowedPattern; "" where it does, as far as that can
	// be seen.
	Refused string `json:"refused,omitempty"`
}

// String is the kind and the name, "parameter Tag", or the path of a text.
func (s Source) String() string {
	if s.Kind == expr.SourceInline {
		return strings.TrimSpace("text " + s.Path)
	}
	return strings.TrimSpace(s.Kind + " " + s.Name)
}

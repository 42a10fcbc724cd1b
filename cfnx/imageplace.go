package cfnx

// PlaceKind says where a part of a value comes from.
type PlaceKind string

// The places.
const (
	// PlaceHere: text of the expression itself. PatchImages changes it.
	PlaceHere PlaceKind = "here"
	// PlaceParameter: the stack's parameter Name. Change the value given to
	// the stack update; Default at Path counts only where none is given.
	PlaceParameter PlaceKind = "parameter"
	// PlaceSSM: the Systems Manager parameter Name, read through a template
	// parameter of an SSM type (Path is then its declaration) or a dynamic
	// reference. A new value alone is no change to CloudFormation where the
	// reference pins no version: the template's text is the same
	// (docs/aws/cfn.md 5.2).
	PlaceSSM PlaceKind = "ssm"
	// PlaceSecret: the Secrets Manager secret Name.
	PlaceSecret PlaceKind = "secret"
	// PlaceMapping: the entry at Path in Mappings, which other expressions may
	// read too.
	PlaceMapping PlaceKind = "mapping"
	// PlaceStack: output of the nested stack Name ("App.Outputs.Image"): the
	// child's template.
	PlaceStack PlaceKind = "stack"
	// PlaceExport: the export Name of another stack.
	PlaceExport PlaceKind = "export"
	// PlaceCondition: an Fn::If inside the expression; its branches, at Path.
	PlaceCondition PlaceKind = "condition"
	// PlacePseudo: the pseudo parameter Name.
	PlacePseudo PlaceKind = "pseudo"
	// PlaceLoop: the variable Name of an Fn::ForEach.
	PlaceLoop PlaceKind = "loop"
	// PlaceResource: an attribute of the resource Name, known after it exists.
	PlaceResource PlaceKind = "resource"
	// PlaceMacro: made by a macro or transform.
	PlaceMacro PlaceKind = "macro"
	// PlaceUnknown: a function or name that is not understood.
	PlaceUnknown PlaceKind = "unknown"
)

// Place is where a part of a value comes from.
type Place struct {
	In   PlaceKind
	Name string // see the kinds; "" for PlaceHere
	// Path is the JSON pointer of what would be changed in this template, ""
	// where that is not in this template. For a parameter it is the pointer of
	// its declaration, for a mapping that of the entry's value.
	Path string
	// Value is what it would have to be for the image asked for. Only the
	// Places of an Unpatched have it, and only where it can be told; "" otherwise.
	Value string
}

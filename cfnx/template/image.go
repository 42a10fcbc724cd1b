package template

// The kinds of an Expr.
const (
	kindLiteral    = "literal"
	kindSub        = "sub"          // Fn::Sub, text alone or with a map
	kindJoin       = "join"         // Fn::Join
	kindParameter  = "ref-param"    // Ref to a parameter, of SSM type too
	kindPseudo     = "ref-pseudo"   // Ref to AWS::…
	kindResource   = "ref-resource" // Ref to a resource
	kindLoop       = "ref-loop"     // Ref to the variable of an Fn::ForEach
	kindUnknownRef = "ref-unknown"  // Ref to nothing in the template
	kindMapping    = "findinmap"    // Fn::FindInMap
	kindIf         = "if"           // Fn::If: see Image.Branches
	kindGetAtt     = "getatt"       // Fn::GetAtt, of a nested stack's output too
	kindImport     = "importvalue"  // Fn::ImportValue
	kindDynamic    = "dynamic-ref"  // {{resolve:…}}
	kindSelect     = "select"       // Fn::Select
	kindSplit      = "split"        // Fn::Split
	kindTransform  = "transform"    // Fn::Transform
	kindNull       = "null"         // nothing, or ~
	kindCollection = "collection"   // a list or map that is no function
	kindOther      = "other:"
)

// Expr is a value in a template as it is written.
type Expr struct {
	// Path is its JSON pointer. Short tags are spelt as their long form
	// (!If as /Fn::If/1), a YAML merge key as /<<.
	Path string
	// Kind says how it is written: "literal"; "sub", "join", "findinmap", "if"
	// (see Image.Branches), "getatt" (of a nested stack's output too),
	// "importvalue", "select", "split", "transform" for the functions;
	// "ref-param", "ref-pseudo", "ref-resource", "ref-loop" (the variable of an
	// Fn::ForEach) and "ref-unknown" for a Ref; "dynamic-ref" for {{resolve:…}};
	// "null"; "collection" for a list or map that is no function. A function of
	// another name is "other:" with that name, such as
	// "other:Fn::GetStackOutput".
	Kind string
	// Raw is its text in the template with its tag and quotes, without an
	// anchor before it and comments behind it. Start and End are its byte
	// offsets in the template that was given.
	Raw        string
	Start, End int
	// Line and Column are where it begins, 1-based; columns count characters.
	Line, Column int
	// Value is the decoded text of a literal, the template text of a Sub, the
	// name of a Ref or GetAtt; "" for everything else.
	Value string
	// Text is what it comes to, as far as the template, Options.Parameters
	// and the pseudo parameters given say; what they do not say is written as
	// ${Name}. "" where nothing is known.
	Text string
	// Sources are where the parts of Text come from, in order, each once: where
	// a change of the value would have to be made.
	Sources []Source
}

// Image is one container image expression of a template.
type Image struct {
	Resource string // logical ID; "Fn::ForEach::Loop/${Name}Task" below an Fn::ForEach
	Type     string // resource type
	// Container is the container's name, or the logical ID again where a
	// resource holds one image outside a list of containers. "" where the
	// container has no name or one that is not known (a function).
	Container string
	// Index is the container's position in its list, -1 outside a list.
	// Both branches of an Fn::If keep the index of their place.
	Index int
	Expr
	// Branches are the two values of an Fn::If (one where the other is
	// AWS::NoValue), nil for every other kind.
	Branches []Image
}

// Ref returns Text taken apart as an image reference.
func (i Image) Ref() ImageRef { return parseImageRef(i.Text) }

// Leaves returns the values that may become the image: the image itself, or,
// for an Fn::If, the leaves of its branches.
func (i Image) Leaves() []Image {
	if i.Kind != kindIf {
		return []Image{i}
	}
	var out []Image
	for _, b := range i.Branches {
		out = append(out, b.Leaves()...)
	}
	return out
}

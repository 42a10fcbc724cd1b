package cfnx

// ImageKind says how an image is written in a template.
type ImageKind string

// The kinds. A function of another name is "other:" with that name, such as
// "other:Fn::GetStackOutput".
const (
	ImageLiteral     ImageKind = "literal"
	ImageSub         ImageKind = "sub"          // Fn::Sub, text alone or with a map
	ImageJoin        ImageKind = "join"         // Fn::Join
	ImageParameter   ImageKind = "ref-param"    // Ref to a parameter, of SSM type too
	ImagePseudo      ImageKind = "ref-pseudo"   // Ref to AWS::…
	ImageResource    ImageKind = "ref-resource" // Ref to a resource
	ImageLoop        ImageKind = "ref-loop"     // Ref to the variable of an Fn::ForEach
	ImageUnknownRef  ImageKind = "ref-unknown"  // Ref to nothing in the template
	ImageMapping     ImageKind = "findinmap"    // Fn::FindInMap
	ImageIf          ImageKind = "if"           // Fn::If: see Image.Branches
	ImageGetAtt      ImageKind = "getatt"       // Fn::GetAtt, of a nested stack's output too
	ImageImport      ImageKind = "importvalue"  // Fn::ImportValue
	ImageDynamic     ImageKind = "dynamic-ref"  // {{resolve:…}}
	ImageSelect      ImageKind = "select"       // Fn::Select
	ImageSplit       ImageKind = "split"        // Fn::Split
	ImageTransform   ImageKind = "transform"    // Fn::Transform
	ImageNull        ImageKind = "null"         // nothing, or ~
	ImageCollection  ImageKind = "collection"   // a list or map that is no function
	imageOtherPrefix           = "other:"
)

// Expr is a value in a template as it is written.
type Expr struct {
	// Path is its JSON pointer. Short tags are spelt as their long form
	// (!If as /Fn::If/1), a YAML merge key as /<<.
	Path string
	Kind ImageKind
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
	// Text is what it comes to, as far as the template, FindOptions.Parameters
	// and the pseudo parameters given tell; what they do not tell stands as
	// ${Name}. "" where nothing is known.
	Text string
	// Places are where the parts of Text come from, in order, each once: where
	// a change of the value would have to be made.
	Places []Place
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
func (i Image) Ref() ImageRef { return ParseImageRef(i.Text) }

// Leaves returns the values that may become the image: the image itself, or,
// for an Fn::If, the leaves of its branches.
func (i Image) Leaves() []Image {
	if i.Kind != ImageIf {
		return []Image{i}
	}
	var out []Image
	for _, b := range i.Branches {
		out = append(out, b.Leaves()...)
	}
	return out
}

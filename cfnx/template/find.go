package template

import (
	"cmp"
	"strconv"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/options"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// Options are the options of every function of this package. The zero value is the
// default.
type Options struct {
	// Parameters are the stack's parameter values by name. A parameter that is
	// not here has the Default of its declaration, if there is one. A part of
	// an image that has the value asked for already is kept, so give the values
	// the stack is updated with.
	Parameters map[string]string
	// NotKnown are parameters whose values are not known: their Default does
	// not count.
	NotKnown []string
	// Account, Region and Partition are the values of AWS::AccountId,
	// AWS::Region and AWS::Partition, "" where not known. AWS::URLSuffix
	// follows from Partition (aws, aws-cn, aws-us-gov, aws-eusc).
	Account, Region, Partition string
	// Attributes are what resources of the stack come to: "Repo" is Ref of
	// Repo, "Repo.RepositoryUri" an attribute, "App.Outputs.Image" an output of
	// a nested stack. What is not here is not known.
	Attributes map[string]string
	// Also are JSON pointers of nested stacks' parameters that are images, as
	// StackParameter.Path has them. They are found as Images too, with the
	// parameter's name for the container's.
	Also []string
	// MaxBytes is the largest template that is read, in bytes; 0 means 4 MiB.
	// CloudFormation itself takes 1 MB from S3:
	// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
	MaxBytes int
	// Original says that the template is what its author wrote and not what
	// GetTemplate returned, which replaces every character beyond U+007F by a
	// question mark: question marks that look like that are then no reason to
	// refuse a change. [FindImages] refuses none.
	Original bool
	// Replace lets [AddEntries] replace an entry that is there with another value.
	Replace bool
}

// FindResult is what FindImages finds.
type FindResult struct {
	Images []Image // in the order of the template
	Opaque []Opaque
	Nested []NestedTemplate
	// Macros are the names under the template's Transform, AWS's own too: what
	// a macro makes of the template is not seen here.
	Macros []string
}

// Opaque is a part of a template that would hold images, or resources, but is
// made by a function or a macro.
type Opaque struct {
	Resource, Type string // "" where it is the template's Resources, or all of it
	Fn             string // "Fn::Transform", "Ref", …
	Path           string // JSON pointer of the part
	Line, Column   int    // 1-based
}

// FindImages returns every container image expression of a template, YAML or JSON:
// of every resource type that runs containers, in both branches of every
// Fn::If, inside Fn::ForEach, and under SAM's Globals. It changes nothing and
// resolves nothing outside the template.
//
// It reads what CloudFormation would refuse, where it can: aliases, merge keys
// and duplicate keys (every value is found), UTF-16 and Latin-1; of several
// documents, the first with Resources.
//
// The error is a *Error: ErrNotTemplate, or ErrLimit. On return, FindResult
// is non-nil if and only if the error is nil. Safe for concurrent use; it
// keeps nothing of template.
func FindImages(template []byte, optFns ...func(*Options)) (*FindResult, error) {
	o := options.Of(optFns)
	f, err := newImageFinder(template, o)
	if err != nil {
		return nil, err
	}
	found, err := f.find()
	if err != nil {
		return nil, err
	}
	return found, nil
}

// imageFinder walks one template.
type imageFinder struct {
	opts      Options
	doc       *tree.Doc
	root      *tree.Node
	params    map[string]*tree.Node
	resources map[string]*tree.Node
	paths     map[string][][]string // where a resource type has images
	loops     []string              // variables of the Fn::ForEach around
	steps     int
	sites     []imageSite
	found     FindResult
	stacks    []stackSite
}

func newImageFinder(template []byte, o Options) (*imageFinder, error) {
	f := &imageFinder{opts: o, params: map[string]*tree.Node{}, resources: map[string]*tree.Node{}, paths: map[string][][]string{}}
	doc, err := tree.Parse(template, f.limits())
	if err != nil {
		return nil, templateError("", err)
	}
	f.doc = doc
	for _, root := range doc.Roots {
		if f.root == nil || root.Get("Resources") != nil {
			f.root = root
		}
		if root.Get("Resources") != nil {
			break
		}
	}
	if f.root.Follow() == nil || f.root.Kind != tree.Mapping {
		return nil, &Error{Err: ErrNotTemplate, Detail: "no mapping at the top"}
	}
	if f.root.Get("Resources").Follow() == nil {
		return nil, &Error{Err: ErrNotTemplate, Detail: "no Resources"}
	}
	return f, nil
}

func (f *imageFinder) limits() tree.Limits {
	return tree.Limits{Bytes: cmp.Or(f.opts.MaxBytes, expr.MaxBytes), Depth: expr.MaxDepth}
}

// step counts a node looked at and reports whether there may be more.
func (f *imageFinder) step() bool {
	f.steps++
	return f.steps <= expr.MaxSteps
}

// find walks the template and fills in what it found.
func (f *imageFinder) find() (*FindResult, error) {
	f.walk()
	f.found.Images = make([]Image, len(f.sites))
	for i := range f.sites {
		f.found.Images[i] = f.image(&f.sites[i], f.sites[i].value, f.sites[i].path)
	}
	for _, s := range f.stacks {
		f.found.Nested = append(f.found.Nested, f.nestedStack(s))
	}
	return &f.found, f.overLimit()
}

// overLimit returns ErrLimit where too many nodes were looked at.
func (f *imageFinder) overLimit() error {
	if f.steps <= expr.MaxSteps {
		return nil
	}
	return &Error{Err: ErrLimit, Detail: "more than " + strconv.Itoa(expr.MaxSteps) + " values, counting each alias"}
}

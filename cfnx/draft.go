package cfnx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
	"github.com/stackrescue/stackrescue/cfnx/template"
	"github.com/stackrescue/stackrescue/internal/clock"
)

// fetchAPI is GetObject of *s3.Client: where the templates of nested stacks
// are read.
type fetchAPI interface {
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// uploadAPI is PutObject of *s3.Client: where changed templates are put.
type uploadAPI interface {
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
}

// BucketAPI is the calls of *s3.Client with which templates are read and stored.
type BucketAPI interface {
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
}

// Draft is an update of a stack tree that is being prepared: changed templates
// and parameter values, nothing of which AWS knows yet. Make one with
// [Tree.NewDraft], change it with its methods, carry it out with [Draft.Apply].
type Draft struct {
	// Tree is what the draft was made from.
	Tree *Tree
	// Parameters are new values for parameters of the root. Others keep theirs.
	Parameters map[string]string
	// Recorded gives the images, by container, of the revision that a stack
	// records for a task definition. They are used where an image cannot be
	// computed from the template, such as an import; nil if they are not known.
	// May be nil.
	Recorded func(s *Stack, logicalID string) map[string]string
	// Ledger is where [Draft.Check] finds who imports the exports of the tree.
	// May be nil: nothing is known of it then.
	Ledger *Ledger

	originals map[string][]byte // by stack id
	current   map[string][]byte
	urls      map[string]string // of nested stacks' templates, by stack id
	authored  map[string]bool   // with every character, by stack id
	fetched   map[string]bool   // read from S3 and as the stack has it, by stack id
	// placed are templates of nested stacks as they are where the draft's template
	// of the parent says; unplaced is why one could not be read from there.
	placed   map[string][]byte
	unplaced map[string]string
	given    map[string]string // parameters that came with a template
	pinned   map[string]bool   // parameters that keep their values, by stack id and name
	// blind drafts know no attributes of resources.
	blind bool

	wants  map[string]want   // by what is wanted
	images map[string]string // references, by stack id and path

	literals []Difference
	// imports are what the draft takes into the root stack, see Import.
	imports []types.ResourceToImport

	parsed map[*byte]*tree.Doc // by the first byte; shared by the clones
}

// NewDraft reads the templates of the tree. That of a nested stack is read
// from where its parent says it is, because CloudFormation hands templates out
// with every character beyond U+007F replaced by a question mark; the copy in
// S3 is used when it is the same but for that, else what CloudFormation has.
//
// With a nil bucket nothing is read from S3, and the draft is of what
// CloudFormation has: to see what could be changed, not to be applied.
//
// Calls s3:GetObject, once for each nested stack. Safe to repeat.
// It returns [ErrUnread] if a template or the resources of a stack were not read.
func (t *Tree) NewDraft(ctx context.Context, bucket fetchAPI) (*Draft, error) {
	if t == nil || t.Root == nil {
		return nil, errors.New("tree is empty: take a snapshot first")
	}
	if err := t.unreadError(partResources, partTemplate); err != nil {
		return nil, err
	}
	d := draftOfTree(t)
	// Level by level: where a nested stack's template is depends on its parent's.
	for level := []*Stack{t.Root}; len(level) > 0; {
		if err := d.readLevel(ctx, bucket, level); err != nil {
			return nil, err
		}
		var next []*Stack
		for _, s := range level {
			next = append(next, s.Children...)
		}
		level = next
	}
	return d, nil
}

// readLevel reads the templates of stacks at once.
func (d *Draft) readLevel(ctx context.Context, bucket fetchAPI, level []*Stack) error {
	stored, errs := make([][]byte, len(level)), make([]error, len(level))
	g, gctx := clock.NewGroup(ctx, atOnce)
	for i, s := range level {
		if s.parent == nil {
			continue
		}
		// A URL that cannot be read is a problem of a draft that changes this stack
		// alone: see Check.
		u, err := d.templateURL(s)
		if err != nil {
			errs[i] = err
			continue
		}
		d.urls[s.ID] = u
		g.Go(func() error {
			stored[i], errs[i] = fetch(gctx, bucket, u)
			return nil
		})
	}
	_ = g.Wait() // each has its own error
	for i, s := range level {
		body := s.Template
		_, read := d.urls[s.ID]
		switch {
		case !read:
		case errs[i] == nil && bytes.Equal(mangle(stored[i]), s.Template):
			body, d.authored[s.ID], d.fetched[s.ID] = stored[i], true, true
		case bucket == nil:
			d.authored[s.ID] = true // it is read from there before it is applied
		case errs[i] != nil && ctx.Err() != nil:
			return fmt.Errorf("stack %s: template %s: %w", s.Name, d.urls[s.ID], errs[i])
		}
		// Otherwise the object is gone or was replaced since: what CloudFormation
		// recorded is what the stack is.
		d.originals[s.ID], d.current[s.ID], d.placed[s.ID] = body, body, body
	}
	return nil
}

// Stored reports whether the template of a nested stack was read from where its
// parent says that it is, and is the one that the stack has.
func (d *Draft) Stored(s *Stack) bool { return s.parent != nil && d.fetched[s.ID] }

// Original gives the template of a stack as its author wrote it, from a file or
// a repository, where CloudFormation has it with its non-ASCII characters lost
// (docs/aws/cfn.md 1.8). It must be the same otherwise, and nothing may have been
// changed in it yet.
func (d *Draft) Original(s *Stack, body []byte) error {
	switch {
	case !bytes.Equal(mangle(body), mangle(s.Template)):
		return fmt.Errorf("stack %s: what is given is not the template that the stack has: give the version that was deployed last", s.Name)
	case !bytes.Equal(d.originals[s.ID], d.current[s.ID]):
		return fmt.Errorf("stack %s: the draft has changed its template already: give the original first", s.Name)
	}
	d.originals[s.ID], d.current[s.ID], d.placed[s.ID], d.authored[s.ID] = body, body, body, true
	return nil
}

// Template is the stack's template as the draft has it.
func (d *Draft) Template(stackID string) []byte { return d.current[stackID] }

// Changed lists the stacks whose templates differ from what they were.
func (d *Draft) Changed() []*Stack {
	var out []*Stack
	for s := range d.Tree.All() {
		if !bytes.Equal(d.originals[s.ID], d.current[s.ID]) {
			out = append(out, s)
		}
	}
	return out
}

// Empty reports whether nothing would change.
func (d *Draft) Empty() bool { return len(d.Changed()) == 0 && len(d.Parameters) == 0 }

// Set replaces values in the template of a stack of the tree; see [SetValues].
func (d *Draft) Set(s *Stack, values ...template.Value) ([]template.Edit, error) {
	p, err := template.SetValues(d.current[s.ID], values, func(o *template.Options) { o.Original = true })
	if err != nil {
		return nil, fmt.Errorf("stack %s: %w", s.Name, err)
	}
	d.current[s.ID] = p.Template
	return p.Edits, nil
}

func (s *Stack) hasParameter(name string) bool {
	for _, p := range s.Parameters {
		if p.Key == name {
			return true
		}
	}
	return false
}

// templateURL is where the parent says the nested stack's template is.
func (d *Draft) templateURL(s *Stack) (string, error) {
	found, err := template.FindImages(s.parent.Template, func(o *template.Options) { *o = findContext(s.parent) })
	if err != nil {
		return "", fmt.Errorf("stack %s: %w", s.parent.Name, err)
	}
	for _, n := range found.Nested {
		if n.Resource == s.LogicalID && n.TemplateURL != nil && !strings.Contains(n.TemplateURL.Text, "${") && n.TemplateURL.Text != "" {
			return n.TemplateURL.Text, nil
		}
	}
	return "", fmt.Errorf("stack %s: the template URL of %s cannot be read off its template", s.parent.Name, s.LogicalID)
}

// findContext gives Find what is known about a stack.
func findContext(s *Stack) template.Options {
	var o template.Options
	o.Parameters = map[string]string{}
	for _, p := range s.Parameters {
		if p.Value == "****" {
			o.NotKnown = append(o.NotKnown, p.Key)
			continue
		}
		o.Parameters[p.Key] = p.Value // of one in Systems Manager, its name
	}
	if parts := strings.Split(s.ID, ":"); len(parts) > 4 {
		o.Partition, o.Region, o.Account = parts[1], parts[3], parts[4]
	}
	return o
}

// findOptions give Find what the draft knows about a stack.
func (d *Draft) findOptions(s *Stack) template.Options {
	o := findContext(s)
	o.Attributes = attributesOf(s)
	r, _, err := d.renderer(s, 0)
	if err != nil {
		return o
	}
	expr.Entries(r.Root.Get("Parameters"), func(name string, _ *tree.Node) {
		switch v := r.Parameter(name).(type) {
		case string:
			o.Parameters[name] = v
		case expr.List:
			o.Parameters[name] = string(v)
		case expr.Unknown:
			if v.Kind != expr.SourceSSM {
				delete(o.Parameters, name)
				o.NotKnown = append(o.NotKnown, name)
			}
		}
	})
	return o
}

// attributesOf are what the stack's resources come to, for Find.
func attributesOf(s *Stack) map[string]string {
	out := map[string]string{}
	for _, r := range s.Resources {
		if r.Type != repositoryType {
			continue
		}
		for _, attribute := range []string{"", "RepositoryUri"} {
			if v := s.attribute(r, attribute); v != "" {
				out[strings.TrimSuffix(r.LogicalID+"."+attribute, ".")] = v
			}
		}
	}
	for _, c := range s.Children {
		for _, o := range c.Outputs {
			out[c.LogicalID+".Outputs."+o.Key] = o.Value
		}
	}
	return out
}

// mangle is what GetTemplate makes of a template (docs/aws/cfn.md 1.8).
func mangle(b []byte) []byte {
	return []byte(strings.Map(func(r rune) rune {
		if r > 0x7f {
			return '?'
		}
		return r
	}, string(b)))
}

// TemplateObject is where in S3 the template of s, a nested stack, is, as its
// parent's template says. It is pure.
func (s *Stack) TemplateObject() (bucket, key string, err error) {
	if s == nil || s.parent == nil {
		return "", "", errors.New("stack is not nested: its template is in no object that a parent names")
	}
	u, err := (&Draft{}).templateURL(s)
	if err != nil {
		return "", "", err
	}
	return location(u)
}

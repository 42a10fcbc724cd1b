package cfnx

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
	"github.com/stackrescue/stackrescue/cfnx/template"
)

// UseTemplate makes a template of the caller's own that of a stack of the tree,
// from a file or a repository, and for the root the parameters that are given
// with it; see [Draft.UseTemplateURL] for one in S3. Nested stacks follow: their templates are read from
// where the new one says they are. It is judged as every other draft: [Draft.Apply]
// refuses what would be removed or replaced, unless it is allowed by name.
//
// Calls s3:GetObject, once for each nested stack below s. A template that cannot
// be read is a problem that [Draft.Check] lists. The draft is left as it was if
// UseTemplate returns an error: body is no template, or parameters are given for
// a nested stack, which has them from its parent.
func (d *Draft) UseTemplate(ctx context.Context, bucket fetchAPI, s *Stack, body []byte, parameters map[string]string) error {
	if s.parent != nil && len(parameters) > 0 {
		return fmt.Errorf("stack %s: it has its parameters from %s: change them there", s.Name, s.parent.Name)
	}
	next := d.clone()
	next.current[s.ID], next.authored[s.ID] = body, true
	if _, _, err := next.renderer(s, 0); err != nil {
		return fmt.Errorf("stack %s: %w", s.Name, err)
	}
	delete(next.unplaced, s.ID)
	next.setParameters(parameters)
	err := next.placeNested(s, func(c *Stack, u string) ([]byte, error) { return fetch(ctx, bucket, u) })
	if ctx.Err() != nil {
		return fmt.Errorf("stack %s: %w", s.Name, errors.Join(ctx.Err(), err))
	}
	d.become(next)
	return nil
}

// UseTemplateURL is [Draft.UseTemplate] of a template that is in S3: at a URL of
// any of the forms that CloudFormation takes, or s3://bucket/key.
//
// Calls s3:GetObject, with a versionId in the URL s3:GetObjectVersion.
func (d *Draft) UseTemplateURL(ctx context.Context, bucket fetchAPI, s *Stack, url string, parameters map[string]string) error {
	body, err := fetch(ctx, bucket, url)
	if err != nil {
		return fmt.Errorf("stack %s: template %s: %w", s.Name, url, err)
	}
	return d.UseTemplate(ctx, bucket, s, body, parameters)
}

// UseAttempted makes the draft one of the update that failed, with the templates
// and parameters of Stack.Attempted, see [Tree.ReadAttempted]: to bring the stack to
// what it was updated to, judged as every other draft. Images, counts and outputs
// can be changed afterwards. It is pure.
//
// It returns a *[DraftError], and leaves the draft as it was, if a template is
// not known.
func (d *Draft) UseAttempted() error {
	next := d.clone()
	root := d.Tree.Root
	var problems []Problem
	for s := range d.Tree.All() {
		if len(s.Attempted) == 0 {
			why := s.Unread[partAttempted]
			if why == "" {
				why = "it was not read, see Tree.ReadAttempted"
			}
			problems = append(problems, Problem{StackID: s.ID, Stack: s.Name, Property: "Template", Why: "the template of the update that failed is not known: " + why, Err: template.ErrUnresolved})
		}
	}
	if len(problems) > 0 {
		return draftError(problems)
	}
	next.current[root.ID], next.authored[root.ID] = root.Attempted, false
	if string(mangle(d.originals[root.ID])) == string(root.Attempted) {
		next.current[root.ID], next.authored[root.ID] = d.originals[root.ID], d.authored[root.ID]
	}
	next.setParameters(root.AttemptedParameters)
	if err := next.placeNested(root, func(c *Stack, _ string) ([]byte, error) { return c.Attempted, nil }); err != nil {
		return err
	}
	d.become(next)
	return nil
}

// placeNested takes the templates of the stacks nested in s from where the draft's
// template of s says they are. The error is of the first one that could not be
// read; it is noted for Check.
func (d *Draft) placeNested(s *Stack, read func(c *Stack, url string) ([]byte, error)) error {
	var first error
	for _, c := range s.Children {
		r, doc, err := d.renderer(s, 0)
		if err != nil {
			return fmt.Errorf("stack %s: %w", s.Name, err)
		}
		if _, _, err := doc.At(r.Root, "/Resources/"+tree.Escape(c.LogicalID)); errors.Is(err, tree.ErrNoNode) {
			continue // it would be removed, which the guard sees
		}
		u, err := d.renderedURL(c)
		var body []byte
		if err == nil {
			body, err = read(c, u)
		}
		if err != nil {
			d.unplaced[c.ID] = err.Error()
			if first == nil {
				first = fmt.Errorf("stack %s: %w", c.Name, err)
			}
			continue
		}
		delete(d.unplaced, c.ID)
		d.current[c.ID], d.placed[c.ID], d.urls[c.ID], d.authored[c.ID] = body, body, u, true
		if err := d.placeNested(c, read); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// setParameters takes parameters of the root over where they are others than the
// stack has; a masked value says nothing, and the stack's own stays.
func (d *Draft) setParameters(parameters map[string]string) {
	for k, v := range parameters {
		same := slices.ContainsFunc(d.Tree.Root.Parameters, func(p Parameter) bool { return p.Key == k && p.Value == v })
		switch {
		case v == "****":
		case same:
			delete(d.Parameters, k)
		default:
			d.Parameters[k], d.given[k] = v, v
		}
	}
}

// declared are the parameters that the draft's template of the root declares,
// with whether each has a default; nil where the template cannot be read.
func (d *Draft) declared() map[string]bool {
	r, _, err := d.renderer(d.Tree.Root, 0)
	if err != nil {
		return nil
	}
	out := map[string]bool{}
	expr.Entries(r.Root.Get("Parameters").Follow(), func(name string, n *tree.Node) {
		out[name] = n.Follow().Get("Default") != nil
	})
	return out
}

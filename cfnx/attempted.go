package cfnx

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
)

// attemptedAPI is GetTemplate and DescribeChangeSet of *cloudformation.Client.
type attemptedAPI interface {
	cfn.DescribeChangeSetAPIClient
	GetTemplate(context.Context, *cfn.GetTemplateInput, ...func(*cfn.Options)) (*cfn.GetTemplateOutput, error)
}

// ReadAttempted reads the templates and parameters of the latest update of the
// tree, the one that failed, into Stack.Attempted and Stack.AttemptedParameters:
// those of the root from the change set that was executed, those of nested stacks
// from where its template says they are. CloudFormation says nowhere how long a
// change set that was executed can be read; an update without one leaves nothing
// (docs/aws/cfn.md 8.2).
//
// What was read is believed only if it renders the properties that the events of
// the update show. Where it is not known, Stack.Unread has "attempted" with the
// reason; that is no error.
//
// Calls cloudformation:GetTemplate, cloudformation:DescribeChangeSet, and
// s3:GetObject once for each nested stack. Safe to repeat.
// It returns an error only if ctx ends or the tree is empty.
func (t *Tree) ReadAttempted(ctx context.Context, api attemptedAPI, bucket fetchAPI) error {
	if t == nil || t.Root == nil {
		return errors.New("tree is empty: take a snapshot first")
	}
	for s := range t.All() {
		s.Attempted, s.AttemptedParameters = nil, nil
		delete(s.Unread, partAttempted)
	}
	root := t.Root
	if root.ChangeSetID == "" {
		return t.unattempted("the update was made without a change set")
	}
	body, parameters, err := readChangeSet(ctx, api, root.ChangeSetID)
	if ctx.Err() != nil {
		return fmt.Errorf("stack %s: %w", root.Name, ctx.Err())
	}
	if err != nil {
		return t.unattempted("change set " + root.ChangeSetID + ": " + err.Error())
	}
	root.Attempted, root.AttemptedParameters = body, parameters
	d := attemptedDraft(t)
	for s := range t.All() {
		if s.parent == nil {
			continue
		}
		if s.Attempted, err = d.attemptedTemplate(ctx, bucket, s); err != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("stack %s: %w", s.Name, ctx.Err())
			}
			s.unknown(partAttempted, err.Error())
			continue
		}
		d.current[s.ID] = s.Attempted
	}
	return d.believed(t)
}

const partAttempted = "attempted"

func (s *Stack) unknown(part, why string) {
	if s.Unread == nil {
		s.Unread = map[string]string{}
	}
	s.Unread[part] = why
}

// unattempted says of every stack that what was attempted is not known.
func (t *Tree) unattempted(why string) error {
	for s := range t.All() {
		s.Attempted, s.AttemptedParameters = nil, nil
		s.unknown(partAttempted, why)
	}
	return nil
}

// readChangeSet reads the template and the parameters of a change set.
func readChangeSet(ctx context.Context, api attemptedAPI, id string) ([]byte, map[string]string, error) {
	out, err := patiently(ctx, func(ctx context.Context) (*cfn.GetTemplateOutput, error) {
		return api.GetTemplate(ctx, &cfn.GetTemplateInput{ChangeSetName: &id, TemplateStage: "Original"})
	})
	if err != nil {
		return nil, nil, err
	}
	described, err := patiently(ctx, func(ctx context.Context) (*cfn.DescribeChangeSetOutput, error) {
		return api.DescribeChangeSet(ctx, &cfn.DescribeChangeSetInput{ChangeSetName: &id})
	})
	if err != nil {
		return nil, nil, err
	}
	parameters := map[string]string{}
	for _, p := range described.Parameters {
		parameters[aws.ToString(p.ParameterKey)] = aws.ToString(p.ParameterValue)
	}
	return []byte(aws.ToString(out.TemplateBody)), parameters, nil
}

// attemptedDraft is a draft of the update that was attempted, which knows nothing
// of attributes: they may have been others then.
func attemptedDraft(t *Tree) *Draft {
	d := draftOfTree(t)
	d.blind, d.Parameters = true, t.Root.AttemptedParameters
	for s := range t.All() {
		d.current[s.ID] = s.Attempted
	}
	return d
}

// attemptedTemplate reads what a nested stack was to be updated with.
func (d *Draft) attemptedTemplate(ctx context.Context, bucket fetchAPI, s *Stack) ([]byte, error) {
	if len(d.current[s.parent.ID]) == 0 {
		return nil, fmt.Errorf("the template of its parent %s is not known", s.parent.Name)
	}
	u, err := d.renderedURL(s)
	if err != nil {
		return nil, err
	}
	return patiently(ctx, func(ctx context.Context) ([]byte, error) { return fetch(ctx, bucket, u) })
}

// renderedURL is where the draft says that a nested stack's template is.
func (d *Draft) renderedURL(s *Stack) (string, error) {
	r, doc, err := d.renderer(s.parent, 0)
	if err != nil {
		return "", err
	}
	n, _, err := doc.At(r.Root, propertyPath(s.LogicalID, "TemplateURL"))
	if err != nil {
		return "", fmt.Errorf("the template of %s has no nested stack %s", s.parent.Name, s.LogicalID)
	}
	u, ok := r.Value(n).(string)
	if !ok {
		return "", fmt.Errorf("the template URL of %s is not known", s.LogicalID)
	}
	return u, nil
}

// believed drops what was read where the events of the update show something
// else, and all of it where they show nothing.
func (d *Draft) believed(t *Tree) error {
	proofs := 0
	for s := range t.All() {
		if len(s.Attempted) == 0 {
			continue
		}
		r, _, err := d.renderer(s, 0)
		if err != nil {
			s.Attempted = nil
			s.unknown(partAttempted, err.Error())
			continue
		}
		resources, _ := r.Value(r.Root.Get("Resources")).(map[string]any)
		forward, _ := s.attempt()
		for _, e := range forward {
			resource, ok := resources[e.LogicalID].(map[string]any)
			if e.Shown == nil || !ok {
				continue
			}
			agree, known := agrees(e.Shown, "", resource["Properties"])
			if !agree {
				return t.unattempted("the change set that was executed is not that of the update: resource " + s.Name + "." + e.LogicalID + " was updated to something else")
			}
			proofs += known
		}
	}
	if proofs == 0 {
		return t.unattempted("no event of the update shows a property by which the change set could be told to be its own")
	}
	return nil
}

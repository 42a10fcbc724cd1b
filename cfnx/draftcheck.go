package cfnx

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/options"
	"github.com/stackrescue/stackrescue/cfnx/template"
)

// maxTemplateObject is the largest template that CloudFormation takes from S3.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
const maxTemplateObject = 1 << 20

// Check lists what would keep [Draft.Apply] from making a change set of the draft as
// it is: the size of a template and the place in S3 that it needs, the URL of
// a nested stack's changed template, characters that were lost on the way from
// CloudFormation, macros together with nested stacks, parameters without a value,
// stack policies (see [Tree.ReadPolicies]), and exports in use (Draft.Ledger). It
// returns a *[DraftError] with all of it, or nil. It is pure: whether AWS
// accepts the change set is known only after Apply with DryRun.
//
// Of the options it reads TemplateURL.
func (d *Draft) Check(optFns ...func(*ApplyOptions)) error {
	o := options.Of(optFns)
	if d.Empty() {
		return nil
	}
	var problems []Problem
	add := func(s *Stack, why string, err error, places ...template.Source) {
		problems = append(problems, Problem{StackID: s.ID, Stack: s.Name, Property: "Template", Why: why, Err: err, Sources: places})
	}
	next := d.clone()
	var up func(s *Stack)
	up = func(s *Stack) {
		for _, c := range s.Children {
			up(c)
		}
		if why := d.unplaced[s.ID]; why != "" {
			add(s, "it could not be read from where the template of "+s.parent.Name+" says it is: "+why, template.ErrUnresolved)
			return
		}
		if s.parent == nil || string(next.current[s.ID]) == string(d.placed[s.ID]) {
			return
		}
		body := len(next.current[s.ID])
		u, known := d.urls[s.ID]
		switch {
		case !known:
			add(s.parent, "the template URL of nested stack "+s.LogicalID+" cannot be read off its template", template.ErrElsewhere, template.Source{Kind: expr.SourceInline, Name: s.LogicalID + ".TemplateURL"})
			return
		case body > maxTemplateObject:
			add(s, fmt.Sprintf("it has %d bytes, CloudFormation takes %d", body, maxTemplateObject), template.ErrLimit)
		}
		if _, _, err := location(u); err != nil {
			add(s, err.Error(), template.ErrElsewhere)
			return
		}
		if err := next.setTemplateURL(s, u+"-0123456789abcdef"); err != nil {
			add(s.parent, "the place of a changed template of "+s.LogicalID+" cannot be written: "+err.Error(), template.ErrElsewhere)
		}
	}
	root := d.Tree.Root
	up(root)
	body := next.current[root.ID]
	switch changed := string(body) != string(d.originals[root.ID]); {
	case changed && len(body) > maxTemplateObject:
		add(root, fmt.Sprintf("it has %d bytes, CloudFormation takes %d", len(body), maxTemplateObject), template.ErrLimit)
	case changed && len(body) > inlineBytes && o.TemplateURL == "" && len(d.urls) == 0:
		add(root, fmt.Sprintf("a template of %d bytes must be in S3: name a place in ApplyOptions.TemplateURL", len(body)), template.ErrLimit)
	}
	declared := next.declared()
	for name, hasDefault := range declared {
		if _, given := d.Parameters[name]; !given && !hasDefault && !root.hasParameter(name) {
			problems = append(problems, Problem{StackID: root.ID, Stack: root.Name, Property: "Parameter", From: name, Why: "the template wants a value for it: set it with Draft.SetParameter", Err: template.ErrUnresolved})
		}
	}
	for name, value := range d.Parameters {
		if _, ok := declared[name]; !ok && declared != nil {
			problems = append(problems, Problem{StackID: root.ID, Stack: root.Name, Property: "Parameter", From: name, To: value, Why: "the template has no such parameter", Err: template.ErrNoValue})
		}
	}
	for s := range next.Tree.All() {
		if d.authored[s.ID] || string(next.current[s.ID]) == string(d.originals[s.ID]) {
			continue
		}
		if err := lostLetters(next.current[s.ID]); errors.Is(err, template.ErrMangled) {
			add(s, err.Error()+": CloudFormation hands templates out with their non-ASCII characters replaced: give the author's with Draft.Original or Draft.UseTemplate", err)
		}
	}
	if len(root.Children) > 0 {
		for s := range d.Tree.All() {
			if names := macros(d.current[s.ID]); len(names) > 0 {
				// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
				// (Capabilities, CAPABILITY_AUTO_EXPAND)
				add(s, fmt.Sprintf("change sets take no macros (%s) together with nested stacks: update with UpdateStack", names[0]), template.ErrMacro)
			}
		}
	}
	problems = append(problems, next.policyProblems()...)
	problems = append(problems, next.exportProblems()...)
	return draftError(problems)
}

// withheld refuses a draft that holds a value of which only the digest is known.
func (d *Draft) withheld() error {
	var problems []Problem
	for _, s := range d.Changed() {
		if bytes.Contains(d.current[s.ID], []byte(withheld)) {
			problems = append(problems, Problem{StackID: s.ID, Stack: s.Name, Property: "Template", Err: template.ErrUnresolved,
				Why: "only the digest of a value that it would set is known: read the revision again and carry it"})
		}
	}
	return draftError(problems)
}

func macros(body []byte) []string {
	found, err := template.FindImages(body)
	if err != nil {
		return nil
	}
	return slices.Compact(found.Macros)
}

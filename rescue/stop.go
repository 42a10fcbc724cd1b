package rescue

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/cfnx/template"
)

// Stop is why a plan ends before the end of its direction.
type Stop struct {
	// Before is the kind of the first step that is not in the plan.
	Before Kind `json:"before"`
	// Fact is what prevents it, Next what to do about that.
	Fact string `json:"fact"`
	Next string `json:"next,omitempty"`
	// Unknown is whether the fact is one that could not be read.
	Unknown bool `json:"unknown,omitempty"`
	// Problems are places in the templates that the savepoint could not edit.
	Problems []string `json:"problems,omitempty"`
}

// String is one line.
func (s *Stop) String() string {
	if s == nil {
		return ""
	}
	out := fmt.Sprintf("before %s: %s", s.Before, s.Fact)
	if s.Next != "" {
		out += ": " + s.Next
	}
	return out
}

// stop ends the plan before its steps of a kind, for a reason that is not nil.
// The first one is kept.
func (p *planner) stop(before Kind, err error) {
	if p.stopped != nil || err == nil {
		return
	}
	p.stopped = err
	s := &Stop{Before: before, Fact: err.Error(), Unknown: errors.Is(err, ErrUnknown)}
	if r, ok := errors.AsType[*refusal](err); ok {
		s.Fact, s.Next = r.fact, r.next
	}
	if e, ok := errors.AsType[*cfnx.DraftError](err); ok {
		for _, x := range e.Problems {
			s.Problems = append(s.Problems, x.String())
			switch {
			case s.Next != "":
			case errors.Is(x.Err, template.ErrMangled):
				s.Next = "give the template as its author has it (Choices.Templates, -template STACK=FILE)"
			case errors.Is(x.Err, template.ErrLimit) && p.c.TemplateBucket == "":
				s.Next = "name a bucket for it (Choices.TemplateBucket, -template-bucket)"
			}
		}
		if s.Next == "" {
			s.Next = "change it at the place that is named, in a template of your own (Choices.Templates, -template STACK=FILE), or let the pipeline deploy the new version"
		}
	}
	s.Next = strings.TrimPrefix(s.Next+p.offer, "; ") // of a savepoint alone
	p.p.Stop = s
}

// ended reports whether the plan ends early.
func (p *planner) ended() bool { return p.stopped != nil }

// until reports whether the operator ends the plan after the steps of a kind.
func (p *planner) until(k Kind) bool { return p.c.Until == k }

// acts reports whether the plan does more than to keep images.
func (p *planner) acts() bool {
	return slices.ContainsFunc(p.p.Steps, func(s Step) bool { return s.Kind != kindFreeze && s.Kind != kindVerify })
}

// valid refuses choices that name what is not there.
func (p *planner) valid() error {
	switch p.c.Direction {
	case Serve, Forward, Hold, Back:
	default:
		return refuse("choose serve, forward, hold or back", "no direction %q", cmp.Or(string(p.c.Direction), "is chosen"))
	}
	switch p.c.Until {
	case "", kindFreeze, kindRestore, kindStamp, kindMigrate, kindRedeploy, kindStandIn, kindUnlock, kindSavepoint:
	default:
		return refuse("choose freeze, restore, stamp, migrate, redeploy, stand-in, unlock or savepoint", "until: no step of kind %q", p.c.Until)
	}
	for k, limit := range p.c.Limits {
		if _, known := riskOf[k]; !known || limit <= 0 {
			return refuse("give a kind of step and a time, such as unlock and 2h", "no limit of %s for steps of kind %q", limit, k)
		}
	}
	if r, err := arn.Parse(p.c.RoleARN); p.c.RoleARN != "" && (err != nil || r.Service != "iam" || !strings.HasPrefix(r.Resource, "role/") || p.d.Account != "" && r.AccountID != p.d.Account) {
		return refuse("give the ARN of a role of account "+p.d.Account, "%q is no service role for the stack", p.c.RoleARN)
	}
	if err := p.templatesNamed(); err != nil {
		return err
	}
	if err := p.mendedNamed(); err != nil {
		return err
	}
	return p.named()
}

// unused warns of choices that the plan makes no use of, and records the
// operator's word.
func (p *planner) unused() {
	for i := range p.b.Services {
		if s := &p.b.Services[i]; usersOf(*s).State != p.usersOf(s).State {
			p.p.Warnings = append(p.p.Warnings, p.usersOf(s).String())
		}
	}
	migrates := slices.ContainsFunc(p.p.Steps, func(s Step) bool { return s.Kind == kindStamp || s.Kind == kindMigrate })
	if p.c.RoleARN != "" && slices.ContainsFunc(p.p.Steps, func(s Step) bool { return s.RoleARN != "" }) {
		p.p.Warnings = append(p.p.Warnings, "CloudFormation uses role "+p.c.RoleARN+" for every later operation on the stack, and it cannot be taken away again")
	}
	if p.c.Migration != nil && !migrates {
		p.p.Warnings = append(p.p.Warnings, "the migration is left out: the plan deploys no service that it could be for")
	}
}

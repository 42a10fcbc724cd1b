package rescue

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/ecsx"
)

// Situation is what kind of trouble a stack tree is in.
type Situation string

// Situations.
const (
	Healthy      Situation = "healthy"       // nothing to rescue
	Degraded     Situation = "degraded"      // the stack rests, but users are not served or a rollback from here would fail
	Stuck        Situation = "stuck"         // the root is UPDATE_ROLLBACK_FAILED
	ChildStuck   Situation = "child-stuck"   // a nested stack is, the root is not
	Busy         Situation = "in-progress"   // an operation is under way
	Uncertain    Situation = "unknown"       // the stack rests, and whether users are served could not be read
	NotRescuable Situation = "not-rescuable" // see Advice
)

// Diagnosis is what is wrong, and why.
type Diagnosis struct {
	Version   int       `json:"version"`
	At        time.Time `json:"at"`
	Account   string    `json:"account"`
	Region    string    `json:"region"`
	Stack     string    `json:"stack"`
	StackID   string    `json:"stackId"`
	Situation Situation `json:"situation"`
	// Advice is what to do where this tool cannot.
	Advice string `json:"advice,omitempty"`
	// Users are the first answer: is anybody served?
	Users []Users `json:"users"`
	// Stacks are all stacks of the tree with their statuses.
	Stacks []StackLine `json:"stacks"`
	Causes Causes      `json:"causes"`
	// Lost are outputs that are declared and gone.
	Lost []cfnx.LostOutput `json:"lost,omitempty"`
	// Debt is what the stack's resting state hides: why the next rollback would
	// not succeed.
	Debt []string `json:"debt,omitempty"`
	// Threats would destroy the way out while nobody looks.
	Threats []Threat `json:"threats,omitempty"`
	// Expires is when the first of the evidence may be forgotten by ECS; zero
	// when there is none.
	Expires time.Time `json:"expires,omitzero"`
	// Assumed and Unknown are what the diagnosis rests on without having seen
	// it, and what could not be read.
	Assumed []string `json:"assumed,omitempty"`
	Unknown []string `json:"unknown,omitempty"`

	bundle *Bundle
}

// StackLine is one stack's status.
type StackLine struct {
	Name   string            `json:"name"`
	Status types.StackStatus `json:"status"`
	// Depth is 0 for the root.
	Depth int `json:"depth"`
}

// Causes are three separate answers: why the update failed, why ECS could not
// go back, why CloudFormation could not.
type Causes struct {
	Update   []Cause `json:"update"`
	Service  []Cause `json:"service"`
	Rollback []Cause `json:"rollback"`
}

// Cause is one reason, with what to do about it.
type Cause struct {
	Subject string `json:"subject"`
	Text    string `json:"text"`
	Next    string `json:"next,omitempty"`
}

// String is one line.
func (c Cause) String() string { return c.Subject + ": " + c.Text }

// Threat is a rule that will take an image away that is needed.
type Threat struct {
	Repository string `json:"repository"`
	Rule       string `json:"rule"`
	Image      string `json:"image"`
	Why        string `json:"why,omitempty"`
}

// Explain diagnoses a bundle. It calls nothing: a bundle that was written
// during an incident explains it for ever.
//
// A bundle without stacks, nil included, gives a diagnosis that knows nothing.
func Explain(b *Bundle) *Diagnosis {
	if b == nil || b.Tree == nil || b.Tree.Root == nil {
		return &Diagnosis{Version: 1, Situation: Uncertain, Advice: "diagnose again", Unknown: []string{"the bundle has no stack"}}
	}
	root := b.Tree.Root
	d := &Diagnosis{Version: 1, At: b.At, Account: b.Account, Region: b.Region, Stack: root.Name, StackID: root.ID, Lost: b.Lost, Unknown: b.Problems, bundle: b}
	for s := range b.Tree.All() {
		depth := 0
		for p := s.Parent(); p != nil; p = p.Parent() {
			depth++
		}
		d.Stacks = append(d.Stacks, StackLine{s.Name, s.Status, depth})
	}
	for _, f := range b.Services {
		d.Users = append(d.Users, usersOf(f))
	}
	for _, t := range b.Tasks {
		if e := t.ExpiresAt(); !e.IsZero() && (d.Expires.IsZero() || e.Before(d.Expires)) {
			d.Expires = e
		}
	}
	d.causes()
	d.threats()
	d.Debt = d.debts()
	d.Situation, d.Advice = d.situation()
	return d
}

func (d *Diagnosis) situation() (Situation, string) {
	t := d.bundle.Tree
	childStuck := ""
	for s := range t.All() {
		switch {
		case s.InProgress() && (s == t.Root || t.Root.Status != types.StackStatusUpdateRollbackFailed || !strings.HasSuffix(string(s.Status), "_CLEANUP_IN_PROGRESS")):
			return Busy, "wait for it to end, then diagnose again"
		case s.Status == types.StackStatusUpdateRollbackFailed && s != t.Root:
			childStuck = s.Name
		}
	}
	switch t.Root.Status {
	case types.StackStatusUpdateRollbackFailed:
		return Stuck, ""
	case types.StackStatusRollbackComplete, types.StackStatusRollbackFailed, types.StackStatusCreateFailed:
		return NotRescuable, "the stack was never created whole: find the cause, delete it yourself and create it again; this tool never deletes a stack"
	case types.StackStatusDeleteFailed, types.StackStatusDeleteComplete:
		return NotRescuable, "the stack was being deleted: find the resource that resists and delete the stack again, or keep the resource with --retain-resources"
	case types.StackStatusUpdateFailed:
		return NotRescuable, "the update was paused by disable-rollback: correct it and update again, or run aws cloudformation rollback-stack"
	case types.StackStatusReviewInProgress:
		return NotRescuable, "the stack has only a change set: execute or delete it"
	case types.StackStatusImportRollbackFailed:
		return NotRescuable, "an import could not be rolled back: ask AWS Support"
	}
	if childStuck != "" {
		return ChildStuck, "nested stack " + childStuck + " is stuck under a root that is not: run the pipeline again; if it is refused, ask AWS Support"
	}
	for _, u := range d.Users {
		if u.State == UsersUnknown {
			return Uncertain, u.String() + ": " + u.Next
		}
	}
	if len(d.Debt) > 0 || slices.ContainsFunc(d.Users, func(u Users) bool { return !u.ok() }) {
		return Degraded, ""
	}
	return Healthy, ""
}

// causes gives the three answers.
func (d *Diagnosis) causes() {
	c := d.bundle.Tree.Causes()
	for _, f := range c.Update {
		d.Causes.Update = append(d.Causes.Update, d.why(f, true))
	}
	for _, f := range c.Rollback {
		d.Causes.Rollback = append(d.Causes.Rollback, d.why(f, false))
	}
	if d.bundle.Tree.Root.Status != types.StackStatusUpdateRollbackFailed && len(c.Update) == 0 {
		return
	}
	for _, f := range d.bundle.Services {
		if cause, ok := d.goingBack(f); ok {
			d.Causes.Service = append(d.Causes.Service, cause)
		}
	}
}

// why explains a resource's failure. What CloudFormation says of an ECS
// service is only that its circuit breaker tripped: the tasks know more.
func (d *Diagnosis) why(f cfnx.Failure, forward bool) Cause {
	out := Cause{Subject: f.StackName + "." + f.LogicalID, Text: f.Reason}
	if f.Type != serviceType {
		return out
	}
	s := d.service(f)
	if s == nil {
		return out
	}
	if forward {
		if c, ok := ecsx.RootCause(d.tasks(*s, s.Forward)); ok {
			out.Text, out.Next = c.Summary, c.Next
			return out
		}
		d.Assumed = append(d.Assumed, "why the tasks of "+s.Service.String()+" failed: ECS has forgotten them, only CloudFormation's word is left")
		return out
	}
	if missing := d.missing(*s, s.Back); missing != "" {
		out.Text = "the revision to go back to, " + short(s.Back) + ", cannot run: " + missing
		out.Next = ecsx.ClassImageMissing.NextStep()
	} else if c, ok := ecsx.RootCause(d.tasks(*s, s.Back)); ok {
		out.Text, out.Next = c.Summary, c.Next
	}
	return out
}

// goingBack says why ECS could not go back to the revision that ran before.
func (d *Diagnosis) goingBack(f ServiceFacts) (Cause, bool) {
	c, ok := ecsx.RootCause(d.tasks(f, f.Back))
	if !ok || f.Back == f.Forward {
		return Cause{}, false
	}
	out := Cause{Subject: "service " + f.Service.String(), Text: c.Summary, Next: c.Next}
	if c.Class == ecsx.ClassImageMissing {
		if why := d.expired(c.Reference); why != "" {
			out.Text = "image " + c.Reference + " is not there; " + why
		}
	}
	return out, true
}

func (d *Diagnosis) service(f cfnx.Failure) *ServiceFacts {
	for i, s := range d.bundle.Services {
		if s.StackID == f.StackID && s.LogicalID == f.LogicalID {
			return &d.bundle.Services[i]
		}
	}
	return nil
}

// tasks are the stopped tasks of one revision of a service.
func (d *Diagnosis) tasks(f ServiceFacts, revision string) []ecsx.StoppedTask {
	var out []ecsx.StoppedTask
	for _, t := range d.bundle.Tasks {
		if t.Group == "service:"+f.Service.Name && t.TaskDefinition == revision && revision != "" {
			out = append(out, t)
		}
	}
	return out
}

// missing lists images of a revision that cannot be pulled, each with the rule
// that takes such images away; "" when all are there.
func (d *Diagnosis) missing(f ServiceFacts, revision string) string {
	var out []string
	for _, c := range f.Definitions[revision].Containers {
		i := d.bundle.Images[c.Image]
		if i.State.Usable() || i.State == ecrx.External || i.State == ecrx.Unknown || i.State == "" {
			continue
		}
		s := "image " + c.Image + " is " + strings.ReplaceAll(string(i.State), "-", " ")
		if why := d.expired(c.Image); why != "" && i.State == ecrx.Missing {
			s += "; " + why
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

// expired says which rule of the repository's lifecycle policy takes an image
// like this one away, once it is old enough.
func (d *Diagnosis) expired(ref string) string {
	i, err := ecrx.Parse(ref)
	if err != nil {
		return ""
	}
	p, err := ecrx.ParsePolicy(d.bundle.Policies[i.Name()])
	if err != nil {
		return "" // none, or one that ECR would not take
	}
	old := ecrx.Stored{Digest: cmp.Or(i.Digest, "unknown"), PushedAt: d.At.AddDate(-100, 0, 0)}
	if tag := cmp.Or(i.Tag, d.tagOf(i)); tag != "" {
		old.Tags = []string{tag}
	}
	v := ecrx.Evaluate(p, []ecrx.Stored{old}, d.At)[0]
	for _, r := range p.Rules {
		if r.Priority == v.MatchedBy && v.Does == ecrx.Expire {
			return "the lifecycle policy of " + i.Repository + " expires such images: " + ruleText(r)
		}
	}
	return ""
}

// tagOf is the tag under which some revision names a repository whose image is
// meant by digest.
func (d *Diagnosis) tagOf(i ecrx.Image) string {
	for _, s := range d.bundle.Services {
		for _, c := range s.Definitions[s.Back].Containers {
			if x, err := ecrx.Parse(c.Image); err == nil && x.Name() == i.Name() {
				return x.Tag
			}
		}
	}
	return ""
}

// threats are rules that will take images of the new revision away in time.
func (d *Diagnosis) threats() {
	for _, name := range slices.Sorted(maps.Keys(d.bundle.Freezes)) {
		f := d.bundle.Freezes[name]
		for _, r := range f.Removed {
			d.Threats = append(d.Threats, Threat{Repository: f.Repository.Name, Rule: ruleText(r.Rule), Image: r.Image, Why: r.Reason})
		}
	}
}

// ruleText is a rule with what its author called it.
func ruleText(r ecrx.Rule) string {
	if r.Description == nil || *r.Description == "" {
		return r.String()
	}
	return fmt.Sprintf("%s %q", r, *r.Description)
}

// short is "family:revision" of a task definition's ARN.
func short(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

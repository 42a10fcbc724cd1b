package rescue

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecrx"
)

// Situation is what kind of trouble a stack tree is in. It is one of
//   - "healthy": nothing to rescue;
//   - "degraded": the stack rests, but users are not served or a rollback from here
//     would fail;
//   - "stuck": the root is UPDATE_ROLLBACK_FAILED;
//   - "child-stuck": a nested stack is, the root is not;
//   - "in-progress": an operation is under way;
//   - "unknown": the stack rests, and whether users are served or a rollback would
//     succeed could not be read;
//   - "not-rescuable": see Advice.
type Situation string

const (
	situationHealthy      Situation = "healthy"
	situationDegraded     Situation = "degraded"
	situationStuck        Situation = "stuck"
	situationChildStuck   Situation = "child-stuck"
	situationBusy         Situation = "in-progress"
	situationUncertain    Situation = "unknown"
	situationNotRescuable Situation = "not-rescuable"
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
	// ImageUsers are the functions and scheduled tasks of the stacks that run images.
	ImageUsers []ImageUser `json:"imageUsers,omitempty"`
	// Others are who else has operated on the stack lately, the newest first.
	Others []Other `json:"others,omitempty"`
	// Leftovers are what earlier rescues left behind that no rollback meets.
	Leftovers []string `json:"leftovers,omitempty"`
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
	// Migration are services whose failure looks like a migration that did not get
	// to its end: a guess, with the command that settles it.
	Migration []Cause `json:"migration,omitempty"`
	// Proof are why what a savepoint would render has failed, which an earlier run has
	// started before its unlock.
	Proof []Cause `json:"proof,omitempty"`
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

// Explain diagnoses the bundle. It calls nothing: a bundle that was written during an
// incident explains it for ever.
//
// A bundle without stacks, nil included, gives a diagnosis that knows nothing.
func (b *Bundle) Explain() *Diagnosis {
	if b == nil || b.Tree == nil || b.Tree.Root == nil {
		return &Diagnosis{Version: 1, Situation: situationUncertain, Advice: "diagnose again", Unknown: []string{"the bundle has no stack"}}
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
	d.proofCauses()
	d.threats()
	d.imageUsers()
	d.Others = b.Others
	d.Debt, d.Leftovers = d.debts(), d.leftovers()
	d.Situation, d.Advice = d.situation()
	return d
}

func (d *Diagnosis) situation() (Situation, string) {
	t := d.bundle.Tree
	var childStuck *cfnx.Stack
	for s := range t.All() {
		switch {
		case s.InProgress() && (s == t.Root || t.Root.Status != types.StackStatusUpdateRollbackFailed || !strings.HasSuffix(string(s.Status), "_CLEANUP_IN_PROGRESS")):
			return situationBusy, d.waiting()
		case s.Status == types.StackStatusUpdateRollbackFailed && s != t.Root:
			childStuck = s
		}
	}
	switch t.Root.Status {
	case types.StackStatusUpdateRollbackFailed:
		return situationStuck, ""
	case types.StackStatusRollbackComplete, types.StackStatusRollbackFailed, types.StackStatusCreateFailed:
		return situationNotRescuable, "the stack was never created whole: find the cause, delete it yourself and create it again; this tool never deletes a stack"
	case types.StackStatusDeleteFailed, types.StackStatusDeleteComplete:
		return situationNotRescuable, "the stack was being deleted: find the resource that resists and delete the stack again, or keep the resource with --retain-resources"
	case types.StackStatusUpdateFailed:
		return situationNotRescuable, "the update was paused by disable-rollback: users can be served meanwhile (direction serve); correct it and update again, or run aws cloudformation rollback-stack --stack-name " + t.Root.Name + ", which deploys what the stack had before"
	case types.StackStatusReviewInProgress:
		return situationNotRescuable, "the stack has only a change set and nothing else: execute it, or delete it: aws cloudformation delete-change-set"
	case types.StackStatusImportRollbackFailed:
		return situationNotRescuable, "an import could not be rolled back: ask AWS Support"
	}
	if childStuck != nil {
		return situationChildStuck, fmt.Sprintf("nested stack %s is locked under a root that is not: users can be served meanwhile (direction serve); run the pipeline again: the root's next update takes the nested stack along, or is refused; if it is refused, ask AWS Support: \"nested stack %s is %s and its root %s is %s: please bring the nested stack to UPDATE_ROLLBACK_COMPLETE\"",
			childStuck.Name, childStuck.ID, childStuck.Status, t.Root.ID, t.Root.Status)
	}
	for s := range t.All() {
		if why := s.Unread["resources"]; why != "" {
			return situationUncertain, "the resources of stack " + s.Name + " could not be read: " + why + ": allow cloudformation:ListStackResources and diagnose again"
		}
	}
	for _, u := range d.Users {
		if u.State == usersUnknown {
			return situationUncertain, u.String() + ": " + u.Next
		}
	}
	if len(d.Debt) > 0 || slices.ContainsFunc(d.Users, func(u Users) bool { return !u.ok() }) {
		return situationDegraded, ""
	}
	if open := d.unproven(); len(open) > 0 {
		return situationUncertain, "users are served, and whether a rollback from here would succeed is NOT known: " + strings.Join(open, "; ") + ": allow what could not be read and diagnose again"
	}
	return situationHealthy, ""
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

// Evidence is what the diagnosis was made from; nil for one that was read from
// JSON.
func (d *Diagnosis) Evidence() *Bundle {
	if d == nil {
		return nil
	}
	return d.bundle
}

package rescue

import (
	"cmp"
	"fmt"
	"strings"
)

// refusal is why a plan is not made: the fact that prevents it, and what
// the operator can do instead.
type refusal struct {
	fact, next string
	err        error // a sentinel that the fact is a case of, or nil
}

func (r *refusal) Error() string { return r.fact }

func (r *refusal) Unwrap() error { return r.err }

func refuse(next, format string, a ...any) error {
	return &refusal{fact: fmt.Sprintf(format, a...), next: next}
}

// unknown refuses for a fact that could not be read.
func unknown(next, format string, a ...any) error {
	return &refusal{fact: fmt.Sprintf(format, a...), next: next, err: ErrUnknown}
}

// resources refuses to plan for services that could not be listed, or for an
// update of which it is not known what it changed.
func (p *planner) resources() error {
	for s := range p.b.Tree.All() {
		if why := s.Unread["resources"]; why != "" {
			return unknown("allow cloudformation:ListStackResources and diagnose again", "which services stack %s has is not known: %s", s.Name, why)
		}
	}
	for s := range p.b.Tree.All() {
		if why := s.Unread["events"]; why != "" && (p.c.Direction == Forward || p.c.Direction == Serve) {
			return unknown("allow cloudformation:DescribeStackEvents and diagnose again", "what the update of stack %s changed is not known: %s", s.Name, why)
		}
	}
	return nil
}

// known refuses what cannot be taken back while it is not known whether users
// are served, or while a service itself is gone or scaled to nothing.
func (p *planner) known() error {
	if err := p.resources(); err != nil {
		return err
	}
	risky := ""
	switch {
	case p.d.Situation == situationStuck:
		risky = "the continued rollback"
	case p.c.Direction == Forward:
		risky = "the savepoint"
	default:
		return nil
	}
	for i := range p.b.Services {
		u := p.usersOf(&p.b.Services[i])
		switch {
		case u.State == usersUnknown:
			return unknown(u.Next, "%s cannot be taken back, and %s", risky, u)
		case u.blocks():
			return refuse(u.Next, "%s cannot be taken back, and %s", risky, u)
		}
	}
	return nil
}

// revision finds a revision by ARN or "family:revision" among those that were
// read.
func (f *ServiceFacts) revision(name string) (string, error) {
	var known []string
	for _, arn := range []string{f.Serving(), f.Current, f.Forward, f.Back} {
		if _, ok := f.Definitions[arn]; !ok {
			continue
		}
		if arn == name || short(arn) == name {
			return arn, nil
		}
		known = append(known, short(arn))
	}
	return "", refuse("name one of them, or deploy the revision first and diagnose again", "service %s: revision %s is none of those that it runs, ran or was updated to: %s", f.Service, name, strings.Join(uniq(known), ", "))
}

func uniq(s []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, x := range s {
		if !seen[x] {
			seen[x] = true
			out = append(out, x)
		}
	}
	return out
}

// runs refuses a revision that could not be started: one that was not read, or
// with an image that is gone or was not looked up.
func (p *planner) runs(s *ServiceFacts, revision string) error {
	def, ok := s.Definitions[revision]
	if !ok || len(def.Containers) == 0 {
		return unknown("allow ecs:DescribeTaskDefinition and diagnose again", "service %s: task definition %s was not read", s.Service, cmp.Or(short(revision), "of the stack"))
	}
	if bad := p.d.missing(*s, revision); bad != "" {
		return refuse("push or restore the image, or name another revision", "service %s: %s", s.Service, bad)
	}
	if bad := p.b.lacks(def); bad != "" {
		return refuse("make it again, under the same name or ARN (a secret that is to be deleted: aws secretsmanager restore-secret), or name another revision", "service %s: %s cannot start: %s", s.Service, short(revision), bad)
	}
	for _, c := range def.Containers {
		i := p.b.Images[c.Image]
		if i.State == "unknown" || i.State == "" {
			return unknown("allow ecr:DescribeImages on its repository and diagnose again", "service %s: whether image %s exists is not known: %s", s.Service, c.Image, cmp.Or(i.Error, "it was not looked up"))
		}
	}
	return nil
}

// canRun reports whether runs has nothing against a revision.
func (p *planner) canRun(s *ServiceFacts, revision string) bool { return p.runs(s, revision) == nil }

// renders refuses a savepoint of which it is not known whether it would start
// what is kept: the stack's own template, with other images, renders the recorded
// revision.
func (p *planner) renders(s *ServiceFacts, kept string) error {
	next := "choose hold, which makes no savepoint, and let the pipeline deploy the new template"
	if s.Back == "" {
		return unknown(next, "service %s: the revision that the template renders is not known: %s", s.Service, s.RevisionsUnknown)
	}
	if kept == s.Back {
		return nil
	}
	if s.Literal {
		return nil // the stack is given the revision as a value: it gets another
	}
	differences, compared := s.Differences[kept]
	if !compared {
		return unknown(next, "service %s: whether the template renders %s is not known: %s and %s could not be compared", s.Service, short(kept), short(s.Back), short(kept))
	}
	for _, d := range differences {
		if d.Kind == "not-known" {
			return unknown(next, "service %s: whether the savepoint would render %s is not known: %s", s.Service, short(kept), d)
		}
	}
	return nil // they are carried
}

// goesBack refuses the way back where what was there before is not known or
// cannot run.
func (p *planner) goesBack(s *ServiceFacts) error {
	if s.Back == "" {
		return unknown("choose forward or hold", "service %s: the revision to go back to is not known: %s", s.Service, s.RevisionsUnknown)
	}
	if err := p.runs(s, s.Back); err != nil {
		if r, ok := err.(*refusal); ok && r.err == nil { //nolint:errorlint // made here, never wrapped
			return refuse("restore the same images first", "%s", r.fact)
		}
		return err
	}
	if !s.Definitions[s.Back].Active {
		return refuse("register the same definition again", "service %s: revision %s is inactive", s.Service, short(s.Back))
	}
	return nil
}

// deployable refuses a plan in which ECS would be asked to deploy a service
// that another controller deploys: it refuses that (docs/aws/ecs.md 1.4).
func (p *planner) deployable(s *ServiceFacts, target string) error {
	var next string
	switch s.Controller {
	case "", "ECS":
		return nil
	case "CODE_DEPLOY":
		next = "deploy " + short(target) + " with CodeDeploy (aws deploy create-deployment), diagnose again, then choose hold"
	default:
		next = "deploy " + short(target) + " with the controller that owns the service, diagnose again, then choose hold"
	}
	if users := p.usersOf(s); users.ok() && s.Current == target && s.Back == target {
		return nil // nothing of it changes
	}
	return refuse(next, "service %s has the deployment controller %s (CodeDeploy or another than ECS itself): ECS refuses a new task definition for it, from its stack as well", s.Service, s.Controller)
}

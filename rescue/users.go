package rescue

import (
	"fmt"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/internal/redact"
)

// UserState is whether the users of a service are served. It is one of
//   - "served": as many tasks run as are wanted;
//   - "partly-served": some do;
//   - "not-served": none does;
//   - "scaled-to-zero": none is wanted, and the template or the scalable target says
//     so;
//   - "unknown": it could not be read.
type UserState string

const (
	usersServed       UserState = "served"
	usersPartlyServed UserState = "partly-served"
	usersNotServed    UserState = "not-served"
	usersScaledToZero UserState = "scaled-to-zero"
	usersUnknown      UserState = "unknown"
)

// Users say whether one service serves.
type Users struct {
	Service ecsx.Service `json:"service"`
	State   UserState    `json:"state"`
	Desired int          `json:"desired"`
	Running int          `json:"running"`
	// Why is the reason for a state that the two numbers do not explain.
	Why string `json:"why,omitempty"`
	// Served is State == Served.
	Served bool `json:"served"`
	// NotRead is what would have strengthened the answer, and was not read.
	NotRead string `json:"notRead,omitempty"`
	// Next is what to do where the state itself prevents a plan.
	Next string `json:"next,omitempty"`
}

// usersOf judges a service. What was not read is unknown; a count of zero is
// what somebody wanted only where the template says zero too.
func usersOf(f ServiceFacts) Users {
	u := Users{Service: f.Service, Desired: f.Desired, Running: f.Running}
	u.State, u.Why, u.Next = f.users()
	u.Served = u.State == usersServed
	if _, _, known := f.routed(); u.Served && len(f.TargetGroups) > 0 && !known {
		u.NotRead = "target health was not read"
	}
	if u.Served && f.Tasks != nil && f.Tasks.Unread != "" {
		u.NotRead = strings.TrimPrefix(u.NotRead+"; the health of its tasks was not read", "; ")
	}
	return u
}

func (f *ServiceFacts) users() (state UserState, why, next string) {
	switch {
	case f.Unread != "":
		return usersUnknown, f.Unread, "allow ecs:DescribeServices and diagnose again"
	case f.Status == "MISSING" || f.Status == "INACTIVE":
		return usersNotServed, "ECS has no such service", "it was deleted outside the stack: create it again under the same name, or take it out of the template"
	case f.Status == "DRAINING":
		return usersNotServed, "the service is being deleted", "wait until it is gone, then diagnose again"
	case f.Desired == 0 && f.Wants != nil && *f.Wants == 0:
		return usersScaledToZero, "the template wants 0 tasks", ""
	case f.Desired == 0 && f.Minimum != nil && *f.Minimum == 0:
		return usersScaledToZero, "the minimum of its scalable target is 0", ""
	case f.Desired == 0:
		wants, count := "what the template wants is not known", "N"
		if f.Wants != nil {
			wants, count = fmt.Sprintf("the template wants %d", *f.Wants), fmt.Sprint(*f.Wants)
		}
		return usersNotServed, "the desired count is 0, and " + wants,
			fmt.Sprintf("scale it first: aws ecs update-service --cluster %s --service %s --desired-count %s", f.Service.Cluster, f.Service.Name, count)
	case f.Running == 0:
		return usersNotServed, "", ""
	case f.Running < f.Desired:
		return usersPartlyServed, "", ""
	case f.State == "FAILED":
		return usersPartlyServed, "its deployment failed", ""
	}
	if t := f.Tasks; t != nil && t.Unread == "" && t.Running >= f.Desired { // fewer are listed than run: reads lag
		switch n := t.serving(); {
		case n == 0:
			return usersNotServed, t.String(), ""
		case n < f.Desired:
			return usersPartlyServed, t.String(), ""
		}
	}
	if n, why, known := f.routed(); known && n == 0 {
		return usersNotServed, "no task is healthy behind its load balancer: " + why, ""
	} else if known && n < f.Desired {
		return usersPartlyServed, why, ""
	}
	if f.Failing > fewFailures {
		return usersPartlyServed, fmt.Sprintf("its tasks go on failing, %d within an hour: %s", f.Failing, f.Fails), ""
	}
	return usersServed, "", ""
}

// loops counts the tasks of the primary deployment that failed in the hour before
// the last of them: a service whose tasks die every few minutes has as many as are
// wanted at most moments.
func (f *ServiceFacts) loops(tasks []ecsx.StoppedTask) {
	primary := f.primary()
	if primary.CreatedAt.IsZero() {
		return
	}
	var failed []ecsx.StoppedTask
	var last time.Time
	for _, t := range tasks {
		if !f.owns(t) || t.TaskDefinition != primary.TaskDefinition || !t.CreatedAt.After(primary.CreatedAt) {
			continue
		}
		if t.StoppedAt.After(last) {
			last = t.StoppedAt
		}
		if t.Failed() && !t.StartedAt.IsZero() { // one that never ran has served nobody, and nobody has lost it
			failed = append(failed, t)
		}
	}
	for _, t := range failed {
		if t.StoppedAt.After(last.Add(-time.Hour)) {
			f.Failing++
			f.Fails = redact.Text(t.Cause.Summary)
		}
	}
}

// usersOf judges a service for a plan: the operator's word counts where nothing
// could be read.
func (p *planner) usersOf(s *ServiceFacts) Users {
	u := usersOf(*s)
	if word := p.c.Assert[s.Service.String()]; word != "" && u.State == usersUnknown {
		u.State, u.Why, u.Next, u.Served = word, "as the operator says; "+u.Why, "", word == usersServed
	}
	return u
}

// users are the lines of all services.
func (p *planner) users() string {
	lines := make([]string, len(p.b.Services))
	for i := range p.b.Services {
		lines[i] = p.usersOf(&p.b.Services[i]).String()
	}
	if len(lines) == 0 {
		return "the stack has no service"
	}
	return strings.Join(lines, "; ")
}

// blocks reports whether nothing irreversible may be planned: it is not known
// whether users are served, or what is missing is the service itself or its
// wanted count, which no deployment brings back.
func (u Users) blocks() bool {
	return u.State == usersUnknown || u.State == usersNotServed && u.Next != ""
}

// ok reports whether users have what the template wants them to have.
func (u Users) ok() bool { return u.State == usersServed || u.State == usersScaledToZero }

// detail is the state for a line of a report.
func (u Users) detail() string {
	s := fmt.Sprintf("%d of %d tasks run", u.Running, u.Desired)
	switch {
	case u.State == usersUnknown:
		return u.Why
	case u.Why != "":
		return s + ": " + u.Why
	case u.NotRead != "":
		return s + "; " + u.NotRead
	}
	return s
}

// String is one line.
func (u Users) String() string {
	switch u.State {
	case usersUnknown:
		return fmt.Sprintf("service %s: whether it serves is NOT known: %s", u.Service, u.Why)
	case usersScaledToZero:
		return fmt.Sprintf("service %s is scaled to zero: %s", u.Service, u.Why)
	case usersServed:
		return fmt.Sprintf("service %s serves: %s", u.Service, u.detail())
	case usersPartlyServed:
		return fmt.Sprintf("service %s serves in part: %s", u.Service, u.detail())
	}
	return fmt.Sprintf("service %s does NOT serve: %s", u.Service, u.detail())
}

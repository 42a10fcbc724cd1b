package rescue

import (
	"fmt"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/internal/redact"
)

// UserState is whether the users of a service are served.
type UserState string

// States of users.
const (
	Served       UserState = "served"         // as many tasks run as are wanted
	PartlyServed UserState = "partly-served"  // some do
	NotServed    UserState = "not-served"     // none does
	ScaledToZero UserState = "scaled-to-zero" // none is wanted, and the template or the scalable target says so
	UsersUnknown UserState = "unknown"        // it could not be read
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
	u.Served = u.State == Served
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
		return UsersUnknown, f.Unread, "allow ecs:DescribeServices and diagnose again"
	case f.Status == "MISSING" || f.Status == "INACTIVE":
		return NotServed, "ECS has no such service", "it was deleted outside the stack: create it again under the same name, or take it out of the template"
	case f.Status == "DRAINING":
		return NotServed, "the service is being deleted", "wait until it is gone, then diagnose again"
	case f.Desired == 0 && f.Wants != nil && *f.Wants == 0:
		return ScaledToZero, "the template wants 0 tasks", ""
	case f.Desired == 0 && f.Minimum != nil && *f.Minimum == 0:
		return ScaledToZero, "the minimum of its scalable target is 0", ""
	case f.Desired == 0:
		wants, count := "what the template wants is not known", "N"
		if f.Wants != nil {
			wants, count = fmt.Sprintf("the template wants %d", *f.Wants), fmt.Sprint(*f.Wants)
		}
		return NotServed, "the desired count is 0, and " + wants,
			fmt.Sprintf("scale it first: aws ecs update-service --cluster %s --service %s --desired-count %s", f.Service.Cluster, f.Service.Name, count)
	case f.Running == 0:
		return NotServed, "", ""
	case f.Running < f.Desired:
		return PartlyServed, "", ""
	case f.State == "FAILED":
		return PartlyServed, "its deployment failed", ""
	}
	if t := f.Tasks; t != nil && t.Unread == "" && t.Running >= f.Desired { // fewer are listed than run: reads lag
		switch n := t.serving(); {
		case n == 0:
			return NotServed, t.String(), ""
		case n < f.Desired:
			return PartlyServed, t.String(), ""
		}
	}
	if n, why, known := f.routed(); known && n == 0 {
		return NotServed, "no task is healthy behind its load balancer: " + why, ""
	} else if known && n < f.Desired {
		return PartlyServed, why, ""
	}
	if f.Failing > fewFailures {
		return PartlyServed, fmt.Sprintf("its tasks go on failing, %d within an hour: %s", f.Failing, f.Fails), ""
	}
	return Served, "", ""
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
	if word := p.c.Assert[s.Service.String()]; word != "" && u.State == UsersUnknown {
		u.State, u.Why, u.Next, u.Served = word, "as the operator says; "+u.Why, "", word == Served
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
func (u Users) blocks() bool { return u.State == UsersUnknown || u.State == NotServed && u.Next != "" }

// ok reports whether users have what the template wants them to have.
func (u Users) ok() bool { return u.State == Served || u.State == ScaledToZero }

// detail is the state for a line of a report.
func (u Users) detail() string {
	s := fmt.Sprintf("%d of %d tasks run", u.Running, u.Desired)
	switch {
	case u.State == UsersUnknown:
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
	case UsersUnknown:
		return fmt.Sprintf("service %s: whether it serves is NOT known: %s", u.Service, u.Why)
	case ScaledToZero:
		return fmt.Sprintf("service %s is scaled to zero: %s", u.Service, u.Why)
	case Served:
		return fmt.Sprintf("service %s serves: %s", u.Service, u.detail())
	case PartlyServed:
		return fmt.Sprintf("service %s serves in part: %s", u.Service, u.detail())
	}
	return fmt.Sprintf("service %s does NOT serve: %s", u.Service, u.detail())
}

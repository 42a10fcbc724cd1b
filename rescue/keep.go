package rescue

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/ecsx"
)

// keep decides which revision a service is to run in the end: the one that the
// operator names, else the one that serves, else the one that the failed update
// made. It is never the old one in passing.
func (p *planner) keep(s *ServiceFacts) (string, error) {
	if name := p.c.Revisions[s.Service.String()]; name != "" {
		return s.revision(name)
	}
	users := p.usersOf(s)
	serving := s.Serving()
	named := "name the revision to keep for service " + s.Service.String()
	switch {
	case users.State == usersServed && s.Unread != "":
		return "", nil // as the operator says; what runs is not known
	case users.State == usersScaledToZero:
		return s.Current, nil
	case users.State == usersServed && serving == "" && len(s.Deployments) > 0:
		return "", unknown("wait until its deployment has ended, then diagnose again", "service %s runs tasks of two revisions: which one is to stay is not known", s.Service)
	case users.State == usersServed:
		return p.keepServing(s, cmp.Or(serving, s.Current))
	case users.State == usersPartlyServed && serving != "" && s.Running >= s.Desired:
		return p.keepServing(s, serving) // its latest deployment failed, and as many run as are wanted
	case s.Touched && s.Forward == "":
		return "", unknown(named, "service %s: the revision of the failed update is not known: %s", s.Service, s.RevisionsUnknown)
	case s.Touched:
		return s.Forward, nil
	case s.Back != "" && s.Current == s.Back:
		return s.Current, nil
	}
	return "", unknown(named, "service %s is set to %s, which neither the stack nor its latest update made", s.Service, short(s.Current))
}

// named refuses a name for a service that the stack does not have: a typing
// error would leave the service to the default.
func (p *planner) named() error {
	known := map[string]bool{}
	var names []string
	for i := range p.b.Services {
		name := p.b.Services[i].Service.String()
		known[name] = true
		names = append(names, name)
	}
	given := map[string]string{}
	for name := range p.c.Revisions {
		given[name] = "a revision is named"
	}
	for name := range p.c.Assert {
		given[name] = "something is asserted"
	}
	for _, name := range p.c.Prove {
		given[name] = "what the savepoint renders is to be proven"
	}
	if m := p.c.Migration; m != nil && m.Service != "" {
		given[m.Service] = "the migration is meant"
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !known[name] {
			return refuse("name one of its services: "+strings.Join(names, ", "), "the stack has no service %s, for which %s", name, given[name])
		}
	}
	return nil
}

// keepServing decides for a service that serves: it is left alone, from before
// the update or not. To deploy the new revision to users who are served is for the
// operator to say. A service whose images are gone serves only until its next task
// starts: it gets the new revision where the update never came to it, or where a
// migration is what it failed for.
func (p *planner) keepServing(s *ServiceFacts, serving string) (string, error) {
	if serving != s.Back || s.Forward == s.Back || !s.Touched || p.c.Direction == Serve {
		return serving, nil
	}
	next := "name the revision to keep for service " + s.Service.String() + ", or choose hold or back"
	bad := p.d.missing(*s, serving)
	switch {
	case bad == "" && s.Reached && s.Current != serving:
		return "", refuse(next, "service %s is set to %s and runs %s, the revision from before the update: to which of them it goes at its next task is not seen from here, and %s would be deployed to users who are served", s.Service, short(s.Current), short(serving), short(s.Current))
	case bad == "" && s.Reached:
		hint := ""
		if s.Forward != "" {
			hint = ": name " + short(s.Forward) + " for it to deploy that to users who are served"
		}
		p.p.Warnings = append(p.p.Warnings, fmt.Sprintf("service %s serves the revision from before the update, %s, and is left alone%s", s.Service, short(serving), hint))
		return serving, nil
	case s.Forward == "":
		return "", unknown(next, "service %s serves the revision from before the update, %s, which cannot start another task (%s); %s", s.Service, short(serving), bad, s.RevisionsUnknown)
	case bad == "" || !p.canRun(s, s.Forward):
		return serving, nil
	case p.c.Migration == nil && s.Reached:
		// The update came to the service, and it went back: that no failed task of
		// the new revision is left says nothing, ECS forgets them within the hour.
		failed := ""
		if c, ok := ecsx.RootCause(p.d.tasks(*s, s.Forward)); ok {
			failed = ", and the tasks of " + short(s.Forward) + " have failed: " + c.Summary
		}
		return "", refuse(next, "service %s serves on %s, which cannot start another task (%s)%s: %s would be deployed to users who are served", s.Service, short(serving), bad, failed, short(s.Forward))
	}
	p.p.Warnings = append(p.p.Warnings, fmt.Sprintf("service %s serves on %s, which cannot start another task (%s): %s is deployed to it", s.Service, short(serving), bad, short(s.Forward)))
	return s.Forward, nil
}

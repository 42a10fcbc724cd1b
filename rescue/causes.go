package rescue

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/ecsx"
)

// causes gives the three answers.
func (d *Diagnosis) causes() {
	c := d.bundle.Tree.Causes()
	for _, f := range c.Update {
		d.Causes.Update = append(d.Causes.Update, d.why(f, true))
	}
	for _, f := range c.Rollback {
		d.Causes.Rollback = append(d.Causes.Rollback, d.why(f, false))
	}
	if root := d.bundle.Tree.Root; root.Status != types.StackStatusUpdateRollbackFailed && !root.InProgress() && len(c.Update) == 0 {
		return
	}
	for _, f := range d.bundle.Services {
		if cause, ok := d.suspects(f); ok {
			d.Causes.Migration = append(d.Causes.Migration, cause)
		}
	}
	for i, f := range d.bundle.Services {
		if w, waits := d.waitedFor(); waits && d.service(cfnx.Failure{StackID: w.StackID, LogicalID: w.LogicalID}) == &d.bundle.Services[i] {
			if c, ok := ecsx.RootCause(d.tasks(f, f.Current)); ok {
				// It waits for the new revision, or for the one to go back to.
				if goesForward(d.bundle.Tree.Root.Status) {
					d.Causes.Update = append(d.Causes.Update, Cause{w.StackName + "." + w.LogicalID, c.Summary, c.Next})
				} else {
					d.Causes.Service = append(d.Causes.Service, Cause{"service " + f.Service.String(), c.Summary, c.Next})
				}
				continue
			}
		}
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
	if !opaque(f.Reason) {
		return out // a call that was refused: tasks that failed before are not its cause
	}
	s := d.service(f)
	if s == nil {
		return d.whyGone(f, out)
	}
	if forward {
		return d.whyTasks(*s, out)
	}
	if bad, next := d.cannotRun(*s, s.Back); bad != "" {
		out.Text, out.Next = bad, next
	} else if c, ok := ecsx.RootCause(d.tasks(*s, s.Back)); ok {
		out.Text, out.Next = c.Summary, c.Next
	}
	return out
}

// goesForward reports whether a stack's operation under way is not a rollback.
func goesForward(s types.StackStatus) bool {
	return s == types.StackStatusUpdateInProgress || s == types.StackStatusCreateInProgress || s == types.StackStatusImportInProgress
}

// cannotRun says why no task of a revision can start, by what it needs and what is
// there, with what to do; "" where nothing of it is known to be missing.
func (d *Diagnosis) cannotRun(s ServiceFacts, revision string) (bad, next string) {
	what := "the revision to go back to, " + short(revision) + ", cannot run: "
	if missing := d.missing(s, revision); missing != "" {
		return what + missing, ecsx.Class("image-missing").NextStep()
	}
	if lacks := d.bundle.lacks(s.Definitions[revision]); lacks != "" {
		return what + lacks, "put it back under the same name, or deploy a revision that does without it"
	}
	return "", ""
}

// opaque reports whether a reason of CloudFormation's says only that a service
// did not become steady, which its tasks explain (docs/aws/ecs.md 1.3).
func opaque(reason string) bool {
	r := strings.ToLower(reason)
	for _, s := range []string{"circuit breaker", "stabiliz", "exceeded attempts to wait", "tasks failed to start", "steady state"} {
		if strings.Contains(r, s) {
			return true
		}
	}
	return reason == ""
}

// whyTasks explains a failure by the tasks of the new revision and, where none
// ever was, by what the service says of placing them.
func (d *Diagnosis) whyTasks(s ServiceFacts, out Cause) Cause {
	if s.Forward == "" {
		d.Assumed = append(d.Assumed, "why the tasks of "+s.Service.String()+" failed: the revision of the update is not known, only CloudFormation's word is left")
		return out
	}
	if c, ok := ecsx.RootCause(d.tasks(s, s.Forward)); ok {
		out.Text, out.Next = c.Summary, c.Next
		return out
	}
	for _, e := range s.Events {
		// ECS says "unable to place" of images that it could not pull as well.
		if low := strings.ToLower(e); strings.Contains(low, "unable to place a task") && (strings.Contains(low, "container instance") || strings.Contains(low, "capacity")) {
			out.Text, out.Next = "no task could be placed: "+e, "give the cluster capacity that fits the task: instances, a capacity provider, or smaller reservations"
			return out
		}
	}
	if said := s.says(attemptBegan(d.bundle.Tree)); said != "" {
		out.Text += "; the service says: " + said
		return out
	}
	what := "no failed task of " + short(s.Forward) + " was seen"
	if s.failed(s.Forward) || strings.Contains(strings.ToLower(out.Text), "circuit breaker") { // which counts tasks that failed
		what = "ECS has forgotten them"
	}
	d.Assumed = append(d.Assumed, "why the tasks of "+s.Service.String()+" failed: "+what+", only CloudFormation's word is left")
	return out
}

// says is the newest event of a service since a time that tells why a deployment
// failed of which no task is left: alarms, and health checks of a load balancer.
func (f *ServiceFacts) says(since time.Time) string {
	for _, e := range f.Events {
		at, _, _ := strings.Cut(e, " ")
		if t, err := time.Parse(time.RFC3339, at); err != nil || t.Before(since) {
			continue
		}
		low := strings.ToLower(e)
		for _, word := range []string{"alarm", "is unhealthy in", "failed elb health checks", "failed container health checks"} {
			if strings.Contains(low, word) {
				return e
			}
		}
	}
	return ""
}

// failed reports whether ECS knows of failed tasks of a revision.
func (f *ServiceFacts) failed(revision string) bool {
	return slices.ContainsFunc(f.Deployments, func(d DeploymentFacts) bool { return d.TaskDefinition == revision && d.Failed > 0 })
}

// goingBack says why ECS could not go back to the revision that ran before.
func (d *Diagnosis) goingBack(f ServiceFacts) (Cause, bool) {
	if f.Back == f.Forward {
		return Cause{}, false
	}
	c, ok := ecsx.RootCause(d.tasks(f, f.Back))
	if !ok {
		// Its tasks are forgotten: what the revision needs and does not find is known
		// all the same, where ECS tried and no task of it came to run.
		if bad, next := d.cannotRun(f, f.Back); bad != "" && f.triedInVain(f.Back) {
			return Cause{Subject: "service " + f.Service.String(), Text: bad, Next: next}, true
		}
		return Cause{}, false
	}
	out := Cause{Subject: "service " + f.Service.String(), Text: c.Summary, Next: c.Next}
	if c.Class == "image-missing" {
		if why := d.expired(c.Reference); why != "" {
			out.Text = "image " + c.Reference + " is not there; " + why
		}
	}
	return out, true
}

// triedInVain reports whether ECS has a deployment of a revision of which no task runs
// and some have failed.
func (f *ServiceFacts) triedInVain(revision string) bool {
	return slices.ContainsFunc(f.Deployments, func(d DeploymentFacts) bool {
		return d.TaskDefinition == revision && d.Running == 0 && d.Failed > 0
	})
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
		if f.owns(t) && t.TaskDefinition == revision && revision != "" {
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
		if i.State.Usable() || i.State == "external" || i.State == "unknown" || i.State == "" {
			continue
		}
		s := "image " + c.Image + " is " + strings.ReplaceAll(string(i.State), "-", " ")
		if why := d.expired(c.Image); why != "" && i.State == "missing" {
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
	v := p.Evaluate([]ecrx.Stored{old}, d.At)[0]
	for _, r := range p.Rules {
		if r.Priority == v.MatchedBy && v.Does == "expire" {
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

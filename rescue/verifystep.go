package rescue

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/internal/poll"
	"github.com/stackrescue/stackrescue/internal/redact"
)

func (p *planner) verify() {
	p.add(Step{
		Kind: kindVerify, Subject: "stack " + p.d.Stack, Why: "what users see, the stacks, and whether a rollback from here would succeed",
		After: "every check holds", Takes: 5 * time.Minute,
	})
}

// Check is one thing that was looked at in the end.
type Check struct {
	What   string `json:"what"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
	// Debt is whether it is something that the plan did not promise: where it does
	// not hold, that is left open.
	Debt bool `json:"debt,omitempty"`
	// Unknown is whether it could not be looked at; OK is false then.
	Unknown bool `json:"unknown,omitempty"`
}

// String is one line.
func (c Check) String() string {
	if c.Detail == "" {
		return c.What
	}
	return c.What + " (" + c.Detail + ")"
}

// verifyLooks is how often everything is looked at before a check that does
// not hold is believed: reads lag behind writes.
const verifyLooks = 6

// verify looks at everything again: what users see, the stacks, the outputs,
// and whether a rollback to here would succeed.
func (r *runner) verify(ctx context.Context, c clients, res *StepResult, rep *Report) error {
	o := r.o
	o.Settle, o.Observe, o.Evidence, o.Ledger = -1, nil, "", r.p.Ledger
	if err := r.soak(ctx); err != nil {
		return err
	}
	for n := 1; ; n++ {
		b, err := capture(ctx, r.cfg, r.p.StackID, o)
		if err != nil {
			return err
		}
		d := b.Explain()
		rep.Users, rep.Stacks, rep.Outputs, rep.Checks = d.Users, d.Stacks, nil, nil
		v := verifier{c: c, d: d, b: b, rep: rep, since: lately(b.Tasks), promised: r.p.promises(r.lost)}
		if err := v.all(ctx); err != nil {
			return err
		}
		if rep.ok() || n == verifyLooks {
			break
		}
		if err := poll.Sleep(ctx, r.o.Interval); err != nil {
			return err
		}
	}
	rep.Debt = slices.Clone(r.p.Debt)
	bad := 0
	for _, k := range rep.Checks {
		if k.OK {
			continue
		}
		bad++
		if k.Debt {
			line := "not so: " + k.What
			if k.Detail != "" {
				line += " (" + k.Detail + ")"
			}
			rep.Debt = append(rep.Debt, line)
		}
	}
	res.Outcome, res.Text = outcomeDone, fmt.Sprintf("%d checks, %d do not hold", len(rep.Checks), bad)
	return nil
}

// soak lets the tasks of changed services run for a while.
func (r *runner) soak(ctx context.Context) error {
	left := r.o.Soak - r.o.Now().Sub(r.changed)
	if r.changed.IsZero() || left <= 0 {
		return nil
	}
	r.o.tell("", fmt.Sprintf("watching for %s whether the tasks stay up", left.Round(time.Second)))
	return poll.Sleep(ctx, left)
}

type verifier struct {
	c   clients
	d   *Diagnosis
	b   *Bundle
	rep *Report
	// since is when failures of tasks begin to count.
	since    time.Time
	promised promises
	// parameter reports whether a parameter exists; nil leaves that to the tasks,
	// which have read it.
	parameter func(ctx context.Context, name string) (bool, error)
}

// promises are what a plan promises beyond users who are served.
type promises struct {
	rests, record bool
	// frozen is whether the plan had leave to take rules out of lifecycle policies.
	frozen bool
	// left are images that nobody asked to change, lost the outputs whose values
	// nobody has given.
	left, lost []string
}

// promises follow from the steps: a stack that was unlocked rests, and the record
// is good to go back to after a savepoint, or where it is what runs.
func (p *Plan) promises(lost []string) promises {
	out := promises{record: p.Direction == Back && p.Until == "", lost: lost}
	for _, s := range p.Steps {
		out.rests = out.rests || s.Kind == kindUnlock || s.Kind == kindSavepoint
		out.record = out.record || s.Kind == kindSavepoint
		out.frozen = out.frozen || s.Kind == kindFreeze
		if s.Savepoint != nil {
			out.left = append(out.left, s.Savepoint.Left...)
		}
	}
	return out
}

func (v *verifier) check(ok bool, what, detail string) { v.add(true, ok, what, detail) }

// add notes a check. What was not promised and does not hold is debt.
func (v *verifier) add(promised, ok bool, what, detail string) {
	c := Check{What: what, OK: ok, Detail: redact.Text(detail), Debt: !ok && !promised}
	v.rep.Checks = append(v.rep.Checks, c)
}

// unknown notes a check of what a rollback would go back to that could not be
// made.
func (v *verifier) unknown(what, why string) { v.unread(v.promised.record, what, why) }

// unread notes a check that could not be made: it does not hold, as far as anybody
// may rely on it.
func (v *verifier) unread(promised bool, what, why string) {
	v.rep.Checks = append(v.rep.Checks, Check{What: what, Detail: redact.Text(why), Debt: !promised, Unknown: true})
}

// record notes a check of what a rollback would go back to.
func (v *verifier) record(ok bool, what, detail string) { v.add(v.promised.record, ok, what, detail) }

func (v *verifier) all(ctx context.Context) error {
	for _, u := range v.d.Users {
		what := "users of " + u.Service.String() + " are served"
		if u.State == usersUnknown {
			v.unread(true, what, u.Why)
			continue
		}
		v.check(u.ok(), what, u.detail())
	}
	for i := range v.b.Services {
		v.stayUp(&v.b.Services[i])
	}
	for s := range v.b.Tree.All() {
		v.add(v.promised.rests, strings.HasSuffix(string(s.Status), "_COMPLETE"), "stack "+s.Name+" rests", string(s.Status))
		for _, o := range s.Outputs {
			v.rep.Outputs = append(v.rep.Outputs, Restored{s.Name, o.Key, redact.Value(o.Key, o.Value)})
		}
	}
	var lost []string
	for _, l := range v.b.Lost {
		name := l.Stack + "." + l.Key
		if slices.Contains(v.promised.lost, name) {
			v.add(false, false, "output "+name+" is there", "its value is a secret that nobody has given")
			continue
		}
		lost = append(lost, name)
	}
	if v.b.LostUnread != "" {
		v.unknown("every declared output is there", v.b.LostUnread)
	} else {
		v.record(len(lost) == 0, "every declared output is there", strings.Join(lost, ", "))
	}
	if err := v.revisions(ctx); err != nil {
		return err
	}
	return v.templates(ctx)
}

// fewFailures is how many tasks of a service may fail after it was mended:
// single ones do, of instances and spot capacity.
const fewFailures = 2

// stayUp checks that a service's tasks go on running: one moment at which as
// many run as are wanted says nothing of tasks that die every few minutes.
func (v *verifier) stayUp(s *ServiceFacts) {
	what := "tasks of " + s.Service.String() + " stay up"
	if s.TasksUnread != "" {
		v.unread(true, what, s.TasksUnread)
		return
	}
	// Both are ECS's times: the machine's clock may be another. Tasks of another
	// revision are those that the service was taken from.
	since, primary := v.since, s.primary()
	if primary.CreatedAt.After(since) {
		since = primary.CreatedAt
	}
	// One that never ran has served nobody: whether there are enough is another check.
	failed, latest := 0, ecsx.StoppedTask{}
	for _, t := range v.b.Tasks {
		if s.owns(t) && t.CreatedAt.After(since) && t.Failed() && !t.StartedAt.IsZero() && (primary.TaskDefinition == "" || t.TaskDefinition == primary.TaskDefinition) {
			failed++
			if latest.StoppedAt.Before(t.StoppedAt) {
				latest = t
			}
		}
	}
	detail := ""
	if failed > 0 {
		detail = fmt.Sprintf("%d failed since %s: %s", failed, since.UTC().Format("15:04:05 MST"), latest.Cause.Summary)
	}
	v.check(failed <= fewFailures, what, detail)
}

// revisions checks what a rollback of each service would need.
func (v *verifier) revisions(ctx context.Context) error {
	images, needs, parameters := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, f := range v.b.Services {
		own := "service " + f.Service.String() + " runs the stack's own revision"
		if f.Back == "" || f.Unread != "" {
			v.unknown(own, cmp.Or(f.Unread, f.RevisionsUnknown, "the stack's own is not known"))
			continue
		}
		v.record(f.Back == f.Current, own, "service "+short(f.Current)+", stack "+short(f.Back))
		def, read := f.Definitions[f.Back]
		if !read {
			v.unknown("revision "+short(f.Back)+" is ACTIVE", "it could not be read")
			continue
		}
		v.record(def.Active, "revision "+short(f.Back)+" is ACTIVE", "")
		for _, n := range def.needs() {
			needs[n] = true
		}
		for _, x := range def.Containers {
			images[x.Image] = true
			for _, from := range x.Secrets {
				if secretARN(from) == "" {
					parameters[from] = true
				}
			}
		}
	}
	for _, ref := range slices.Sorted(maps.Keys(images)) {
		if i := v.b.Images[ref]; slices.Contains(v.promised.left, ref) && !i.State.Usable() {
			v.add(false, false, "image "+ref+" is there", string(i.State))
			continue
		}
		v.image("image "+ref+" is there", v.b.Images[ref])
	}
	for _, n := range slices.Sorted(maps.Keys(needs)) {
		v.need(n)
	}
	for _, from := range slices.Sorted(maps.Keys(parameters)) {
		if err := v.parameterOf(ctx, from); err != nil {
			return err
		}
	}
	var threats []string
	for _, t := range v.d.Threats {
		threats = append(threats, t.Repository+" "+t.Rule)
	}
	rule := "no lifecycle rule will take these images away"
	if unread := v.policiesUnread(images); len(threats) == 0 && len(unread) > 0 {
		v.unknown(rule, "the lifecycle policy of "+strings.Join(unread, ", ")+" could not be read")
	} else {
		v.add(v.promised.record && v.promised.frozen, len(threats) == 0, rule, strings.Join(threats, "; "))
	}
	return nil
}

// templates checks that the templates of nested stacks are where their parents
// say: a rollback reads them again.
func (v *verifier) templates(ctx context.Context) error {
	for s := range v.b.Tree.All() {
		if s.Parent() == nil {
			continue
		}
		bucket, key, err := s.TemplateObject()
		if err != nil {
			v.record(false, "template of "+s.Name+" is there", text(err))
			continue
		}
		if slices.Contains(v.b.Stored, s.ID) {
			v.record(true, "template of "+s.Name+" is there", "s3://"+bucket+"/"+key) // read a moment ago
			continue
		}
		_, err = v.c.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
		if ctx.Err() != nil {
			return err
		}
		if err != nil && !missing(err) {
			v.unknown("template of "+s.Name+" is there", "s3://"+bucket+"/"+key+suffix(err))
			continue
		}
		v.record(err == nil, "template of "+s.Name+" is there", "s3://"+bucket+"/"+key+suffix(err))
	}
	return nil
}

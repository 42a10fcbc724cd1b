package rescue

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/internal/poll"
	"github.com/stackrescue/stackrescue/internal/redact"
)

func (p *planner) verify() {
	p.add(Step{
		Kind: KindVerify, Subject: "stack " + p.d.Stack, Why: "what users see, the stacks, and whether a rollback from here would succeed",
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
		d := Explain(b)
		rep.Users, rep.Stacks, rep.Outputs, rep.Checks = d.Users, d.Stacks, nil, nil
		v := verifier{c: c, d: d, b: b, rep: rep, since: r.since, promised: r.p.promises()}
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
	res.Outcome, res.Text = Done, fmt.Sprintf("%d checks, %d do not hold", len(rep.Checks), bad)
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
}

// promises are what a plan promises beyond users who are served.
type promises struct{ rests, record bool }

// promises follow from the steps: a stack that was unlocked rests, and the record
// is good to go back to after a savepoint, or where it is what runs.
func (p *Plan) promises() promises {
	out := promises{record: p.Direction == Back && p.Until == ""}
	for _, s := range p.Steps {
		out.rests = out.rests || s.Kind == KindUnlock || s.Kind == KindSavepoint
		out.record = out.record || s.Kind == KindSavepoint
	}
	return out
}

func (v *verifier) check(ok bool, what, detail string) { v.add(true, ok, what, detail) }

// add notes a check. What was not promised and does not hold is debt.
func (v *verifier) add(promised, ok bool, what, detail string) {
	c := Check{What: what, OK: ok, Detail: redact.Text(detail), Debt: !ok && !promised}
	v.rep.Checks = append(v.rep.Checks, c)
}

// record notes a check of what a rollback would go back to.
func (v *verifier) record(ok bool, what, detail string) { v.add(v.promised.record, ok, what, detail) }

func (v *verifier) all(ctx context.Context) error {
	for _, u := range v.d.Users {
		v.check(u.ok(), "users of "+u.Service.String()+" are served", u.detail())
		v.stayUp(u.Service)
	}
	for s := range v.b.Tree.All() {
		v.add(v.promised.rests, strings.HasSuffix(string(s.Status), "_COMPLETE"), "stack "+s.Name+" rests", string(s.Status))
		for _, o := range s.Outputs {
			v.rep.Outputs = append(v.rep.Outputs, Restored{s.Name, o.Key, redact.Value(o.Key, o.Value)})
		}
	}
	var lost []string
	for _, l := range v.b.Lost {
		lost = append(lost, l.Stack+"."+l.Key)
	}
	v.record(len(lost) == 0, "every declared output is there", strings.Join(lost, ", "))
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
func (v *verifier) stayUp(s ecsx.Service) {
	failed, latest := 0, ecsx.StoppedTask{}
	for _, t := range v.b.Tasks {
		if t.Group == "service:"+s.Name && t.CreatedAt.After(v.since) && t.Failed() {
			failed++
			if latest.StoppedAt.Before(t.StoppedAt) {
				latest = t
			}
		}
	}
	detail := ""
	if failed > 0 {
		detail = fmt.Sprintf("%d failed since %s: %s", failed, v.since.UTC().Format("15:04:05 MST"), latest.Cause.Summary)
	}
	v.check(failed <= fewFailures, "tasks of "+s.String()+" stay up", detail)
}

// revisions checks what a rollback of each service would need.
func (v *verifier) revisions(ctx context.Context) error {
	for _, f := range v.b.Services {
		v.record(f.Back == f.Current, "service "+f.Service.String()+" runs the stack's own revision", "service "+short(f.Current)+", stack "+short(f.Back))
		def := f.Definitions[f.Back]
		v.record(def.Active, "revision "+short(f.Back)+" is ACTIVE", "")
		secrets, groups := map[string]bool{}, map[string]bool{}
		for _, x := range def.Containers {
			i := v.b.Images[x.Image]
			v.record(i.State.Usable() || i.State == ecrx.External, "image "+x.Image+" is there", strings.TrimSpace(string(i.State)+" "+i.Digest))
			for _, arn := range x.Secrets {
				secrets[arn] = true
			}
			if x.LogGroup != "" {
				groups[x.LogGroup] = true
			}
		}
		for _, from := range slices.Sorted(maps.Keys(secrets)) {
			parts := strings.Split(from, ":")
			if len(parts) < 7 || parts[2] != "secretsmanager" {
				continue // a parameter: the running tasks have read it
			}
			arn := strings.Join(parts[:7], ":")
			_, err := v.c.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &arn})
			if ctx.Err() != nil {
				return err
			}
			v.record(err == nil, "secret "+arn+" is there", text(err))
		}
		for _, g := range slices.Sorted(maps.Keys(groups)) {
			out, err := v.c.logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &g})
			if ctx.Err() != nil {
				return err
			}
			found := false
			if err == nil {
				for _, x := range out.LogGroups {
					found = found || aws.ToString(x.LogGroupName) == g
				}
			}
			v.record(found, "log group "+g+" is there", text(err))
		}
	}
	var threats []string
	for _, t := range v.d.Threats {
		threats = append(threats, t.Repository+" "+t.Rule)
	}
	v.record(len(threats) == 0, "no lifecycle rule will take these images away", strings.Join(threats, "; "))
	return nil
}

// templates checks that the templates of nested stacks are where their parents
// say: a rollback reads them again.
func (v *verifier) templates(ctx context.Context) error {
	for s := range v.b.Tree.All() {
		if s.Parent() == nil {
			continue
		}
		bucket, key, err := cfnx.TemplateObject(s)
		if err != nil {
			v.record(false, "template of "+s.Name+" is there", text(err))
			continue
		}
		_, err = v.c.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
		if ctx.Err() != nil {
			return err
		}
		v.record(err == nil, "template of "+s.Name+" is there", "s3://"+bucket+"/"+key+suffix(err))
	}
	return nil
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func suffix(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

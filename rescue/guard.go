package rescue

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/internal/awsretry"
)

// GuardOptions change [Guard]. The zero value is the default.
type GuardOptions struct {
	// Within is for how long a rollback from here must stay possible. Defaults to
	// 14 days.
	Within time.Duration
	// Images are references that are about to be deployed: they must exist and
	// stay.
	Images []string
	// Parameter reports whether a parameter of SSM's store exists, for revisions
	// that take one as a secret. nil leaves that unknown.
	Parameter func(ctx context.Context, name string) (bool, error)
	// TargetHealth and Function are as in [Options].
	TargetHealth TargetHealthAPI
	Function     func(ctx context.Context, name string) (ImageUser, error)
	// Now is the time from which Within counts. Defaults to time.Now.
	Now func() time.Time
	// Observe is called with each event, in order, on the caller's goroutine.
	Observe func(Event)
}

// GuardReport says whether a rollback of a stack would succeed.
type GuardReport struct {
	Version   int       `json:"version"`
	At        time.Time `json:"at"`
	Account   string    `json:"account"`
	Region    string    `json:"region"`
	Stack     string    `json:"stack"`
	Situation Situation `json:"situation"`
	Users     []Users   `json:"users"`
	// Checks are what was looked at. One that is Unknown is neither good nor bad.
	Checks []Check `json:"checks"`
	// Debt is what earlier rescues left open.
	Debt []string `json:"debt,omitempty"`
}

// Failed are the checks that do not hold.
func (g *GuardReport) Failed() []Check {
	return g.with(func(c Check) bool { return !c.OK && !c.Unknown })
}

// Unknown are the checks that could not be made.
func (g *GuardReport) Unknown() []Check { return g.with(func(c Check) bool { return c.Unknown }) }

func (g *GuardReport) with(is func(Check) bool) (out []Check) {
	if g == nil {
		return nil
	}
	for _, c := range g.Checks {
		if is(c) {
			out = append(out, c)
		}
	}
	return out
}

// String is the report as text: what does not hold first.
func (g *GuardReport) String() string {
	if g == nil {
		return "no report"
	}
	var b strings.Builder
	failed, unknown := g.Failed(), g.Unknown()
	verdict := "a rollback from here would succeed"
	switch {
	case len(failed) > 0:
		verdict = fmt.Sprintf("a rollback from here would NOT be safe: %d of %d checks do not hold", len(failed), len(g.Checks))
	case len(unknown) > 0:
		verdict += fmt.Sprintf(", as far as was seen: %d of %d checks could not be made", len(unknown), len(g.Checks))
	}
	fmt.Fprintf(&b, "GUARD   stack %s (%s, %s): %s\n", g.Stack, g.Account, g.Region, verdict)
	section(&b, "DOES NOT HOLD", len(failed), func(i int) string { return failed[i].String() })
	section(&b, "NOT KNOWN", len(unknown), func(i int) string { return unknown[i].String() })
	section(&b, "USERS", len(g.Users), func(i int) string { return g.Users[i].String() })
	section(&b, "DEBT", len(g.Debt), func(i int) string { return g.Debt[i] })
	return b.String()
}

// Guard asks of a stack whether a rollback from here would succeed, now and
// within the next days: whether its services serve on the revision that the stack
// has recorded, whether that revision's images, secrets and log groups are there
// and stay, whether a failing deployment would be ended and taken back, whether
// the templates of nested stacks are in their buckets, and whether something is
// open that an earlier rescue left. It is meant for every day and for the minute
// before a deployment.
//
// It returns nil as error for every stack that exists and can be read; what does
// not hold is in the report. Errors are those of [Diagnose].
//
// It also asks whether Lambda functions of the stack have their images, and whether a
// tag still names the image that runs.
//
// Calls what [ReadActions] lists and cloudformation:ListChangeSets. It changes
// nothing and is safe to repeat.
func Guard(ctx context.Context, cfg aws.Config, stack string, optFns ...func(*GuardOptions)) (*GuardReport, error) {
	var g GuardOptions
	for _, fn := range optFns {
		if fn != nil {
			fn(&g)
		}
	}
	var o Options
	o.resolve(ctx, []func(*Options){func(o *Options) {
		o.Settle, o.Now, o.Observe, o.TargetHealth = -1, g.Now, g.Observe, g.TargetHealth
		o.Function = g.Function
		o.headroom, o.recordedToo, o.images, o.countsOnly = g.Within, true, g.Images, true
	}})
	if g.Parameter == nil {
		g.Parameter = func(context.Context, string) (bool, error) { return false, errors.New("not asked for") }
	}
	b, err := capture(ctx, cfg, stack, o)
	if err != nil {
		return nil, err
	}
	d := b.Explain()
	rep := &Report{}
	v := verifier{c: newClients(only(cfg, append(ReadActions(), "cloudformation:ListChangeSets")...)), d: d, b: b, rep: rep, since: lately(b.Tasks), promised: promises{rests: true, record: true, frozen: true}, parameter: g.Parameter}
	if err := v.all(ctx); err != nil {
		return nil, err
	}
	if err := v.guard(ctx, g.Images); err != nil {
		return nil, err
	}
	return &GuardReport{Version: 1, At: b.At, Account: b.Account, Region: b.Region, Stack: d.Stack, Situation: d.Situation, Users: d.Users, Checks: rep.Checks, Debt: d.Debt}, nil
}

// lately is an hour before the last of the tasks stopped, by ECS's own clock.
func lately(tasks []ecsx.StoppedTask) time.Time {
	var last time.Time
	for _, t := range tasks {
		if t.StoppedAt.After(last) {
			last = t.StoppedAt
		}
	}
	if last.IsZero() {
		return last
	}
	return last.Add(-time.Hour)
}

// expect notes a check whose detail says what is wrong.
func (v *verifier) expect(ok bool, what, wrong string) {
	if ok {
		wrong = ""
	}
	v.check(ok, what, wrong)
}

// guard checks what matters before a deployment, beyond what is checked after a
// rescue.
func (v *verifier) guard(ctx context.Context, images []string) error {
	for _, f := range v.b.Services {
		name := "service " + f.Service.String()
		if f.Unread != "" || f.Status != "ACTIVE" || f.Controller != "" && f.Controller != "ECS" {
			continue // the users' check says so; another controller has its own ways back
		}
		if f.Strategy == "" || f.Strategy == "ROLLING" {
			v.expect(f.Breaker || f.Alarms, name+": a failing deployment ends by itself", "neither a circuit breaker nor alarms: a failing update hangs for hours")
			v.expect(!f.Breaker || f.BreakerRollback, name+": a failing deployment is taken back by itself", "the circuit breaker does not roll back")
			v.expect(f.Desired == 0 || f.Scheduling == "DAEMON" || f.MinimumHealthy == nil || *f.MinimumHealthy > 0, name+": tasks serve while a deployment goes on", "minimumHealthyPercent is 0: a deployment may stop every task before a new one is healthy")
		}
	}
	for _, ref := range slices.Sorted(slices.Values(images)) {
		i := v.b.Images[ref]
		v.image("image "+ref+", to be deployed, is there", i)
	}
	v.besides(images)
	v.functions()
	if err := v.pushedAgain(ctx); err != nil {
		return err
	}
	if x, err := v.changeSets(ctx); err != nil {
		if ctx.Err() != nil {
			return err
		}
		v.unknown("no change set is pending", text(err))
	} else {
		v.expect(len(x) == 0, "no change set is pending", strings.Join(x, ", ")+": the next update deletes it")
	}
	v.exports()
	return nil
}

// besides checks the images of the task definitions that no service of the stack
// uses, such as those of scheduled tasks: nothing else tells that they are gone
// until the next one is due.
func (v *verifier) besides(checked []string) {
	seen := map[string]bool{}
	for _, ref := range checked {
		seen[ref] = true
	}
	for _, f := range v.b.Services {
		for _, x := range f.Definitions[f.Back].Containers {
			seen[x.Image] = true
		}
	}
	for _, arn := range slices.Sorted(maps.Keys(v.b.Recorded)) {
		for _, x := range v.b.Recorded[arn].Containers {
			if i, looked := v.b.Images[x.Image]; looked && !seen[x.Image] {
				seen[x.Image] = true
				v.image("image "+x.Image+" of "+short(arn)+", which no service uses, is there", i)
			}
		}
	}
}

// changeSets are those that were made and not executed.
func (v *verifier) changeSets(ctx context.Context) ([]string, error) {
	var out []string
	for p := cloudformation.NewListChangeSetsPaginator(v.c.cfn, &cloudformation.ListChangeSetsInput{StackName: &v.d.StackID}); p.HasMorePages(); {
		page, err := awsretry.Read(ctx, time.Second, awsretry.Tries, func(ctx context.Context) (*cloudformation.ListChangeSetsOutput, error) {
			return p.NextPage(ctx) // two calls a second are let through (docs/aws/cfn.md 8.6)
		})
		if err != nil {
			return nil, err
		}
		for _, s := range page.Summaries {
			if s.ExecutionStatus == cfntypes.ExecutionStatusAvailable {
				out = append(out, aws.ToString(s.ChangeSetName))
			}
		}
	}
	return out, nil
}

// exports checks that no other stack imports what an update of a service changes.
func (v *verifier) exports() {
	if v.b.Ledger == nil {
		return
	}
	for _, stack := range v.b.Ledger.Stacks {
		for _, o := range stack.Outputs {
			i := slices.IndexFunc(v.b.Services, func(f ServiceFacts) bool { return f.Back != "" && strings.Contains(o.Value, f.Back) })
			if o.Export == "" || i < 0 {
				continue
			}
			what := "export " + o.Export + " of stack " + stack.Name + ", the revision of service " + v.b.Services[i].Service.String() + ", can change"
			if slices.Contains(stack.ImportersUnread, o.Export) {
				v.unknown(what, "who imports it could not be read")
				continue
			}
			by := stack.Importers[o.Export]
			v.expect(len(by) == 0, what, "imported by "+strings.Join(by, ", ")+": every update of the service fails")
		}
	}
}

// image checks that an image can be pulled.
func (v *verifier) image(what string, i ImageFacts) {
	detail := strings.TrimSpace(string(i.State) + " " + i.Digest)
	if i.State == "unknown" || i.State == "" {
		v.unknown(what, i.Error)
		return
	}
	v.record(i.State.Usable() || i.State == "external", what, detail)
}

package rescue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/internal/clock"
	"github.com/stackrescue/stackrescue/internal/poll"
	"github.com/stackrescue/stackrescue/internal/redact"
)

// StepResult is what became of a step: a line of the journal.
type StepResult struct {
	Version int `json:"version"`
	// Plan is the hash of the plan that the step is of.
	Plan    string `json:"plan"`
	ID      string `json:"id"`
	Kind    Kind   `json:"kind"`
	Subject string `json:"subject"`
	// Outcome is "begun" for a step that is about to change something, "done",
	// "held" for one that found its end already reached, or "failed".
	Outcome StepOutcome `json:"outcome"`
	// Text says what was done, or why it failed.
	Text  string        `json:"text"`
	Began time.Time     `json:"began"`
	Took  time.Duration `json:"-"` // tookSeconds
	// Outputs are restored ones, From and To what else was changed.
	Outputs []Restored `json:"outputs,omitempty"`
	From    string     `json:"from,omitempty"`
	To      string     `json:"to,omitempty"`
}

// stepResult is a [StepResult] whose methods JSON does not see.
type stepResult StepResult

// MarshalJSON writes Took as the number tookSeconds.
func (r StepResult) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		*stepResult
		TookSeconds float64 `json:"tookSeconds"`
	}{(*stepResult)(&r), r.Took.Seconds()})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *StepResult) UnmarshalJSON(data []byte) error {
	v := struct {
		*stepResult
		TookSeconds float64 `json:"tookSeconds"`
	}{stepResult: (*stepResult)(r)}
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	r.Took = time.Duration(math.Round(v.TookSeconds * float64(time.Second)))
	return nil
}

// StepOutcome is how a step ended. It is one of
//   - "begun": it was started, and how it ended is not in the journal;
//   - "done": it has brought about what it is for;
//   - "held": that was so before it did anything;
//   - "failed": it ended with an error.
type StepOutcome string

const (
	outcomeBegun  StepOutcome = "begun"
	outcomeDone   StepOutcome = "done"
	outcomeHeld   StepOutcome = "held"
	outcomeFailed StepOutcome = "failed"
)

// Restored is an output that was put back.
type Restored struct {
	Stack string `json:"stack"`
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Run carries the plan out, step by step, and returns the report. It returns
// nil as error when every step ended well and every check of the last one
// holds that the plan promised; what else does not is in Report.Debt.
//
// A plan of another version, or one that is not complete, is refused with
// [ErrPlan] before anything is read.
//
// Before the first step the situation is read again: one that differs from the
// plan's is [ErrChanged], unless Options.Done says that this plan was begun
// before. Each step first looks whether what it is to bring about holds
// already, and then does nothing; so a run that crashed anywhere can be run
// again with the same plan, and ends in the same place. A step that fails ends
// the run, with the report so far.
//
// With a lease (Options.Lease, or the folder of Options.Evidence on one machine) it
// waits until no other run holds the stack.
//
// Each step's calls are limited to its Step.Actions. Steps of a higher risk
// than "reversible" need Options.Confirm.
//
// When ctx ends, the steps that began go on inside AWS; run again to wait for
// them.
func Run(ctx context.Context, cfg aws.Config, p *Plan, optFns ...func(*Options)) (*Report, error) {
	if p == nil {
		return nil, fmt.Errorf("%w: nil", ErrPlan)
	}
	var o Options
	o.resolve(ctx, optFns)
	counted := &calls{}
	r := &runner{cfg: counted.count(cfg), p: p, o: o}
	rep := &Report{Version: 1, Stack: p.Stack, Account: p.Account, Region: p.Region, Direction: p.Direction, Causes: p.Causes, Stop: p.Stop, Debt: slices.Clone(p.Debt)}
	err := p.validate()
	if err != nil {
		err = &Error{Stack: p.Stack, Err: err, Next: "diagnose and plan again"}
	} else {
		err = r.alone(ctx, func(ctx context.Context) error { return r.run(ctx, rep) })
	}
	rep.Calls, rep.Follow = counted.snapshot(), r.follow
	switch {
	case err == nil && rep.ok() && len(rep.Debt) == 0:
		rep.Result = resultRescued
	case err == nil && rep.ok():
		rep.Result = resultServedWithDebt
	case err == nil:
		rep.Result = resultPartly
		err = &Error{Stack: p.Stack, Err: ErrPartly, Next: "see the checks that do not hold"}
	default:
		rep.Result = resultNotRescued
		rep.Error = redact.Text(err.Error())
	}
	return rep, err
}

type runner struct {
	cfg aws.Config
	p   *Plan
	o   Options
	// changed is when a service was changed last, by the machine's clock; zero when none
	// was.
	changed time.Time
	// follow is what the team's templates have to follow.
	follow []string
	// live are outputs as this run has seen them, by stack and key; secret, in
	// memory alone. lost are those that stay lost, as "stack.key".
	live map[string]string
	// tried are the stacks as the update that failed wanted them, where the savepoint
	// brings that.
	tried map[string]*cfnx.Stack
	lost  []string
	// proven are the revisions that the savepoint has to render, by recordedKey.
	proven map[string]string
	// made are what the steps of this run have brought about.
	made []string
}

func (r *runner) run(ctx context.Context, rep *Report) error {
	for _, d := range r.o.Done {
		if d.Plan != r.p.Hash {
			return &Error{Stack: r.p.Stack, Err: fmt.Errorf("%w: the earlier run's step %s is of another plan", ErrPlan, d.ID), Next: "diagnose and plan again"}
		}
		if !slices.ContainsFunc(r.p.Steps, func(s Step) bool { return s.ID == d.ID }) {
			return &Error{Stack: r.p.Stack, Err: fmt.Errorf("%w: the earlier run's step %s is none of its steps", ErrPlan, d.ID), Next: "diagnose and plan again"}
		}
	}
	if err := r.longEnough(); err != nil {
		return err
	}
	if err := r.templatesGiven(); err != nil {
		return err
	}
	if err := r.shieldGiven(); err != nil {
		return err
	}
	if err := r.unchanged(ctx); err != nil {
		return err
	}
	if err := r.permitted(ctx, rep); err != nil {
		return err
	}
	for _, s := range r.p.Steps {
		if s.Risk != riskNone && !r.confirmed(s) {
			return fmt.Errorf("step %s: %w", s.ID, ErrDeclined)
		}
		res := StepResult{Version: 1, Plan: r.p.Hash, ID: s.ID, Kind: s.Kind, Subject: s.Subject, Began: r.o.Now().UTC()}
		err := r.p.stepError(r.limited(ctx, s, &res, rep))
		res.Took = r.o.Now().UTC().Sub(res.Began)
		if err != nil {
			res.Outcome, res.Text = outcomeFailed, redact.Text(err.Error())
		} else {
			res.Text = redact.Text(res.Text)
		}
		rep.Steps, r.made = append(rep.Steps, res), append(r.made, res.To)
		r.o.tell(s.ID, string(res.Outcome)+": "+res.Text)
		if jerr := r.o.journal(res); jerr != nil {
			return errors.Join(err, jerr)
		}
		if err != nil {
			return fmt.Errorf("step %s: %w", s.ID, err)
		}
		if s.Kind == kindRedeploy || s.Kind == kindStandIn || s.Proof != nil && s.Proof.By == byDeployment || s.Kind == kindSavepoint {
			r.changed = r.o.Now()
		}
	}
	return nil
}

// longEnough refuses a limit within which a proof cannot end: each run watches anew, and
// none would get further.
func (r *runner) longEnough() error {
	for _, s := range r.p.Steps {
		if s.Limited && s.Proof != nil && s.Takes <= r.o.Soak && !r.doneBefore(s) {
			return &Error{Stack: r.p.Stack, Err: fmt.Errorf("%w: step %s ends after its limit of %s, and what it starts has to stay up for %s", ErrPlan, s.ID, s.Takes, r.o.Soak), Next: "plan it with a longer limit (Choices.Limits, -limit proof=30m), or watch for a shorter time (Options.Soak)"}
		}
	}
	return nil
}

// permitted warns of what the caller is not allowed to do. Only the end of ctx is an
// error.
func (r *runner) permitted(ctx context.Context, rep *Report) error {
	if r.o.Denied == nil {
		return nil
	}
	all := slices.Concat(r.p.Actions(), r.p.Handlers)
	slices.Sort(all)
	denied, err := r.o.Denied(ctx, slices.Compact(all))
	switch {
	case ctx.Err() != nil:
		return poll.Ended(ctx, err)
	case err != nil:
		rep.Warnings = append(rep.Warnings, "whether the caller is allowed what the plan needs could not be asked: "+redact.Text(err.Error()))
	case len(denied) > 0:
		rep.Warnings = append(rep.Warnings, "the caller seems not to be allowed "+strings.Join(denied, ", "))
	default:
		return nil
	}
	r.o.tell("", "warning: "+rep.Warnings[len(rep.Warnings)-1])
	return nil
}

func (r *runner) confirmed(s Step) bool {
	if r.o.Confirm != nil {
		return r.o.Confirm(s)
	}
	return s.Risk == riskReversible
}

// unchanged compares the situation with that of the plan, but for what an earlier
// run of the plan may have changed itself.
func (r *runner) unchanged(ctx context.Context) error {
	if slices.ContainsFunc(r.o.Done, func(d StepResult) bool { return d.Outcome == outcomeDone || d.Outcome == outcomeHeld }) {
		return nil // each step looks at what it needs
	}
	o := r.o
	o.Settle, o.Observe = -1, nil
	b, err := capture(ctx, r.cfg, r.p.StackID, o)
	if err != nil {
		return err
	}
	is, was := facts(b.Explain(), r.p.Direction), maps.Clone(r.p.Facts)
	maps.DeleteFunc(is, r.touched)
	maps.DeleteFunc(was, r.touched)
	if !maps.Equal(is, was) {
		return &Error{Stack: r.p.Stack, Err: fmt.Errorf("%w: %s", ErrChanged, differing(was, is)), Next: "diagnose and plan again"}
	}
	return nil
}

// touched reports whether a fact is of what a step changes that an earlier run has
// begun and not ended.
func (r *runner) touched(fact, _ string) bool {
	for _, d := range r.o.Done {
		i := slices.IndexFunc(r.p.Steps, func(s Step) bool { return s.ID == d.ID })
		switch s := &r.p.Steps[i]; {
		case s.changesStack():
			if strings.HasPrefix(fact, "stack ") || strings.HasPrefix(fact, "service ") {
				return true
			}
		case s.Freeze != nil: // which compares the policy itself
			if strings.HasPrefix(fact, "lifecycle policy of ") && strings.HasSuffix(fact, "/"+s.Freeze.Frozen.Repository.Name) {
				return true
			}
		case s.Restore != nil:
			if slices.ContainsFunc(s.Restore.Images, func(x restoredImage) bool { return ofRepository(fact, x.Image) }) {
				return true
			}
		case s.StandIn != nil:
			if fact == "service "+s.StandIn.Service.String() || slices.ContainsFunc(s.StandIn.Tags, func(x ecrx.Image) bool { return ofRepository(fact, x) }) {
				return true
			}
		case s.Proof != nil:
			if fact == "service "+s.Proof.Service.String() || s.Proof.Raise && fact == "settings of service "+s.Proof.Service.String() {
				return true
			}
		case s.Redeploy != nil:
			if fact == "service "+s.Redeploy.Service.String() {
				return true
			}
		}
	}
	return false
}

// ofRepository reports whether a fact is of an image of the repository that another
// image is in.
func ofRepository(fact string, i ecrx.Image) bool {
	rest, ok := strings.CutPrefix(fact, "image "+i.Name())
	return ok && (rest == "" || rest[0] == ':' || rest[0] == '@')
}

// limited is the step within the time that the operator has given it.
func (r *runner) limited(ctx context.Context, s Step, res *StepResult, rep *Report) error {
	if !s.Limited {
		return r.step(ctx, s, res, rep)
	}
	within, cancel := clock.WithTimeout(ctx, s.Takes)
	defer cancel()
	err := r.step(within, s, res, rep)
	if err == nil || clock.Err(ctx) != nil || clock.Err(within) == nil {
		return err
	}
	return &Error{Stack: r.p.Stack, Err: fmt.Errorf("not done within its limit of %s: %w", s.Takes, context.DeadlineExceeded), Next: "what AWS has begun goes on: run the same plan again, which waits for it"}
}

func (r *runner) step(ctx context.Context, s Step, res *StepResult, rep *Report) error {
	c := newClients(only(r.cfg, s.Actions...))
	switch {
	case s.Kind == kindFreeze && s.Freeze != nil:
		return r.freeze(ctx, c, s, res)
	case s.Kind == kindStamp && s.Stamp != nil:
		return r.stamp(ctx, c, s, res)
	case s.Kind == kindMigrate && s.Migrate != nil:
		return r.migrate(ctx, c, s, res)
	case s.Kind == kindRedeploy && s.Redeploy != nil:
		return r.redeploy(ctx, c, s, res)
	case s.Kind == kindRestore && s.Restore != nil:
		return r.restore(ctx, c, s, res)
	case s.Kind == kindStandIn && s.StandIn != nil:
		return r.standIn(ctx, c, s, res)
	case s.Kind == kindProof && s.Proof != nil:
		return r.proof(ctx, c, s, res)
	case s.Kind == kindShield && s.Shield != nil:
		return r.shield(ctx, s, res)
	case s.Kind == kindImport && s.Import != nil:
		return r.take(ctx, c, s, res)
	case s.Kind == kindUnlock && s.Unlock != nil:
		return r.unlock(ctx, c, s, res)
	case s.Kind == kindSavepoint && s.Savepoint != nil:
		return r.savepoint(ctx, c, s, res)
	case s.Kind == kindVerify:
		return r.verify(ctx, c, res, rep)
	}
	return fmt.Errorf("unknown step %q", s.Kind)
}

package rescue

import (
	"context"
	"time"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/internal/clock"
	"github.com/stackrescue/stackrescue/internal/redact"
	"github.com/stackrescue/stackrescue/migrate"
)

// Options change [Diagnose] and [Run]. The zero value is the default.
type Options struct {
	// Interval is the time between polls of something that is waited for.
	// Defaults to 5 s.
	Interval time.Duration
	// Settle is how long logs are given to arrive. Defaults to 10 s; a negative
	// value means not to wait.
	Settle time.Duration
	// Soak is how long the tasks of services that a run has changed are watched
	// before the run is called a rescue: some die after minutes, and ECS calls
	// their deployment completed. Defaults to 5 min; a negative value means not to
	// watch.
	Soak time.Duration
	// Evidence is a folder to which each capture of the evidence is added, and
	// the results of a run's steps, in journal.jsonl; "" writes none.
	Evidence string
	// TargetHealth asks the load balancers of services whether their tasks are
	// healthy. nil leaves that unknown: then a task that runs counts as one that
	// serves.
	TargetHealth TargetHealthAPI
	// Function reads a Lambda function, as lambda:GetFunction does: this module has no
	// client for it. Of what it returns Images, State and Reason are used: the image's
	// URI, and State with StateReason or, where the last update has failed,
	// LastUpdateStatusReason. nil leaves the state of functions unknown; their images
	// are read off the templates.
	Function func(ctx context.Context, name string) (ImageUser, error)
	// Minimum reads the minimum of a service's scalable target, as
	// application-autoscaling:DescribeScalableTargets does; known is false where it
	// has none. With a minimum of 0 a desired count of 0 is an autoscaler's doing.
	// nil leaves that unknown.
	Minimum func(ctx context.Context, service ecsx.Service) (minimum int, known bool, err error)
	// Operators says who has operated on the stack and its services since a time:
	// principals by CloudTrail's events, pipelines with their transitions. What it
	// returns beside an error is kept. nil leaves it to the stack's events and the
	// folder's journal.
	Operators func(ctx context.Context, stackID string, since time.Time) ([]Other, error)
	// Ledger is what the stacks were before anything was touched, where
	// somebody wrote it down with [cfnx.Tree.Record].
	Ledger *cfnx.Ledger
	// Denied asks which of the actions, as IAM names them, the caller is not allowed,
	// such as by iam:SimulatePrincipalPolicy. A run asks it once before its first
	// step, about all that its steps and CloudFormation's handlers may use with the
	// caller's permissions, and warns of the answer; nothing else follows, because no
	// simulation knows every condition. nil asks nobody.
	Denied func(ctx context.Context, actions []string) ([]string, error)
	// Shield protects a resource against its deletion (on), or takes that protection
	// off, as Deletion.Shield and Unshield do: this module has no client for it. It
	// returns nil only when the resource is seen to be as wanted, and may be called
	// again. [Run] of a plan that was made with Choices.Shield needs it; nil protects
	// nothing.
	Shield func(ctx context.Context, resource cfnx.Deletion, on bool) error
	// Lease keeps two operators who share it from running a plan for the same stack at
	// once: see packages dynamolease, pglease and mylease. nil is the folder of
	// Evidence, for the processes of one machine, and nothing without it.
	Lease migrate.Store
	// Templates are those of Choices.Templates, for [Run] of a plan that was made with
	// them.
	Templates map[string][]byte
	// Now is the time, for what is written. Defaults to time.Now.
	Now func() time.Time
	// Observe is called with each event, in order, on the caller's goroutine.
	Observe func(Event)
	// Confirm is asked before each step that changes something; an answer of
	// false ends the run with [ErrDeclined]. nil confirms steps of no higher
	// risk than "reversible", and no others.
	Confirm func(Step) bool
	// Done are results of an earlier run of the same plan that did not get to
	// its end. Steps that succeeded are not repeated, as long as what they
	// brought about still holds; what a step that failed was changing may differ
	// from the plan's facts.
	Done []StepResult
	// Journal is called with each step's result as soon as it is known, to be kept
	// and given back as Done; and before a step destroys what cannot be read
	// again, with the outcome "begun" and what it is in From: a lifecycle policy's
	// text. An error ends the run, in the second case before the change.
	Journal func(StepResult) error

	// headroom is for how long images must stay; recordedToo, whether those of the
	// recorded revision must; images are more of them.
	headroom time.Duration
	// countsOnly leaves out the health of running tasks: whoever asks for many stacks
	// every day does with ECS's counts.
	countsOnly  bool
	recordedToo bool
	images      []string
}

func (o *Options) resolve(ctx context.Context, optFns []func(*Options)) {
	for _, fn := range optFns {
		if fn != nil {
			fn(o)
		}
	}
	if o.Interval == 0 {
		o.Interval = 5 * time.Second
	}
	if o.Settle == 0 {
		o.Settle = 10 * time.Second
	}
	if o.Soak == 0 {
		o.Soak = 5 * time.Minute
	}
	if o.headroom == 0 {
		o.headroom = freezeTime
	}
	if o.Now == nil {
		o.Now = func() time.Time { return clock.Now(ctx) }
	}
}

// Event is one line of progress.
type Event struct {
	Version int       `json:"version"`
	At      time.Time `json:"at"`
	// Step is the step it belongs to, "" for none.
	Step string `json:"step,omitempty"`
	Text string `json:"text"`
}

// String is the line.
func (e Event) String() string {
	if e.Step == "" {
		return e.Text
	}
	return e.Step + ": " + e.Text
}

func (o *Options) tell(step, text string) {
	if o.Observe != nil {
		o.Observe(Event{Version: 1, At: o.Now(), Step: step, Text: redact.Text(text)})
	}
}

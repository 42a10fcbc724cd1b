package rescue

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/stackrescue/stackrescue/cfnx"
)

// Plan is the way out, as data: nothing is done until [Run].
type Plan struct {
	Version   int       `json:"version"`
	Account   string    `json:"account"`
	Region    string    `json:"region"`
	Stack     string    `json:"stack"`
	StackID   string    `json:"stackId"`
	Direction Direction `json:"direction"`
	// Fingerprint is of the situation the plan was made for: [Run] refuses
	// another.
	Fingerprint string `json:"fingerprint"`
	Steps       []Step `json:"steps"`
	// Warnings are what the operator should know before confirming.
	Warnings []string `json:"warnings,omitempty"`
	// Ledger is what the stacks had before anything was touched.
	Ledger *cfnx.Ledger `json:"ledger,omitempty"`
	// Causes are the diagnosis', for the report.
	Causes Causes `json:"causes"`
}

// Risk is how much a step can cost.
type Risk string

// Risks, from none to most.
const (
	RiskNone         Risk = "none"         // reads
	RiskReversible   Risk = "reversible"   // can be undone as the step says
	RiskService      Risk = "service"      // changes what users are served by
	RiskDatabase     Risk = "database"     // writes to a database
	RiskIrreversible Risk = "irreversible" // cannot be taken back
)

// Kind is what a step does.
type Kind string

// Kinds of steps.
const (
	KindFreeze    Kind = "freeze"
	KindStamp     Kind = "stamp"
	KindMigrate   Kind = "migrate"
	KindRedeploy  Kind = "redeploy"
	KindUnlock    Kind = "unlock"
	KindSavepoint Kind = "savepoint"
	KindVerify    Kind = "verify"
)

// Step is one step of a plan.
type Step struct {
	// ID is unique in the plan and the same for the same plan.
	ID      string `json:"id"`
	Kind    Kind   `json:"kind"`
	Subject string `json:"subject"`
	Why     string `json:"why"`
	Risk    Risk   `json:"risk"`
	// Actions are the operations it may use and no others, as IAM names them,
	// with iam:PassRole where that is needed for them.
	Actions []string `json:"actions"`
	// Command is about what one would type instead.
	Command string `json:"command,omitempty"`
	// Before is what must hold for it to begin, After what holds when it has
	// succeeded, Undo how it is taken back.
	Before string `json:"before,omitempty"`
	After  string `json:"after"`
	Undo   string `json:"undo,omitempty"`
	// Takes is the longest it is expected to take.
	Takes time.Duration `json:"-"` // takesSeconds

	Freeze    *FreezeStep    `json:"freeze,omitempty"`
	Stamp     *StampStep     `json:"stamp,omitempty"`
	Migrate   *MigrateStep   `json:"migrate,omitempty"`
	Redeploy  *RedeployStep  `json:"redeploy,omitempty"`
	Unlock    *UnlockStep    `json:"unlock,omitempty"`
	Savepoint *SavepointStep `json:"savepoint,omitempty"`
}

// step is a [Step] whose methods JSON does not see.
type step Step

// MarshalJSON writes Takes as the number takesSeconds.
func (s Step) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		*step
		TakesSeconds float64 `json:"takesSeconds"`
	}{(*step)(&s), s.Takes.Seconds()})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (s *Step) UnmarshalJSON(data []byte) error {
	v := struct {
		*step
		TakesSeconds float64 `json:"takesSeconds"`
	}{step: (*step)(s)}
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	s.Takes = time.Duration(math.Round(v.TakesSeconds * float64(time.Second)))
	return nil
}

// MakePlan decides the way out of what d found. It is pure and changes
// nothing. A stack that needs none is [ErrHealthy], one that is busy
// [ErrBusy], one that this tool cannot help [ErrNotRescuable], a direction
// that cannot be taken [ErrDirection]: all in an *[Error] with advice. A
// direction that would rest on something that is not known is [ErrUnknown] as
// well. A nil diagnosis, or one without its evidence, is [ErrNoEvidence].
func MakePlan(d *Diagnosis, c Choices) (*Plan, error) {
	fail := func(err error, next string) error {
		if r, ok := errors.AsType[*refusal](err); ok {
			next = r.next
		}
		return &Error{Stack: d.Stack, Where: d.Account + ", " + d.Region, Err: err, Next: cmp.Or(next, d.Advice)}
	}
	if d == nil {
		return nil, ErrNoEvidence
	}
	if d.bundle == nil {
		return nil, fail(ErrNoEvidence, "diagnose again, or explain the bundle that was written with it")
	}
	if v := d.bundle.Version; v < bundleVersion {
		return nil, fail(fmt.Errorf("%w: it is of version %d, which does not say what serves", ErrNoEvidence, v), "diagnose again")
	}
	switch d.Situation {
	case Uncertain:
		return nil, fail(ErrUnknown, "")
	case Healthy:
		return nil, fail(ErrHealthy, "users are served and the stack rests")
	case Busy:
		return nil, fail(ErrBusy, d.Advice)
	case NotRescuable, ChildStuck:
		return nil, fail(ErrNotRescuable, "")
	}
	p := &planner{d: d, c: c, b: d.bundle, p: &Plan{
		Version: planVersion, Account: d.Account, Region: d.Region, Stack: d.Stack, StackID: d.StackID, Direction: c.Direction,
		Fingerprint: fingerprint(d), Causes: d.Causes, Ledger: d.bundle.Ledger,
	}}
	if err := p.named(); err != nil {
		return nil, fail(fmt.Errorf("%w: %w", ErrDirection, err), "")
	}
	switch c.Direction {
	case Forward, Hold, Back:
	default:
		return nil, fail(fmt.Errorf("%w: choose forward, hold or back", ErrDirection), "")
	}
	err := p.known()
	switch {
	case err != nil:
	case c.Direction == Forward:
		err = p.forward()
	case c.Direction == Back:
		err = p.back()
	default:
		err = p.hold()
	}
	if err != nil {
		return nil, fail(fmt.Errorf("%w: %w", ErrDirection, err), "")
	}
	p.verify()
	return p.p, nil
}

// fingerprint names the situation: what a plan depends on and other people may
// change.
func fingerprint(d *Diagnosis) string {
	h := sha256.New()
	for s := range d.bundle.Tree.All() {
		fmt.Fprintln(h, s.ID, s.Status)
		if len(s.Events) > 0 {
			fmt.Fprintln(h, s.Events[0].ID)
		}
	}
	for _, s := range d.bundle.Services {
		fmt.Fprintln(h, s.Service, s.Current, s.Primary, s.Desired)
	}
	for _, ref := range slices.Sorted(maps.Keys(d.bundle.Images)) {
		fmt.Fprintln(h, ref, d.bundle.Images[ref].State, d.bundle.Images[ref].Digest)
	}
	for _, k := range slices.Sorted(maps.Keys(d.bundle.Policies)) {
		fmt.Fprintln(h, k, d.bundle.Policies[k])
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

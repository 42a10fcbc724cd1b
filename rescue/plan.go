package rescue

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
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
	// Facts are what the plan rests on and others may change, by what they are
	// of: [Run] refuses a situation in which one of them differs. Fingerprint is
	// of all of them.
	Facts       map[string]string `json:"facts"`
	Fingerprint string            `json:"fingerprint"`
	// Hash is of all the rest of the plan: [Run] refuses one that was edited.
	Hash  string `json:"hash"`
	Steps []Step `json:"steps"`
	// Until is the kind of the last steps, where the operator ends the plan before
	// the end of its direction.
	Until Kind `json:"until,omitempty"`
	// Stop is why the plan ends before the end of its direction; nil where it gets
	// there.
	Stop *Stop `json:"stop,omitempty"`
	// Debt is what the plan leaves open, as far as it is known before it runs.
	Debt []string `json:"debt,omitempty"`
	// Warnings are what the operator should know before confirming.
	Warnings []string `json:"warnings,omitempty"`
	// Handlers are the actions, as IAM names them, that CloudFormation may use with
	// the caller's permissions, because no stack of the tree that the plan changes has
	// a service role for it: see [Plan.Policy].
	Handlers []string `json:"handlers,omitempty"`
	// Ledger is what the stacks had before anything was touched.
	Ledger *cfnx.Ledger `json:"ledger,omitempty"`
	// Causes are the diagnosis', for the report.
	Causes Causes `json:"causes"`
}

// Risk is how much a step can cost. It is one of
//   - "none": reads;
//   - "reversible": can be undone as the step says;
//   - "service": changes what users are served by;
//   - "database": writes to a database;
//   - "irreversible": cannot be taken back.
type Risk string

const (
	riskNone         Risk = "none"
	riskReversible   Risk = "reversible"
	riskService      Risk = "service"
	riskDatabase     Risk = "database"
	riskIrreversible Risk = "irreversible"
)

// Kind is what a step does. It is one of
//   - "freeze": rules that would expire needed images are taken out of lifecycle
//     policies;
//   - "restore": images of recorded revisions are brought back, by digest;
//   - "stamp": the migration tool's table is set to what the schema is;
//   - "migrate": the migration is run once, as a task of its own;
//   - "redeploy": a service is started on the revision to keep;
//   - "stand-in": a missing tag is made for the kept image;
//   - "proof": what the savepoint renders for a service is started first, as one task or
//     as a deployment that is taken back where it fails;
//   - "shield": what the clean-up would delete is protected against that;
//   - "unlock": the rollback of the stack is continued;
//   - "import": what was protected is taken into the stack again;
//   - "savepoint": the stack is updated to what serves;
//   - "verify": every promise of the plan is checked;
//   - "thaw": [Finish] puts rules of lifecycle policies back.
type Kind string

const (
	kindFreeze    Kind = "freeze"
	kindStamp     Kind = "stamp"
	kindMigrate   Kind = "migrate"
	kindRedeploy  Kind = "redeploy"
	kindUnlock    Kind = "unlock"
	kindSavepoint Kind = "savepoint"
	kindVerify    Kind = "verify"
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
	// Takes is the longest it is expected to take. With Limited, [Run] ends it then:
	// the operator has set it.
	Takes   time.Duration `json:"-"` // takesSeconds
	Limited bool          `json:"limited,omitempty"`
	// RoleARN is the service role that CloudFormation is to use from then on; "" is
	// the one that the stack has.
	RoleARN string `json:"roleArn,omitempty"`

	// What the step acts on is in the field of its kind, and the others are nil. The
	// fields of each are exported, and have in JSON the keys
	//   - freeze: frozen, needed;
	//   - stamp: task, container, tool, verify, unproven;
	//   - migrate: task, container, run, tool, verify;
	//   - redeploy: service, from, found, images, rendered;
	//   - restore: images;
	//   - standIn: service, revision, found, tags;
	//   - proof: service, rendered, by, task, found, raise;
	//   - shield: resources;
	//   - unlock: skips, force, deploys, deletes;
	//   - import: resources, attempted;
	//   - savepoint: images, recorded, carry, revisions, settings, raise, needed, left,
	//     hidden, outputs, target, given, templateUrl, import.
	Freeze    *freezeStep    `json:"freeze,omitempty"`
	Stamp     *stampStep     `json:"stamp,omitempty"`
	Migrate   *migrateStep   `json:"migrate,omitempty"`
	Redeploy  *redeployStep  `json:"redeploy,omitempty"`
	Restore   *restoreStep   `json:"restore,omitempty"`
	StandIn   *standInStep   `json:"standIn,omitempty"`
	Proof     *proofStep     `json:"proof,omitempty"`
	Shield    *shieldStep    `json:"shield,omitempty"`
	Unlock    *unlockStep    `json:"unlock,omitempty"`
	Import    *importStep    `json:"import,omitempty"`
	Savepoint *savepointStep `json:"savepoint,omitempty"`
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

// MakePlan decides the way out of what d found. It is pure and changes nothing.
// It returns an *[Error] with advice that wraps [ErrHealthy] if the stack needs
// no rescue, [ErrBusy] if it is busy, [ErrNotRescuable] if this package cannot
// help it, and [ErrDirection] if the direction cannot be taken; then
// [ErrUnknown] as well if it would rest on something that is not known. A nil
// diagnosis, or one without its evidence, gives [ErrNoEvidence].
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
	if d.bundle.Partial {
		return nil, fail(fmt.Errorf("%w: the capture ended before everything was read", ErrUnknown), "diagnose again")
	}
	switch {
	case d.Situation == situationHealthy:
		return nil, fail(ErrHealthy, "users are served and the stack rests")
	case c.Direction == Serve:
		// It touches no stack, whatever that is doing.
	case d.Situation == situationUncertain && len(c.Assert) == 0:
		return nil, fail(ErrUnknown, "")
	case d.Situation == situationBusy:
		return nil, fail(ErrBusy, d.Advice)
	case d.Situation == situationNotRescuable, d.Situation == situationChildStuck:
		return nil, fail(ErrNotRescuable, "")
	}
	p := &planner{d: d, c: c, b: d.bundle, p: &Plan{
		Version: planVersion, Account: d.Account, Region: d.Region, Stack: d.Stack, StackID: d.StackID, Direction: c.Direction,
		Until: c.Until, Facts: facts(d, c.Direction), Causes: d.Causes, Ledger: d.bundle.Ledger,
	}}
	p.p.Fingerprint = fingerprint(p.p.Facts)
	if err := p.valid(); err != nil {
		return nil, fail(fmt.Errorf("%w: %w", ErrDirection, err), "")
	}
	if err := p.direction(); err != nil {
		return nil, fail(fmt.Errorf("%w: %w", ErrDirection, err), "")
	}
	if p.stopped != nil && !p.acts() {
		return nil, fail(fmt.Errorf("%w: %w", ErrDirection, p.stopped), p.p.Stop.Next)
	}
	p.unused()
	p.unusedProofs()
	p.verify()
	p.handlers()
	p.p.Hash = p.p.hash()
	return p.p, nil
}

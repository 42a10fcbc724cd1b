package rescue

import (
	"time"

	"github.com/stackrescue/stackrescue/migrate/toolcmd"
)

// Direction is where a rescue goes. Nothing deploys old code on a new schema
// by default.
type Direction string

// Directions.
const (
	// Serve gets users served and touches no stack: it works where CloudFormation
	// cannot move, too.
	Serve Direction = "serve"
	// Forward keeps the new code and the new schema.
	Forward Direction = "forward"
	// Hold gets users served, where a revision is known that can be started, and
	// unlocks the stack, which deploys nothing.
	Hold Direction = "hold"
	// Back returns to the old code. It is for the operator to know that the old
	// code fits the schema.
	Back Direction = "back"
)

// Choices are what the operator decides.
type Choices struct {
	// Direction must be set.
	Direction Direction
	// Freeze allows taking the rules out of lifecycle policies that would
	// expire a needed image. They are put back by hand; the plan holds them.
	Freeze bool
	// Migration puts the migration tool's table right, or runs the migration,
	// before the new code is started. nil leaves the database alone.
	Migration *Migration
	// Revisions names, by service as "cluster/name", the revision to keep, as an
	// ARN or "family:revision". A service that serves is deployed to only if it is
	// named here. Without a name the revision that serves is kept, else the one
	// that the failed update made.
	Revisions map[string]string
	// Force lets CloudFormation choose what to skip, instead of the resources
	// that the plan names.
	Force bool
	// RaiseMinimum lets the savepoint raise a service's minimumHealthyPercent to
	// 100 where its deployment would stop every task first. The service needs room
	// for as many tasks again meanwhile, and the stack's template has the higher
	// value from then on.
	RaiseMinimum bool
	// Templates are templates as their authors have them, by the name or ARN of their
	// stacks: the version that was deployed last, where CloudFormation has it with its
	// letters lost, or the one that the savepoint is to bring. The images in them
	// are patched, and the settings of what serves are carried into them, as into
	// the stacks' own. No plan holds them: give them to [Run] again
	// (Options.Templates).
	Templates map[string][]byte
	// TemplateBucket is a bucket in the region of the stack in which the savepoint puts
	// a template of more than 51,200 bytes. "" is beside the template of a nested
	// stack.
	TemplateBucket string
	// Until ends the plan after its steps of this kind, such as "redeploy";
	// "" goes to the end of the direction.
	Until Kind
	// Accept has the names of deployments and deletions of the continued rollback
	// that are no reason to stop before it, and of settings that the savepoint may
	// change: a service as "cluster/name", a resource as "stack.LogicalID", a setting
	// as "stack.LogicalID.Property". Each is named in [Plan.Stop], the warnings, or
	// the error of a plan without it. An image by its tag, as a warning of
	// the plan offers it, lets the missing tag stand for the image that is kept, in
	// place of a skip.
	Accept []string
	// Mended are causes of the diagnosis that the operator has mended outside, such as a
	// database that was made bigger: a service whose tasks failed, as "cluster/name",
	// or a cause by its subject, as "stack.LogicalID". Without it a revision is not
	// started again whose tasks failed of what it brings along, where nothing of the
	// plan addresses that: a migration at start, a setting that it does not have, a
	// command or platform that its image does not fit. It is recorded in the plan's
	// warnings.
	Mended []string
	// Prove are services, as "cluster/name", for which the savepoint may render another
	// revision than the one that is kept, where that cannot be written into the
	// template and both are known: the template decides where they differ. What it
	// renders is started before the unlock, as the service allows it: as the deployment that
	// the plan makes anyway, as one further task, or as a deployment of the service that its
	// circuit breaker takes back. Where that fails the run ends, and nothing is
	// unlocked. [Plan.Stop] of a plan without it offers it.
	Prove []string
	// Shield lets the plan protect against the clean-up after a continued rollback
	// what that would delete and what holds data or is used by what serves, where the
	// type has a protection that can be taken back; what is left outside of the stack
	// by that is imported into it again, or is debt. [Run] needs Options.Shield then.
	Shield bool
	// RoleARN is the service role with which CloudFormation is to continue the
	// rollback and to update the stack, where the one that the stack has is gone or is
	// not allowed enough. CloudFormation keeps it for every later operation, and it
	// cannot be taken away again.
	RoleARN string
	// Limits are how long the steps of a kind may take: one that takes longer ends the
	// run with an error that wraps context.DeadlineExceeded, what AWS has begun goes
	// on, and a further run waits for it. No limit by default.
	Limits map[Kind]time.Duration
	// Assert is the operator's word, by service as "cluster/name", on whether its
	// users are served where that could not be read. It is recorded in the plan's
	// warnings.
	Assert map[string]UserState
}

// Migration is how the migration tool is reached: through one-off tasks of the
// new image.
type Migration struct {
	// Tool is such as toolcmd.Alembic(). With Run, it may be left out.
	Tool toolcmd.Tool `json:"tool"`
	// Run is a command of the image that migrates, for the operator who knows
	// that the migration has not run: nil is for one that was applied and not
	// recorded. It has to take the lock that replicas take, and to be safe to
	// repeat, such as "migrate-leader run …", and is what the Container's image
	// is started with. Before anything is deployed the Tool's table must hold
	// the revision of the image, and Verify must hold; with neither, the command
	// must hand its result back ([migrate.Handback]).
	Run []string `json:"run,omitempty"`
	// Service is the service, as "cluster/name", whose image brings the
	// migration. It may be left out where only one of the services that are
	// deployed has the Container.
	Service string `json:"service,omitempty"`
	// Container is the container whose command is overridden. Defaults to the
	// first essential one of the new revision.
	Container string `json:"container,omitempty"`
	// Verify are commands that must exit with 0 before the table is stamped or,
	// with Run, after it has run.
	Verify [][]string `json:"verify,omitempty"`
	// Unproven allows a stamp without Verify. It has no meaning with Run.
	Unproven bool `json:"unproven,omitempty"`
}

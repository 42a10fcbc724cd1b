package rescue

import (
	"github.com/stackrescue/stackrescue/migrate"
)

// Direction is where a rescue goes. Nothing deploys old code on a new schema
// by default.
type Direction string

// Directions.
const (
	// Forward keeps the new code and the new schema.
	Forward Direction = "forward"
	// Hold unlocks the stack and deploys nothing.
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
	// Migration puts the migration tool's table right before the new code is
	// started. nil leaves the database alone.
	Migration *Migration
	// Force lets CloudFormation choose what to skip, instead of the resources
	// that the plan names.
	Force bool
}

// Migration is how the migration tool is reached: through one-off tasks of the
// new image.
type Migration struct {
	// Tool is such as migrate.Alembic().
	Tool migrate.Tool
	// Container is the container whose command is overridden. Defaults to the
	// first essential one of the new revision.
	Container string
	// Verify are commands that must exit with 0 before the table is stamped.
	Verify [][]string
	// Unproven allows a stamp without Verify.
	Unproven bool
}

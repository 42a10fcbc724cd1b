package proof

import (
	"encoding/json"
	"os"
	"testing"
	"time"
)

// orderEnv holds the order of a process that is a replica.
const orderEnv = "MIGRATE_PROOF_REPLICA"

// TestMain makes this binary a replica where it was started as one.
func TestMain(m *testing.M) {
	text := os.Getenv(orderEnv)
	if text == "" {
		os.Exit(m.Run())
	}
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		panic(err)
	}
	os.Exit(obey(o))
}

// mode is what keeps the replicas of a run apart.
type mode string

const (
	ours    mode = "stackrescue"
	anarchy mode = "nothing"        // a store that grants everybody
	fenced  mode = "fence"          // the same, and the fence of package pglease
	gooses  mode = "goose"          // its table locker
	golangs mode = "golang-migrate" // its advisory lock
)

// The stores of package migrate that are put to the proof.
const (
	onDynamoDB = "dynamodb"
	onTable    = "table"
	onSession  = "session"
	// onPooled is the table through PgBouncer in transaction mode.
	onPooled = "pooled"
)

// kind is how a step touches the database, and what is promised for it.
type kind string

const (
	// inTx is a transaction that begins with pglease.Guard.
	inTx kind = "tx"
	// checked commits as it goes, within one statement that begins by reading
	// the fence.
	checked kind = "checked"
	// plain does the same and does not ask for the fence.
	plain kind = "plain"
)

// job is one step of the work.
type job struct {
	Kind kind
	Took time.Duration
}

// order is what a replica is told to do and with what.
type order struct {
	Name string
	Mode mode
	Key  string
	// Store is one of the stores, StoreAddr and DataAddr are the replica's own
	// proxies, Direct is the server itself: only for the harness's questions.
	Store, StoreAddr, DataAddr, Direct, Database string

	Lease, Every, Drain, Backoff, MaxWait time.Duration
	Jobs                                  []job
	// Terminate ends what an earlier leader left running, rather than waiting.
	Terminate bool
	// Skew is how wrong the replica's wall clock is.
	Skew time.Duration
	// Hang is a file: while it is there, the probe's program hangs.
	Hang string
}

// line is what a replica prints: an event of package migrate, or one of these.
type line struct {
	Kind  string
	Owner string `json:",omitempty"`
	Fence int64  `json:",omitempty"`
	Step  string `json:",omitempty"`
	Text  string `json:",omitempty"`
	Err   string `json:",omitempty"`
}

// What a replica says beyond the events.
const (
	entered    = "entered"    // the fence was raised
	returned   = "returned"   // Run did
	unanswered = "unanswered" // a write to the store may have happened
	breach     = "breach"     // a store was written to when nothing may be
	counted    = "counted"    // calls and writes to the store, at the end
)

// The exit codes of a replica.
const (
	exitDone = 0
	// exitLate means that MaxWait is over.
	exitLate = 3
	// exitStopped means that it was told to stop.
	exitStopped = 4
	// exitLied means that Run returned nil and that it was not done.
	exitLied = 5
)

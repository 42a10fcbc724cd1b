package revision

import "github.com/stackrescue/stackrescue/migrate"

// Verdict is what to think of a table. It is one of
//   - "clean": nothing is unfinished, and nobody is at work;
//   - "running": somebody is at work. Hands off;
//   - "idle-holder": a session holds the tool's lock and is idle, not for long: it may
//     be between two statements. Look again;
//   - "orphan": a session holds the tool's lock and has been idle for
//     [InspectOptions.OrphanAfter]: its client is gone, or a pooler keeps it.
//     [EndSession] ends it;
//   - "stuck": something is unfinished, nobody is at work, and nothing has changed
//     while it was watched;
//   - "unclear": something is unfinished, and whether anybody is at work cannot be
//     seen.
type Verdict string

const (
	verdictClean      Verdict = "clean"
	verdictRunning    Verdict = "running"
	verdictIdleHolder Verdict = "idle-holder"
	verdictOrphan     Verdict = "orphan"
	verdictStuck      Verdict = "stuck"
	verdictUnclear    Verdict = "unclear"
)

// held reports whether somebody may be at work, or holds the tool's lock.
func (v Verdict) held() bool {
	return v == verdictRunning || v == verdictIdleHolder || v == verdictOrphan
}

// Table is a migration tool's table.
type Table struct {
	Tool string `json:"tool"`
	Name string `json:"table"`
	// Version is the newest version, or the heads. "" for nothing applied.
	Version string `json:"version"`
	// Recorded is how many versions it holds.
	Recorded int `json:"recorded"`
	// Unfinished are migrations that began and did not end, as far as the tool
	// records that.
	Unfinished []string `json:"unfinished,omitempty"`
	// Locked is who holds the tool's own lock row.
	Locked string `json:"locked,omitempty"`
	// Pending are the image's that are not recorded, Unknown those recorded
	// that the image does not know: of a newer release, mostly.
	Pending []string `json:"pending,omitempty"`
	Unknown []string `json:"unknown,omitempty"`
	// Odd is what should not be there.
	Odd []string `json:"odd,omitempty"`
	// Details are what the tool itself recorded about what is unfinished.
	Details []string `json:"details,omitempty"`

	Verdict Verdict `json:"verdict"`
	// Why are the reasons for the verdict.
	Why []string `json:"why,omitempty"`
	// Stampable is set for tools that [Stamp] can correct; Repair names the
	// tool's own commands.
	Stampable bool     `json:"stampable"`
	Repair    []string `json:"repair,omitempty"`
	// Fingerprint is of all that the table holds, "" where a session has it
	// locked and it could not be read: see [StampOptions.Expect].
	Fingerprint string `json:"fingerprint"`
}

// Inspection is what [Inspect] found.
type Inspection struct {
	// Version is that of the format, 2.
	Version int `json:"version"`
	// Engine is "postgresql" or "mysql", which includes MariaDB and Aurora.
	Engine   string  `json:"engine"`
	Database string  `json:"database"`
	Tables   []Table `json:"tables"`
	// Sessions look as if they migrate, or hold a tool's lock.
	Sessions []Session `json:"sessions,omitempty"`
	// Leader is who holds the lease, with its progress; "" for nobody.
	Leader   string           `json:"leader,omitempty"`
	Progress migrate.Progress `json:"progress,omitzero"`
	// Blind is what could not be seen.
	Blind string `json:"blind,omitempty"`
}

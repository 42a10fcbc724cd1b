package rescuetest

// Database is what the programs of an incident share: a schema, and the table
// in which the migration tool keeps its revision. Programs use it inside the
// cloud's clock; others read it through [Incident.Do].
type Database struct {
	// Schema is the revision whose changes have been made.
	Schema string
	// Revision is what the tool's table says.
	Revision string
	// Holder is the task that began a migration and has not ended it; "" when
	// none has.
	Holder string
	// Runs counts migrations that were begun.
	Runs int
}

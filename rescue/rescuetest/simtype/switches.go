package simtype

import "time"

// Switches are the behaviours of AWS that neither documentation nor a
// recording settles. The zero value is what seems most likely; a rescue must
// work under every other value too. Each field names what is known.
type Switches struct {
	// OutputsAfterSkip is what becomes of a stack's Outputs that depend on a
	// skipped resource when its rollback completes (docs/aws/cfn.md 1.7, 6.3).
	OutputsAfterSkip OutputsAfterSkip
	// RollbackDigest is whether a deployment of an old task definition revision
	// resolves its tags again or reuses the digests recorded for that revision
	// (docs/aws/cfn.md 5.2, 6.8).
	RollbackDigest RollbackDigest
	// ForceRollback is what ContinueUpdateRollback makes of its ForceRollback
	// field (docs/aws/cfn.md 0, 6.1).
	ForceRollback ForceRollback
	// SkipValidation is how strictly ResourcesToSkip is checked
	// (docs/aws/cfn.md 0, 6.2).
	SkipValidation SkipValidation
	// LogDelay is how long after a container's line the log service shows it,
	// stream included (docs/aws/ecs.md 1.6: up to the driver's back-off of 32 s).
	LogDelay time.Duration
	// StaleReads is how many DescribeStacks (and DescribeServices) calls after
	// a mutation still show what was before it (docs/aws/cfn.md 1.14.2).
	StaleReads int
	// StoppedTaskRetention is how long a stopped task can be described:
	// "at least one hour" (docs/aws/ecs.md 1.1). 0 means exactly one hour.
	StoppedTaskRetention time.Duration
	// SameTemplateURL is whether a nested stack whose TemplateURL did not change
	// is fetched and compared again by an update of its parent.
	SameTemplateURL SameTemplateURL
	// DesiredCount is whether an update that changes another property of an ECS
	// service sends the template's DesiredCount too and so resets a scaled one.
	DesiredCount DesiredCount
	// NoDifferenceAfterSkip is whether an update that sets a skipped resource to
	// the properties recorded in the template sees no difference and leaves it
	// alone (the record), or compares with what the resource was last given.
	NoDifferenceAfterSkip Difference
	// NestedChangeSets is whether nested change sets report static-looking
	// replacements of siblings whose inputs are not known yet.
	NestedChangeSets NestedChangeSets
	// CleanUp is whether a rollback's clean-up deregisters the task definition
	// revision that the failed update made.
	CleanUp CleanUp
	// DisableRollbackReplacement is whether an update with DisableRollback may
	// replace resources (aws/aws-cdk#30546).
	DisableRollbackReplacement DisableRollbackReplacement
	// ExecutedChangeSet is how long an executed change set and its template can
	// be read: recorded by ARN, nobody says for how long (docs/aws/cfn.md 8.2).
	ExecutedChangeSet ExecutedChangeSet
	// ExitAfterRunning is whether a task that reached RUNNING and then exits by
	// itself is a failed task for the circuit breaker (docs/aws/ecs.md 2.3: the documentation's list lacks it, users saw it count).
	ExitAfterRunning ExitAfterRunning
	// RollingTimeout is when CloudFormation gives up on an ECS service's rolling
	// update that does not settle: three hours were observed in 2021, the
	// registry's schema says 36 (docs/aws/cfn.md 8.1).
	RollingTimeout RollingTimeout
	// NestedSiblings is where the nested stacks that rolled back well stay while
	// a sibling's rollback failed: waiting for the clean-up that only the root
	// starts, as the user guide says of nested stacks that are stuck
	// (docs/aws/cfn.md 1.2, "Nested trouble"), or in UPDATE_ROLLBACK_COMPLETE.
	NestedSiblings NestedSiblings
}

// OutputsAfterSkip is a value of [Switches.OutputsAfterSkip].
type OutputsAfterSkip int

const (
	OutputsKept         OutputsAfterSkip = iota // all values stay as before the update
	OutputsDropped                              // outputs that read a skipped resource vanish
	OutputsStale                                // they keep the failed update's values
	ChildOutputsDropped                         // every output of a child stack with a skip vanishes, root outputs stay
)

// ExecutedChangeSet is a value of [Switches.ExecutedChangeSet].
type ExecutedChangeSet int

const (
	ExecutedByARN  ExecutedChangeSet = iota // by ARN for ever, by name not
	ExecutedByName                          // by name too
	ExecutedGone                            // deleted when the execution ends
)

// RollingTimeout is a value of [Switches.RollingTimeout].
type RollingTimeout int

const (
	RollingTimesOutAfter3Hours RollingTimeout = iota
	RollingTimesOutAfter36Hours
)

// ExitAfterRunning is a value of [Switches.ExitAfterRunning].
type ExitAfterRunning int

const (
	ExitCountsUntilHealthy ExitAfterRunning = iota // until the task has counted as healthy: 40 s after RUNNING without checks
	ExitNeverCounts
	ExitAlwaysCounts
)

// RollbackDigest is a value of [Switches.RollbackDigest].
type RollbackDigest int

const (
	DigestResolvedAgain RollbackDigest = iota
	DigestRecorded
)

// ForceRollback is a value of [Switches.ForceRollback].
type ForceRollback int

const (
	ForceSkipsFailedAndFailing ForceRollback = iota // also what fails during the continuation
	ForceSkipsFailedOnly                            // only what was UPDATE_FAILED when it began
	ForceUnknown                                    // the endpoint rejects the field
)

// SkipValidation is a value of [Switches.SkipValidation].
type SkipValidation int

const (
	SkipsStrict  SkipValidation = iota // refuse entries that did not fail in the rollback
	SkipsRelaxed                       // accept any existing resource
)

// SameTemplateURL is a value of [Switches.SameTemplateURL].
type SameTemplateURL int

const (
	SameURLFetchedAgain SameTemplateURL = iota
	SameURLNotFetched
)

// DesiredCount is a value of [Switches.DesiredCount].
type DesiredCount int

const (
	DesiredCountSentWhenChanged DesiredCount = iota // only when its template value changed
	DesiredCountAlwaysSent
)

// Difference is a value of [Switches.NoDifferenceAfterSkip].
type Difference int

const (
	DifferenceToRecord Difference = iota
	DifferenceToLastSent
)

// NestedChangeSets is a value of [Switches.NestedChangeSets].
type NestedChangeSets int

const (
	NestedChangesExact NestedChangeSets = iota
	NestedChangesFalseReplacement
)

// CleanUp is a value of [Switches.CleanUp].
type CleanUp int

const (
	CleanUpDeregisters CleanUp = iota
	CleanUpKeeps
)

// DisableRollbackReplacement is a value of [Switches.DisableRollbackReplacement].
type DisableRollbackReplacement int

const (
	ReplacementRefused DisableRollbackReplacement = iota
	ReplacementAllowed
)

// NestedSiblings is a value of [Switches.NestedSiblings].
type NestedSiblings int

const (
	SiblingsWaitForCleanUp NestedSiblings = iota // in UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS
	SiblingsCleanUp                              // they go on to UPDATE_ROLLBACK_COMPLETE
)

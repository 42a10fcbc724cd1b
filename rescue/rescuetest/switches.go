package rescuetest

import "github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"

// Switches is [simtype.Switches]: the behaviours of AWS that neither
// documentation nor a recording settles. SwitchValues of that package
// lists the values of its fields.
type Switches = simtype.Switches

// Values of fields of [Switches]; the first of each group is the zero value's
// meaning.
const (
	OutputsKept         = "kept"
	OutputsDropped      = "dropped"
	OutputsStale        = "stale"
	ChildOutputsDropped = "child-dropped"

	DigestResolvedAgain = "resolved-again"
	DigestRecorded      = "recorded"

	ForceSkipsFailedAndFailing = "failed-and-failing"
	ForceSkipsFailedOnly       = "failed-only"
	ForceUnknown               = "unknown"

	SkipsStrict  = "strict"
	SkipsRelaxed = "relaxed"

	SameURLFetchedAgain = "fetched-again"
	SameURLNotFetched   = "not-fetched"

	DesiredCountSentWhenChanged = "when-changed"
	DesiredCountAlwaysSent      = "always"

	DifferenceToRecord   = "to-record"
	DifferenceToLastSent = "to-last-sent"

	NestedChangesExact            = "exact"
	NestedChangesFalseReplacement = "false-replacement"

	SiblingsWaitForCleanUp = "wait-for-clean-up"
	SiblingsCleanUp        = "clean-up"

	CleanUpDeregisters = "deregisters"
	CleanUpKeeps       = "keeps"

	ReplacementRefused = "refused"
	ReplacementAllowed = "allowed"
)

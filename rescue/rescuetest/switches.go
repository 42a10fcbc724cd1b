package rescuetest

import "github.com/stackrescue/stackrescue/internal/sim/world"

// Switches are the behaviours of AWS that neither documentation nor a
// recording settles; see the fields.
type Switches = world.Switches

// Values of the fields of [Switches]. The first of each group is the zero
// value.
const (
	OutputsKept         = world.OutputsKept
	OutputsDropped      = world.OutputsDropped
	OutputsStale        = world.OutputsStale
	ChildOutputsDropped = world.ChildOutputsDropped

	DigestResolvedAgain = world.DigestResolvedAgain
	DigestRecorded      = world.DigestRecorded

	ForceSkipsFailedAndFailing = world.ForceSkipsFailedAndFailing
	ForceSkipsFailedOnly       = world.ForceSkipsFailedOnly
	ForceUnknown               = world.ForceUnknown

	SkipsStrict  = world.SkipsStrict
	SkipsRelaxed = world.SkipsRelaxed

	SameURLFetchedAgain = world.SameURLFetchedAgain
	SameURLNotFetched   = world.SameURLNotFetched

	DesiredCountSentWhenChanged = world.DesiredCountSentWhenChanged
	DesiredCountAlwaysSent      = world.DesiredCountAlwaysSent

	DifferenceToRecord   = world.DifferenceToRecord
	DifferenceToLastSent = world.DifferenceToLastSent

	NestedChangesExact            = world.NestedChangesExact
	NestedChangesFalseReplacement = world.NestedChangesFalseReplacement

	SiblingsWaitForCleanUp = world.SiblingsWaitForCleanUp
	SiblingsCleanUp        = world.SiblingsCleanUp

	CleanUpDeregisters = world.CleanUpDeregisters
	CleanUpKeeps       = world.CleanUpKeeps

	ReplacementRefused = world.ReplacementRefused
	ReplacementAllowed = world.ReplacementAllowed
)

package rescuetest

import "github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"

// Switches is [simtype.Switches]: the behaviours of AWS that neither
// documentation nor a recording settles. SwitchValues of that package
// lists the values of its fields.
type Switches = simtype.Switches

// Values of Switches.OutputsAfterSkip; the first is the zero value's meaning.
const (
	OutputsKept         = "kept"
	OutputsDropped      = "dropped"
	OutputsStale        = "stale"
	ChildOutputsDropped = "child-dropped"
)

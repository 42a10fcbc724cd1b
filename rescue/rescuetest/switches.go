package rescuetest

import "github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"

// Switches is [simtype.Switches]: the behaviours of AWS that neither
// documentation nor a recording settles. The values of its fields are constants
// of package simtype.
type Switches = simtype.Switches

// Package expr reads the expressions of a CloudFormation template: intrinsic
// functions, whom they refer to, and what they come to.
package expr

// Limits of what is read: what CloudFormation takes stays far below.
const (
	MaxBytes = 4 << 20
	MaxDepth = 1000    // nested collections
	MaxSteps = 500_000 // nodes looked at, each again for every alias that leads there
)

package simtype

import "time"

// A Fault makes calls go wrong. The zero value of a field matches anything.
type Fault struct {
	// Action is the IAM action of the calls it hits, such as
	// "ecs:UpdateService", or a prefix that ends in "*", such as "ecs:*". ""
	// matches every call.
	Action string
	// Nth is which of the matching calls it hits, counted from 1 and from the
	// injection; 0 means every one.
	Nth int
	// Kind is what happens.
	Kind FaultKind
	// Delay is how much longer a [Slow] call takes.
	Delay time.Duration
}

// FaultKind is what a [Fault] does to a call.
type FaultKind int

const (
	// Throttle refuses the call as the service does when its rate is exceeded.
	Throttle FaultKind = iota + 1
	// ServerError refuses the call with HTTP status 500.
	ServerError
	// Deny refuses the call for want of permission.
	Deny
	// LostResponse carries the call out and breaks the connection before the
	// answer.
	LostResponse
	// Slow answers after [Fault].Delay more.
	Slow
	// Stale answers a read as the same call was answered before, counted from the
	// fault's injection; the first is answered as it is.
	Stale
	// CrashBefore ends the caller before the call is carried out: this call and
	// every later one fail until the cloud's Restart.
	CrashBefore
	// CrashAfter is CrashBefore, but the call is carried out.
	CrashAfter
)

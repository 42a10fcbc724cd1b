package rescuetest

import (
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// ErrCrashed is what the SDK's clients return once a crash was injected.
var ErrCrashed = errors.New("rescuetest: the caller has crashed")

type fault struct {
	simtype.Fault
	seen    int
	answers map[string]any // of a Stale fault's calls, by their inputs
}

// stale is the earlier answer to the same read, if a fault asks for it. c.mu is
// not held.
func (c *Cloud) stale(action string, in, out any) any {
	if mutates(action) {
		return out
	}
	key, err := json.Marshal(in)
	if err != nil {
		return out // a body: nothing that is read twice
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.faults {
		if f.Kind != simtype.Stale || !matches(f.Action, action) {
			continue
		}
		before, known := f.answers[action+string(key)]
		if f.answers == nil {
			f.answers = map[string]any{}
		}
		hit := f.Nth == 0 || f.Nth == f.seen
		if !known || !hit {
			f.answers[action+string(key)] = op.Copy(out)
		}
		if known && hit {
			return op.Copy(before)
		}
	}
	return out
}

// Inject adds faults; they apply in the order of their injection, and the
// first that hits a call decides.
func (c *Cloud) Inject(faults ...simtype.Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range faults {
		c.faults = append(c.faults, &fault{Fault: f})
	}
}

// ClearFaults takes every injected fault back.
func (c *Cloud) ClearFaults() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = nil
}

// Restart ends an injected crash; the fault that caused it does not hit again.
func (c *Cloud) Restart() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.crashed = false
}

// hit is the fault that the call suffers, if any. c.mu is held.
func (c *Cloud) hit(action string) (simtype.Fault, bool) {
	var hit *fault
	for _, f := range c.faults {
		if !matches(f.Action, action) {
			continue
		}
		f.seen++
		if hit == nil && f.Kind != simtype.Stale && (f.Nth == 0 || f.Nth == f.seen) {
			hit = f
		}
	}
	if hit == nil {
		return simtype.Fault{}, false
	}
	if hit.Kind == simtype.CrashBefore || hit.Kind == simtype.CrashAfter {
		c.crashed = true
	}
	return hit.Fault, true
}

func matches(pattern, action string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(action, prefix)
	}
	return pattern == "" || pattern == action
}

// throttled, unavailable and denied are each service's own words.
func throttled(service string) error {
	code := "ThrottlingException"
	if service == "cloudformation" || service == "sts" {
		code = "Throttling"
	}
	if service == "s3" {
		return op.WithStatus(503, &smithy.GenericAPIError{Code: "SlowDown", Message: "Please reduce your request rate."})
	}
	return &smithy.GenericAPIError{Code: code, Message: "Rate exceeded"}
}

func unavailable() error {
	return &smithy.GenericAPIError{Code: "InternalFailure", Message: "The request processing has failed because of an unknown error, exception or failure.", Fault: smithy.FaultServer}
}

func denied(service, action string) error {
	code := "AccessDeniedException"
	if service == "cloudformation" || service == "sts" || service == "s3" {
		code = "AccessDenied"
	}
	status := 400
	if service == "cloudformation" || service == "sts" || service == "s3" {
		status = 403
	}
	return op.WithStatus(status, &smithy.GenericAPIError{
		Code:    code,
		Message: "User: arn:aws:iam::123456789012:user/operator is not authorized to perform: " + action + " because no identity-based policy allows the " + action + " action",
	})
}

func lost() error { return &smithyhttp.RequestSendError{Err: io.ErrUnexpectedEOF} }

func (c *Cloud) hasStale() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.faults, func(f *fault) bool { return f.Kind == simtype.Stale })
}

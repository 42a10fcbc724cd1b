package main

import (
	"context"
	"errors"

	"github.com/stackrescue/stackrescue/rescue"
)

// errNoCredentials is returned if the SDK finds no credentials; errNoRegion if it
// finds no region.
var (
	errNoCredentials = errors.New("no credentials")
	errNoRegion      = errors.New("no region")
	// errWouldFail and errNotKnown are answers of guard.
	errWouldFail = errors.New("a rollback would fail")
	errNotKnown  = errors.New("not everything could be looked at")
)

// exitCode is the exit code for an error, with a word for it.
func exitCode(ctx context.Context, err error) (int, string) {
	if err == nil {
		return 0, "ok"
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return 130, "interrupted"
	}
	for _, c := range []struct {
		err  error
		code int
		word string
	}{
		{errWouldFail, 12, "rollback-would-fail"}, {errNotKnown, 13, "not-known"},
		{errUsage, 2, "usage"}, {errNoRegion, 2, "usage"}, {errNoCredentials, 5, "no-credentials"},
		{rescue.ErrHealthy, 3, "nothing-to-rescue"}, {rescue.ErrNoStack, 4, "no-such-stack"}, {rescue.ErrNoAccess, 5, "no-access"}, {rescue.ErrBusy, 6, "in-progress"},
		{rescue.ErrNotRescuable, 7, "not-rescuable"}, {rescue.ErrDeclined, 8, "not-confirmed"}, {rescue.ErrPartly, 9, "rescued-in-part"},
		{rescue.ErrChanged, 11, "situation-changed"},
		{rescue.ErrDirection, 10, "refused"}, {rescue.ErrUnknown, 10, "refused"}, {rescue.ErrPlan, 10, "refused"}, {rescue.ErrNoEvidence, 10, "refused"},
	} {
		if errors.Is(err, c.err) {
			return c.code, c.word
		}
	}
	return 1, "failed"
}

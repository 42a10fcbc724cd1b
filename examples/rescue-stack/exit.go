package main

import (
	"errors"

	"github.com/stackrescue/stackrescue/rescue"
)

var errUsage = errors.New("usage")

func exitCode(err error) int {
	for _, c := range []struct {
		err  error
		code int
	}{
		{errUsage, 2}, {rescue.ErrHealthy, 3}, {rescue.ErrNoStack, 4}, {rescue.ErrNoAccess, 5}, {rescue.ErrBusy, 6},
		{rescue.ErrNotRescuable, 7}, {rescue.ErrDeclined, 8}, {rescue.ErrPartly, 9},
		{rescue.ErrDirection, 10}, {rescue.ErrUnknown, 10}, {rescue.ErrPlan, 10}, {rescue.ErrNoEvidence, 10},
	} {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	if err != nil {
		return 1
	}
	return 0
}

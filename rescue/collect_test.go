package rescue_test

import (
	"os"
	"runtime/debug"
)

// These tests make much and keep little: with the default, a tenth of their time is
// the collector's.
func init() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

package rescuetest

import (
	"time"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// Runs is a program that is healthy at once and runs until it is stopped.
func Runs(lines ...string) simtype.Program { return RunsAfter(0, lines...) }

// RunsAfter is a program that prints lines, becomes healthy after d and runs
// until it is stopped.
func RunsAfter(d time.Duration, lines ...string) simtype.Program {
	return func(c *simtype.Container) {
		printAll(c, lines)
		if d <= 0 {
			c.SetHealthy(true)
			return
		}
		c.After(d, func() { c.SetHealthy(true) })
	}
}

// Exits is a program that prints lines as it starts and exits with code after
// d.
func Exits(code int, d time.Duration, lines ...string) simtype.Program {
	return func(c *simtype.Container) {
		printAll(c, lines)
		c.After(d, func() { c.Exit(code) })
	}
}

// NeverHealthy is a program that prints lines, runs, and fails every health
// check.
func NeverHealthy(lines ...string) simtype.Program {
	return func(c *simtype.Container) { printAll(c, lines) }
}

// WaitsFor is a program that asks ready each time every has passed, prints
// waiting each time the answer is no, and is healthy from the first yes on.
func WaitsFor(ready func() bool, every time.Duration, waiting string) simtype.Program {
	return func(c *simtype.Container) {
		var look func()
		look = func() {
			if ready() {
				c.SetHealthy(true)
				return
			}
			c.Print(waiting)
			c.After(every, look)
		}
		look()
	}
}

func printAll(c *simtype.Container, lines []string) {
	for _, l := range lines {
		c.Print(l)
	}
}

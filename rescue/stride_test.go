package rescue_test

import "github.com/stackrescue/stackrescue/internal/sample"

// stride is every which call a sweep of a new step's calls disturbs.
func stride() int {
	switch {
	case sample.Whole():
		return 1
	case sample.Wide():
		return 7
	}
	return 23
}

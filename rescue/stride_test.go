package rescue_test

import "github.com/stackrescue/stackrescue/internal/sample"

// stride is every which call a sweep of a new step's calls disturbs.
func stride() int {
	if sample.Whole() {
		return 1
	}
	return 7
}

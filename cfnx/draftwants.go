package cfnx

import (
	"maps"
	"slices"
)

// want says what is wrong with a draft in which something that was asked for
// earlier no longer comes out.
type want func(*Draft) ([]Problem, error)

// want notes a wish; one for the same thing takes the place of an earlier one.
func (d *Draft) want(what string, w want) {
	if d.wants == nil {
		d.wants = map[string]want{}
	}
	d.wants[what] = w
}

// conflicts returns a *DraftError with the wishes that what was asked for later
// has undone, nil where there are none.
func (d *Draft) conflicts() error {
	var problems []Problem
	for _, what := range slices.Sorted(maps.Keys(d.wants)) {
		p, err := d.wants[what](d)
		if err != nil {
			return err
		}
		problems = append(problems, p...)
	}
	undone, err := d.undoneImages()
	if err != nil {
		return err
	}
	return draftError(append(problems, undone...))
}

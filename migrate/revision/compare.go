package revision

import (
	"slices"
)

// compare says which of the image's migrations are not recorded, and which that
// are recorded the image does not know: of a newer image, mostly. They are not
// known not to be there only because the image is older.
func (t tool) compare(c content, h History) (pending, unknown []string) {
	for _, e := range c.entries {
		if _, known := h.find(e.Version); !known {
			unknown = append(unknown, e.Version)
		}
	}
	missing := t.missing
	if missing == nil {
		missing = missingOfSet
	}
	for _, m := range h {
		if missing(c, h, m.Version) {
			pending = append(pending, m.Version)
		}
	}
	return pending, unknown
}

// missingOfSet is for tools that record each version.
func missingOfSet(c content, _ History, version string) bool {
	return !slices.ContainsFunc(c.entries, func(e Entry) bool { return e.Version == version })
}

// missingOfNumber is for tools that record the newest number: everything up to
// it is there, also where the image ends before it.
func missingOfNumber(c content, _ History, version string) bool {
	return !slices.ContainsFunc(c.entries, func(e Entry) bool { return numeric(version, e.Version) <= 0 })
}

// missingOfHeads is for tools that record heads. A head that the image does not
// know is of a newer image, and stands for everything but what follows upon a
// known head recorded as well.
func missingOfHeads(c content, h History, version string) bool {
	newer := false
	follows := false
	up, _ := h.upTo(version)
	for _, e := range c.entries {
		below, err := h.upTo(e.Version)
		switch {
		case err != nil:
			newer = true
		case below[version]:
			return false
		default:
			follows = follows || up[e.Version]
		}
	}
	return !newer || follows
}

package ecrsim

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// A verdict is what one rule does to one image.
type verdict struct {
	image *image
	rule  rule
}

// evaluate applies the rules to the images, as
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
// says (docs/aws/ecr.md 1.2): every rule sees the same images; what a rule
// matches by its tags is out of reach of the rules after it for the same
// storage class, but still counts for them.
func evaluate(p *policy, images []*image, tags func(digest string) []string, now time.Time) []verdict {
	var verdicts []verdict
	claimed := map[bool]map[string]bool{false: {}, true: {}}
	for _, r := range p.Rules {
		class := r.Selection.archive()
		var matched []*image
		for _, i := range images {
			if i.in(class) && r.Selection.matches(tags(i.digest)) {
				matched = append(matched, i)
			}
		}
		slices.SortFunc(matched, newer)
		var marked []*image
		for n, i := range matched {
			if !claimed[class][i.digest] && r.Selection.marks(i, n, now) {
				marked = append(marked, i)
			}
		}
		// Oldest first.
		slices.Reverse(marked)
		for _, i := range marked {
			verdicts = append(verdicts, verdict{i, r})
		}
		for _, i := range matched {
			claimed[class][i.digest] = true
		}
	}
	slices.SortStableFunc(verdicts, func(a, b verdict) int { return cmp.Compare(a.rule.Priority, b.rule.Priority) })
	return verdicts
}

func (i *image) in(archive bool) bool {
	switch i.status {
	case types.ImageStatusActive:
		return !archive
	case types.ImageStatusArchived:
		return archive
	}
	return false // on its way back
}

// matches: for tagged, every entry of the list is met by some tag of the image.
func (s selection) matches(tags []string) bool {
	switch s.TagStatus {
	case "any":
		return true
	case "untagged":
		return len(tags) == 0
	}
	for _, p := range s.Prefixes {
		if !slices.ContainsFunc(tags, func(t string) bool { return strings.HasPrefix(t, p) }) {
			return false
		}
	}
	for _, p := range s.Patterns {
		if !slices.ContainsFunc(tags, func(t string) bool { return wildcard(p, t) }) {
			return false
		}
	}
	return len(tags) > 0
}

// marks reports whether the rule's count reaches the image, which is the nth
// newest of those matched.
func (s selection) marks(i *image, n int, now time.Time) bool {
	limit := now.UTC().AddDate(0, 0, -s.CountNumber)
	switch s.CountType {
	case countMoreThan:
		return n >= s.CountNumber
	case sincePushed:
		return i.pushed.Before(limit) // a restore does not change the age: UNCERTAIN (docs/aws/ecr.md 1.2.9)
	case sincePulled:
		at := i.pulled
		if i.activated.After(at) {
			at = i.activated
		}
		if at.IsZero() {
			at = i.pushed
		}
		return at.Before(limit)
	case sinceTransitioned:
		return i.archived.Before(limit)
	}
	return false
}

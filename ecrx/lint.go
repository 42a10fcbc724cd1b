package ecrx

import (
	"cmp"
	"slices"
	"time"
)

// Finding is something about a lifecycle policy that hurts somebody sooner or
// later.
type Finding struct {
	// Code is one of loses-needed, and-list, regexp, dead-rule, unreachable,
	// age-rule, untagged-under-digests, shared-pool and tight-count.
	Code string `json:"code"`
	// Rule is the rule it is about, 0 for the whole policy.
	Rule int `json:"rule,omitempty"`
	// Image is a needed image that shows it, "" where it does not take one.
	Image string `json:"image,omitempty"`
	// Text says it, with what to do.
	Text string `json:"text"`
}

// Codes of findings.
const (
	// lintLoses: the policy takes an image that is needed.
	lintLoses = "loses-needed"
	// lintMatchesNothing: a list of several prefixes or patterns that no image
	// meets all together.
	lintMatchesNothing = "and-list"
	// lintRegexp: a prefix or pattern that is written as a regular expression or
	// a glob, which ECR does not know: * is all there is, and in patterns alone.
	lintRegexp = "regexp"
	// lintDeadRule: a rule that comes first to protect something, and matches no
	// image.
	lintDeadRule = "dead-rule"
	// lintUnreachable: everything the rule matches is matched by an earlier one.
	lintUnreachable = "unreachable"
	// lintAge: an age takes images, whether or not there are newer ones, and one
	// that is needed is among those it will reach.
	lintAge = "age-rule"
	// lintUntagged: images that are needed by digest lose their tag with the
	// next push, and then the rule for untagged ones takes them.
	lintUntagged = "untagged-under-digests"
	// lintSharedPool: applications share the places that a count keeps, so that
	// the busy one pushes the quiet one's images out.
	lintSharedPool = "shared-pool"
	// lintTight: a count keeps few more images than the oldest needed one takes.
	lintTight = "tight-count"
)

// lintMargin is how many pushes a needed image should at least be away from the
// end of a count.
const lintMargin = 5

// Lint says what is wrong with the policy for a repository with these images, of
// which some are needed; nothing is with a nil policy. It is pure. now is the moment of
// the evaluation.
func (p *Policy) Lint(images []Stored, needs []Need, now time.Time) []Finding {
	if p == nil {
		return nil
	}
	l := linter{policy: p, images: images, needs: locate(images, needs), verdicts: p.Evaluate(images, now)}
	var out []Finding
	for r := range p.Rules {
		out = append(out, l.rule(r)...)
	}
	for i, v := range l.verdicts {
		n, ok := l.needs[i]
		if !ok {
			continue
		}
		out = append(out, l.need(v, n)...)
	}
	slices.SortStableFunc(out, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Image, b.Image))
	})
	return out
}

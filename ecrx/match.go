package ecrx

import (
	"slices"
	"strings"
)

// Matches reports whether the selection is about an image with these tags; the
// storage class is not looked at. Every prefix or pattern of the list must be
// met by some tag, one tag may meet several
// (https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html,
// docs/aws/ecr.md 1.2).
func (s Selection) Matches(tags []string) bool {
	switch s.TagStatus {
	case anyTags:
		return true
	case untagged:
		return len(tags) == 0
	}
	for _, p := range s.TagPrefixList {
		if !slices.ContainsFunc(tags, func(t string) bool { return strings.HasPrefix(t, p) }) {
			return false
		}
	}
	for _, p := range s.TagPatternList {
		if !slices.ContainsFunc(tags, func(t string) bool { return matchPattern(p, t) }) {
			return false
		}
	}
	return len(tags) > 0
}

// matchPattern matches the whole tag; * matches zero or more characters and
// nothing else is special.
func matchPattern(pattern, tag string) bool {
	p, t := 0, 0
	star, resume := -1, 0
	for t < len(tag) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, t
			p++
		case p < len(pattern) && pattern[p] == tag[t]:
			p, t = p+1, t+1
		case star >= 0: // let the last * take one character more
			resume++
			p, t = star+1, resume
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

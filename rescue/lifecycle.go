package rescue

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
)

// policy is a lifecycle policy of ECR, as far as a rescue reads it; unknown
// fields are kept when it is written again.
type policy struct {
	Rules []rule `json:"rules"`
}

type rule struct {
	raw         json.RawMessage
	Priority    int    `json:"rulePriority"`
	Description string `json:"description"`
	Selection   struct {
		TagStatus      string   `json:"tagStatus"`
		TagPrefixList  []string `json:"tagPrefixList"`
		TagPatternList []string `json:"tagPatternList"`
		StorageClass   string   `json:"storageClass"`
		CountType      string   `json:"countType"`
		CountNumber    int      `json:"countNumber"`
	} `json:"selection"`
	Action struct {
		Type string `json:"type"`
	} `json:"action"`
}

func (r *rule) UnmarshalJSON(b []byte) error {
	type plain rule
	if err := json.Unmarshal(b, (*plain)(r)); err != nil {
		return err
	}
	r.raw = slices.Clone(b)
	return nil
}

func (r rule) MarshalJSON() ([]byte, error) { return r.raw, nil }

func parsePolicy(text string) (policy, error) {
	var p policy
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return p, fmt.Errorf("lifecycle policy: %w", err)
	}
	slices.SortFunc(p.Rules, func(a, b rule) int { return cmp.Compare(a.Priority, b.Priority) })
	return p, nil
}

// takes reports whether the rule may ever take an image with these tags away:
// whether it selects it, whatever its age and the number of others
// (reference/ecr.md 1.2). All prefixes and patterns of a list must be met.
func (r rule) takes(tags []string) bool {
	if r.Selection.StorageClass == "archive" {
		return false
	}
	switch r.Selection.TagStatus {
	case "any":
		return true
	case "untagged":
		return len(tags) == 0
	}
	all := func(patterns []string, match func(pattern, tag string) bool) bool {
		for _, p := range patterns {
			if !slices.ContainsFunc(tags, func(t string) bool { return match(p, t) }) {
				return false
			}
		}
		return len(patterns) > 0
	}
	if len(r.Selection.TagPatternList) > 0 {
		return all(r.Selection.TagPatternList, func(p, t string) bool {
			ok, err := path.Match(p, t)
			return err == nil && ok
		})
	}
	return all(r.Selection.TagPrefixList, func(p, t string) bool { return strings.HasPrefix(t, p) })
}

// first is the rule that decides about an image with these tags: the one of the
// highest priority that selects it.
func (p policy) first(tags []string) (rule, bool) {
	for _, r := range p.Rules {
		if r.takes(tags) {
			return r, true
		}
	}
	return rule{}, false
}

// without is the policy less the rules that decide about an image of which
// tags are given, and those rules.
func (p policy) without(images [][]string) (rest policy, removed []rule) {
	for _, r := range p.Rules {
		if slices.ContainsFunc(images, func(tags []string) bool {
			f, ok := p.first(tags)
			return ok && f.Priority == r.Priority
		}) {
			removed = append(removed, r)
			continue
		}
		rest.Rules = append(rest.Rules, r)
	}
	return rest, removed
}

// String is one line.
func (r rule) String() string {
	s := fmt.Sprintf("rule %d", r.Priority)
	if r.Description != "" {
		s += fmt.Sprintf(" %q", r.Description)
	}
	tags := r.Selection.TagStatus
	if l := slices.Concat(r.Selection.TagPrefixList, r.Selection.TagPatternList); len(l) > 0 {
		tags += " " + strings.Join(l, "+")
	}
	switch r.Selection.CountType {
	case "imageCountMoreThan":
		return fmt.Sprintf("%s (%s, more than %d images)", s, tags, r.Selection.CountNumber)
	case "sinceImagePushed":
		return fmt.Sprintf("%s (%s, %d days after push)", s, tags, r.Selection.CountNumber)
	}
	return fmt.Sprintf("%s (%s, %s %d)", s, tags, r.Selection.CountType, r.Selection.CountNumber)
}

package ecrx

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of a policy's text, in characters, and of its rules
// (docs/aws/ecr.md 1.1).
const (
	minPolicyText  = 100
	maxPolicyText  = 30720
	maxPolicyRules = 50
	maxWildcards   = 4
	minArchiveDays = 90
	maxCount       = 1<<31 - 1 // no bound is documented; beyond it no number is a Java int
)

const notMapped = "Could not map policyString into LifecyclePolicy."

// ParsePolicy reads a lifecycle policy and holds it against every rule that
// PutLifecyclePolicy is known to check; the error is a *[PolicyError]. It is
// pure. Rules come back ordered by priority, as ECR gives them back.
func ParsePolicy(text string) (*Policy, error) {
	p, err := parsePolicy(text)
	if err != nil {
		return nil, err // a nil *PolicyError must not become an error
	}
	return p, nil
}

func parsePolicy(text string) (*Policy, *PolicyError) {
	n := utf8.RuneCountInString(text)
	if n > maxPolicyText {
		return nil, refuse("text must have length between %d and %d, has %d", minPolicyText, maxPolicyText, n)
	}
	root, ok := decodeObject(text)
	if !ok {
		return nil, refuse(notMapped)
	}
	if err := checkSchema(root); err != nil {
		return nil, err
	}
	var p Policy
	b, err := json.Marshal(root)
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err != nil {
		return nil, refuse(notMapped)
	}
	if err := checkRules(p.Rules); err != nil {
		return nil, err
	}
	// Last, because ECR's own reason says more where there is one.
	if n < minPolicyText {
		return nil, refuse("text must have length between %d and %d, has %d", minPolicyText, maxPolicyText, n)
	}
	slices.SortFunc(p.Rules, byPriority)
	return &p, nil
}

func decodeObject(text string) (map[string]any, bool) {
	if !utf8.ValidString(text) {
		return nil, false
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var tree any
	if d.Decode(&tree) != nil {
		return nil, false
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, false
	}
	root, ok := tree.(map[string]any)
	return root, ok
}

// checkRules holds what spans fields of a rule, and rules of a policy. ECR's
// texts are known for untagged, any and the missing list only
// (docs/aws/ecr.md 1.1).
func checkRules(rules []Rule) *PolicyError {
	if len(rules) > maxPolicyRules {
		return refuse("has %d rules, at most %d are allowed", len(rules), maxPolicyRules)
	}
	seen := map[int]bool{}
	untaggedIn, last, prefixes := map[bool]bool{}, map[bool]int{}, map[bool]map[string]int{false: {}, true: {}}
	for i, r := range rules {
		about := func(e *PolicyError) *PolicyError { e.Rule, e.Index = r.Priority, i; return e }
		if seen[r.Priority] {
			return about(refuse("the number is used by another rule").at("rulePriority"))
		}
		seen[r.Priority] = true
		if err := r.check(); err != nil {
			return about(err)
		}
		class := r.Selection.archive()
		last[class] = max(last[class], r.Priority)
		if r.Selection.TagStatus == untagged {
			if untaggedIn[class] {
				return about(refuse("Only one rule can select Untagged images per storage class.").at("selection.tagStatus"))
			}
			untaggedIn[class] = true
		}
		for _, p := range r.Selection.TagPrefixList {
			if other, ok := prefixes[class][p]; ok {
				return about(refuse("prefix %q is used by rule %d, prefixes must be unique per storage class", p, other).at("selection.tagPrefixList"))
			}
			prefixes[class][p] = r.Priority
		}
	}
	for i, r := range rules {
		if r.Selection.TagStatus == anyTags && r.Priority < last[r.Selection.archive()] {
			e := refuse("Rule for tagStatus=ANY must have the lowest priority per storage class").at("rulePriority")
			e.Rule, e.Index = r.Priority, i
			return e
		}
	}
	return nil
}

func (r Rule) check() *PolicyError {
	s := r.Selection
	switch {
	case s.TagStatus == tagged && len(s.list()) == 0:
		return refuse("Must specify tagPrefixList or tagPatternList when tagStatus=TAGGED.").at("selection.tagStatus")
	case len(s.TagPrefixList) > 0 && len(s.TagPatternList) > 0:
		return refuse("tagPrefixList and tagPatternList cannot both be given").at("selection.tagPatternList")
	case s.TagStatus != tagged && len(s.TagPrefixList) > 0:
		return refuse("requires tagStatus tagged").at("selection.tagPrefixList")
	case s.TagStatus != tagged && len(s.TagPatternList) > 0:
		return refuse("requires tagStatus tagged").at("selection.tagPatternList")
	case s.CountType == sincePulled && r.Action != actionTransition:
		return refuse("countType %s requires transition", sincePulled).at("action.type")
	case s.CountType == sinceTransitioned && r.Action != actionExpire:
		return refuse("countType %s requires expire", sinceTransitioned).at("action.type")
	case s.CountType == sinceTransitioned && !s.archive():
		return refuse("countType %s requires archive", sinceTransitioned).at("selection.storageClass")
	case s.CountType == sinceTransitioned && s.CountNumber < minArchiveDays:
		return refuse("countType %s requires at least %d, found %d", sinceTransitioned, minArchiveDays, s.CountNumber).at("selection.countNumber")
	case s.CountType != sinceTransitioned && s.archive():
		return refuse("archive requires countType %s", sinceTransitioned).at("selection.storageClass")
	}
	for _, p := range s.TagPatternList {
		if n := strings.Count(p, "*"); n > maxWildcards {
			return refuse("pattern %q has %d wildcards, at most %d are allowed", p, n, maxWildcards).at("selection.tagPatternList")
		}
	}
	return nil
}

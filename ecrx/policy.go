package ecrx

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Policy is a lifecycle policy
// (https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html,
// docs/aws/ecr.md 1.1). [ParsePolicy] reads one; nothing that the text says is
// lost on the way back through [Policy.String].
type Policy struct {
	// Rules are in ascending order of Priority.
	Rules []Rule `json:"rules"`
}

// Rule is one rule of a [Policy].
type Rule struct {
	// Priority is unique in the policy; the lowest comes first.
	Priority    int       `json:"rulePriority"`
	Description *string   `json:"description,omitempty"`
	Selection   Selection `json:"selection"`
	// Action is "expire" or "transition", which is to the archive class.
	Action Action `json:"action"`
}

// writtenRule is a rule as ECR writes it.
type writtenRule struct {
	plainRule
	Action writtenAction `json:"action"`
}

type plainRule Rule

type writtenAction struct {
	Type               Action `json:"type"`
	TargetStorageClass string `json:"targetStorageClass,omitempty"`
}

// MarshalJSON writes the rule as ECR does.
func (r Rule) MarshalJSON() ([]byte, error) {
	w := writtenRule{plainRule: plainRule(r), Action: writtenAction{Type: r.Action}}
	if r.Action == actionTransition {
		w.Action.TargetStorageClass = classArchive
	}
	return []byte(encode(w)), nil
}

// UnmarshalJSON reads a rule as ECR writes it.
func (r *Rule) UnmarshalJSON(text []byte) error {
	var w writtenRule
	if err := json.Unmarshal(text, &w); err != nil {
		return err
	}
	*r = Rule(w.plainRule)
	r.Action = w.Action.Type
	return nil
}

// Selection is which images a rule is about.
type Selection struct {
	// TagStatus is "tagged", "untagged" or "any".
	TagStatus string `json:"tagStatus"`
	// TagPrefixList and TagPatternList are for "tagged", one of them: every
	// entry must be met by some tag of the image. In a pattern * matches any
	// number of characters.
	TagPrefixList  []string `json:"tagPrefixList,omitzero"`
	TagPatternList []string `json:"tagPatternList,omitzero"`
	// StorageClass is "standard", also where it is "", or "archive".
	StorageClass string `json:"storageClass,omitempty"`
	// CountType is "imageCountMoreThan", "sinceImagePushed", "sinceImagePulled" or
	// "sinceImageTransitioned".
	CountType string `json:"countType"`
	// CountUnit is "days" for the ages and "" for the count.
	CountUnit string `json:"countUnit,omitempty"`
	// CountNumber is a number of images, or of days.
	CountNumber int `json:"countNumber"`
}

// Values of [Selection].CountType.
const (
	countMoreThan     = "imageCountMoreThan"
	sincePushed       = "sinceImagePushed"
	sincePulled       = "sinceImagePulled"
	sinceTransitioned = "sinceImageTransitioned"
)

const (
	tagged, untagged, anyTags = "tagged", "untagged", "any"
	classStandard             = "standard"
	classArchive              = "archive"
)

// String is the policy as ECR gives it back: one line, rules by priority.
// [ParsePolicy] of it gives the same policy.
func (p *Policy) String() string {
	sorted := Policy{Rules: slices.SortedStableFunc(slices.Values(p.Rules), byPriority)}
	if sorted.Rules == nil {
		sorted.Rules = []Rule{}
	}
	return encode(sorted)
}

// Validate reports why ECR would reject the policy; the error is a
// *[PolicyError].
func (p *Policy) Validate() error {
	_, err := ParsePolicy(p.String())
	return err
}

// Equal reports whether two policies do the same. Both may be nil, which is a
// repository without a policy. Descriptions count, the order in which the rules
// were written does not.
func (p *Policy) Equal(q *Policy) bool {
	if p == nil || q == nil {
		return p == q
	}
	return p.plain().String() == q.plain().String()
}

// plain leaves out what is the default.
func (p *Policy) plain() *Policy {
	out := &Policy{Rules: slices.Clone(p.Rules)}
	for i := range out.Rules {
		s := &out.Rules[i].Selection
		if s.StorageClass == classStandard {
			s.StorageClass = ""
		}
		if len(s.TagPrefixList) == 0 {
			s.TagPrefixList = nil
		}
		if len(s.TagPatternList) == 0 {
			s.TagPatternList = nil
		}
	}
	return out
}

// Without is the policy less the rules of the given priorities; nil when none
// is left, as ECR has no empty policy.
func (p *Policy) Without(priorities ...int) *Policy {
	out := &Policy{}
	for _, r := range p.Rules {
		if !slices.Contains(priorities, r.Priority) {
			out.Rules = append(out.Rules, r)
		}
	}
	if len(out.Rules) == 0 {
		return nil
	}
	return out
}

// String is one line, such as "rule 3 (any, 30 days after push: expire)".
func (r Rule) String() string {
	s := r.Selection
	tags := s.TagStatus
	if l := s.list(); len(l) > 0 {
		tags += " " + strings.Join(l, "+")
	}
	if s.archive() {
		tags += ", archived"
	}
	when := fmt.Sprintf("more than %d", s.CountNumber)
	switch s.CountType {
	case sincePushed:
		when = fmt.Sprintf("%d days after push", s.CountNumber)
	case sincePulled:
		when = fmt.Sprintf("%d days after pull", s.CountNumber)
	case sinceTransitioned:
		when = fmt.Sprintf("%d days in the archive", s.CountNumber)
	}
	return fmt.Sprintf("rule %d (%s, %s: %s)", r.Priority, tags, when, r.Action)
}

func (s Selection) archive() bool { return s.StorageClass == classArchive }

func (s Selection) list() []string { return slices.Concat(s.TagPrefixList, s.TagPatternList) }

func byPriority(a, b Rule) int { return cmp.Compare(a.Priority, b.Priority) }

// encode is JSON without the escapes that Go adds for HTML.
func encode(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // plain structs of strings and numbers
	return strings.TrimSpace(b.String())
}

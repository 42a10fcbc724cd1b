package ecrsim

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A policy is a lifecycle policy as
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
// defines it (docs/aws/ecr.md 1.1).
type policy struct {
	Rules []rule `json:"rules"`
}

type rule struct {
	Priority    int       `json:"rulePriority"`
	Description *string   `json:"description,omitempty"`
	Selection   selection `json:"selection"`
	Action      action    `json:"action"`
}

type selection struct {
	TagStatus    string   `json:"tagStatus"`
	Prefixes     []string `json:"tagPrefixList,omitempty"`
	Patterns     []string `json:"tagPatternList,omitempty"`
	StorageClass string   `json:"storageClass,omitempty"`
	CountType    string   `json:"countType"`
	CountUnit    string   `json:"countUnit,omitempty"`
	CountNumber  int      `json:"countNumber"`
}

type action struct {
	Type   string `json:"type"`
	Target string `json:"targetStorageClass,omitempty"`
}

const (
	countMoreThan     = "imageCountMoreThan"
	sincePushed       = "sinceImagePushed"
	sincePulled       = "sinceImagePulled"
	sinceTransitioned = "sinceImageTransitioned"
	classArchive      = "archive"
	actionExpire      = "expire"
	actionTransition  = "transition"
)

func (s selection) archive() bool { return s.StorageClass == classArchive }

// text is the policy as the service gives it back: rules ordered by priority,
// white space and order of members not the caller's (docs/aws/ecr.md 1.1).
func (p *policy) text() (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(p); err != nil {
		return "", err
	}
	return strings.TrimSpace(b.String()), nil
}

// parsePolicy validates text as PutLifecyclePolicy does.
func parsePolicy(text string) (*policy, error) {
	if n := utf8.RuneCountInString(text); n < 100 || n > 30720 {
		return nil, invalid("LifecyclePolicyText", "must have length between 100 and 30720")
	}
	var tree any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	root, isObject := map[string]any(nil), false
	if err := d.Decode(&tree); err == nil && utf8.ValidString(text) {
		root, isObject = tree.(map[string]any)
	}
	if !isObject {
		return nil, policyInvalid("Could not map policyString into LifecyclePolicy.")
	}
	if why := checkSchema(root); why != "" {
		return nil, policyInvalid(why)
	}
	var p policy
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return nil, policyInvalid("Could not map policyString into LifecyclePolicy.")
	}
	if why := checkRules(p.Rules); why != "" {
		return nil, policyInvalid(why)
	}
	slices.SortFunc(p.Rules, func(a, b rule) int { return cmp.Compare(a.Priority, b.Priority) })
	return &p, nil
}

func policyInvalid(why string) error {
	return invalid("LifecyclePolicyText", "Lifecycle policy validation failure: "+why)
}

// checkRules holds the rules that span members and rules. The texts for
// duplicates, wildcards, pulled-and-expire and the 90 days are not known
// (UNCERTAIN, docs/aws/ecr.md 1.1).
func checkRules(rules []rule) string {
	if len(rules) > 50 {
		return "array is too long: must have at most 50 elements"
	}
	priorities := map[int]bool{}
	prefixes, untagged, last := map[string]bool{}, map[bool]bool{}, map[bool]int{}
	for _, r := range rules {
		if priorities[r.Priority] {
			return fmt.Sprintf("Rule priorities must be unique, found %d more than once.", r.Priority)
		}
		priorities[r.Priority] = true
		if why := r.check(); why != "" {
			return why
		}
		class := r.Selection.archive()
		last[class] = max(last[class], r.Priority)
		if r.Selection.TagStatus == "untagged" {
			if untagged[class] {
				return "Only one rule can select Untagged images per storage class."
			}
			untagged[class] = true
		}
		for _, p := range r.Selection.Prefixes {
			key := fmt.Sprint(class, p)
			if prefixes[key] {
				return "Tag prefixes must be unique across rules, found " + p + " more than once."
			}
			prefixes[key] = true
		}
	}
	for _, r := range rules {
		if r.Selection.TagStatus == "any" && r.Priority < last[r.Selection.archive()] {
			return "Rule for tagStatus=ANY must have the lowest priority per storage class"
		}
	}
	return ""
}

func (r rule) check() string {
	s := r.Selection
	lists := len(s.Prefixes) + len(s.Patterns)
	switch {
	case s.TagStatus == "tagged" && lists == 0:
		return "Must specify tagPrefixList or tagPatternList when tagStatus=TAGGED."
	case len(s.Prefixes) > 0 && len(s.Patterns) > 0:
		return "Must specify either tagPrefixList or tagPatternList, not both."
	case s.TagStatus != "tagged" && lists > 0:
		return "tagPrefixList and tagPatternList require tagStatus=TAGGED."
	case s.CountType == sincePulled && r.Action.Type == actionExpire:
		return "countType sinceImagePulled requires the action transition."
	case s.CountType == sinceTransitioned && (r.Action.Type != actionExpire || !s.archive()):
		return "countType sinceImageTransitioned requires storageClass archive and the action expire."
	case s.CountType == sinceTransitioned && s.CountNumber < 90:
		return "countNumber of sinceImageTransitioned must be at least 90."
	case s.CountType != sinceTransitioned && s.archive():
		return "storageClass archive requires countType sinceImageTransitioned."
	}
	for _, p := range s.Patterns {
		if strings.Count(p, "*") > 4 {
			return "A pattern of tagPatternList can have at most 4 wildcards."
		}
	}
	return ""
}

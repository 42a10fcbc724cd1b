package ecrsim

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

const noSchema = "instance failed to match exactly one schema (matched 0 out of 2)"

// checkSchema validates the structure of a lifecycle policy. The texts are
// those of the JSON-schema validator whose answers ECR passes on
// (docs/aws/ecr.md 1.1).
func checkSchema(root map[string]any) string {
	if why := members(root, []string{"rules"}, nil); why != "" {
		return why
	}
	rules, why := list(root["rules"])
	if why != "" {
		return why
	}
	for _, x := range rules {
		r, why := object(x)
		if why == "" {
			why = members(r, []string{"action", "rulePriority", "selection"}, []string{"description"})
		}
		if why == "" {
			why = number(r["rulePriority"])
		}
		if why == "" {
			why = checkAction(r["action"])
		}
		if why == "" {
			why = checkSelection(r["selection"])
		}
		if d, ok := r["description"]; ok && why == "" {
			_, why = text(d)
		}
		if why != "" {
			return why
		}
	}
	return ""
}

func checkAction(x any) string {
	a, why := object(x)
	if why != "" {
		return why
	}
	if why := members(a, []string{"type"}, []string{"targetStorageClass"}); why != "" {
		return why
	}
	if why := oneOf(a["type"], actionExpire, actionTransition); why != "" {
		return why
	}
	// A null target with expire was refused with this text: cloudposse/terraform-aws-ecr#158.
	target, given := a["targetStorageClass"]
	if (a["type"] == actionTransition) != given || given && target != classArchive {
		return noSchema
	}
	return ""
}

func checkSelection(x any) string {
	s, why := object(x)
	if why != "" {
		return why
	}
	if why := members(s, []string{"countNumber", "countType", "tagStatus"}, []string{"countUnit", "storageClass", "tagPatternList", "tagPrefixList"}); why != "" {
		return why
	}
	if why := oneOf(s["tagStatus"], "any", "tagged", "untagged"); why != "" {
		return why
	}
	if class, ok := s["storageClass"]; ok {
		if why := oneOf(class, classArchive, "standard"); why != "" {
			return why
		}
	}
	unit, hasUnit := s["countUnit"]
	if hasUnit {
		if why := oneOf(unit, "days"); why != "" {
			return why
		}
	}
	switch s["countType"] {
	case countMoreThan:
		if hasUnit {
			return noSchema
		}
	case sincePushed, sincePulled, sinceTransitioned:
		if !hasUnit {
			return noSchema
		}
	default:
		return noSchema
	}
	for _, name := range []string{"tagPatternList", "tagPrefixList"} {
		if x, ok := s[name]; ok {
			tags, why := list(x)
			for _, t := range tags {
				if why == "" {
					_, why = text(t)
				}
			}
			if why != "" {
				return why
			}
		}
	}
	return number(s["countNumber"])
}

// members checks an object's members against the required and optional ones,
// both sorted.
func members(m map[string]any, required, optional []string) string {
	var missing, extra []string
	for _, k := range required {
		if _, ok := m[k]; !ok {
			missing = append(missing, k)
		}
	}
	for k := range m {
		if !slices.Contains(required, k) && !slices.Contains(optional, k) {
			extra = append(extra, k)
		}
	}
	slices.Sort(extra)
	switch {
	case len(missing) > 0:
		return "object has missing required properties (" + quoted(missing) + ")"
	case len(extra) > 0:
		return "object instance has properties which are not allowed by the schema: (" + quoted(extra) + ")"
	}
	return ""
}

func object(x any) (map[string]any, string) {
	m, ok := x.(map[string]any)
	return m, wrongType(ok, x, "object")
}

func list(x any) ([]any, string) {
	l, ok := x.([]any)
	return l, wrongType(ok, x, "array")
}

func text(x any) (string, string) {
	s, ok := x.(string)
	return s, wrongType(ok, x, "string")
}

// number is a positive integer.
func number(x any) string {
	n, ok := x.(json.Number)
	if !ok {
		return wrongType(false, x, "integer")
	}
	i, err := n.Int64()
	if err != nil {
		return wrongType(false, x, "integer")
	}
	if i > math.MaxInt32 {
		return "Could not map policyString into LifecyclePolicy."
	}
	if i < 1 {
		return fmt.Sprintf("numeric instance is lower than the required minimum (minimum: 1, found: %d)", i)
	}
	return ""
}

func oneOf(x any, values ...string) string {
	s, why := text(x)
	if why == "" && !slices.Contains(values, s) {
		why = fmt.Sprintf("instance value (%q) not found in enum (possible values: %s)", s, quoted(values))
	}
	return why
}

func wrongType(ok bool, x any, want string) string {
	if ok {
		return ""
	}
	got := "null"
	switch x := x.(type) {
	case map[string]any:
		got = "object"
	case []any:
		got = "array"
	case string:
		got = "string"
	case bool:
		got = "boolean"
	case json.Number:
		got = "integer"
		if strings.ContainsAny(x.String(), ".eE") {
			got = "number"
		}
	}
	return fmt.Sprintf("instance type (%s) does not match any allowed primitive type (allowed: [%q])", got, want)
}

func quoted(names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = fmt.Sprintf("%q", n)
	}
	return "[" + strings.Join(q, ",") + "]"
}

package ecrx

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const noSchema = "instance failed to match exactly one schema (matched 0 out of 2)"

// checkSchema checks the structure of a policy, in the words of the JSON-schema
// validator whose answers ECR passes on (docs/aws/ecr.md 1.1).
func checkSchema(root map[string]any) *PolicyError {
	if err := members(root, []string{"rules"}); err != nil {
		return err
	}
	rules, err := kind[[]any](root["rules"], "array")
	if err != nil {
		return err.at("rules")
	}
	for i, x := range rules {
		if err := ruleSchema(x); err != nil {
			err.Index = i
			if m, ok := x.(map[string]any); ok {
				if n, ok := m["rulePriority"].(json.Number); ok {
					if v, bad := n.Int64(); bad == nil && v > 0 && v <= maxCount {
						err.Rule = int(v)
					}
				}
			}
			return err
		}
	}
	return nil
}

func ruleSchema(x any) *PolicyError {
	r, err := kind[map[string]any](x, "object")
	if err == nil {
		err = members(r, []string{"action", "rulePriority", "selection"}, "description")
	}
	if err == nil {
		err = positive(r["rulePriority"]).at("rulePriority")
	}
	if d, ok := r["description"]; ok && err == nil {
		_, err = kind[string](d, "string")
		err = err.at("description")
	}
	if err == nil {
		err = actionSchema(r["action"]).at("action")
	}
	if err == nil {
		err = selectionSchema(r["selection"]).at("selection")
	}
	return err
}

func actionSchema(x any) *PolicyError {
	a, err := kind[map[string]any](x, "object")
	if err == nil {
		err = members(a, []string{"type"}, "targetStorageClass")
	}
	if err == nil {
		err = oneOf(a["type"], string(actionExpire), string(actionTransition)).at("type")
	}
	if err != nil {
		return err
	}
	// A null on an expire rule is refused with this text: cloudposse/terraform-aws-ecr#158.
	target, given := a["targetStorageClass"]
	if (a["type"] == string(actionTransition)) != given || given && target != classArchive {
		return refuse(noSchema).at("targetStorageClass")
	}
	return nil
}

func selectionSchema(x any) *PolicyError {
	s, err := kind[map[string]any](x, "object")
	if err == nil {
		err = members(s, []string{"countNumber", "countType", "tagStatus"}, "countUnit", "storageClass", "tagPatternList", "tagPrefixList")
	}
	if err == nil {
		err = oneOf(s["tagStatus"], anyTags, tagged, untagged).at("tagStatus")
	}
	if class, ok := s["storageClass"]; ok && err == nil {
		err = oneOf(class, classArchive, classStandard).at("storageClass")
	}
	unit, hasUnit := s["countUnit"]
	if hasUnit && err == nil {
		err = oneOf(unit, "days").at("countUnit")
	}
	if err != nil {
		return err
	}
	switch s["countType"] {
	case countMoreThan:
		if hasUnit {
			return refuse(noSchema).at("countUnit")
		}
	case sincePushed, sincePulled, sinceTransitioned:
		if !hasUnit {
			return refuse(noSchema).at("countUnit")
		}
	default:
		return refuse(noSchema).at("countType")
	}
	for _, name := range []string{"tagPatternList", "tagPrefixList"} {
		if x, ok := s[name]; ok {
			if err := texts(x); err != nil {
				return err.at(name)
			}
		}
	}
	return positive(s["countNumber"]).at("countNumber")
}

func texts(x any) *PolicyError {
	list, err := kind[[]any](x, "array")
	for _, t := range list {
		if err == nil {
			_, err = kind[string](t, "string")
		}
	}
	return err
}

// members checks the names of an object's members. required is sorted.
func members(m map[string]any, required []string, optional ...string) *PolicyError {
	extra := slices.DeleteFunc(slices.Sorted(maps.Keys(m)), func(k string) bool {
		return slices.Contains(required, k) || slices.Contains(optional, k)
	})
	missing := slices.DeleteFunc(slices.Clone(required), func(k string) bool { _, ok := m[k]; return ok })
	switch {
	case len(missing) > 0:
		return refuse("object has missing required properties (%s)", quoted(missing)).at(missing[0])
	case len(extra) > 0:
		return refuse("object instance has properties which are not allowed by the schema: (%s)", quoted(extra)).at(extra[0])
	}
	return nil
}

func oneOf(x any, values ...string) *PolicyError {
	s, err := kind[string](x, "string")
	if err == nil && !slices.Contains(values, s) {
		return refuse("instance value (%q) not found in enum (possible values: %s)", s, quoted(values))
	}
	return err
}

func positive(x any) *PolicyError {
	n, err := kind[json.Number](x, "integer")
	if err != nil {
		return err
	}
	v, bad := n.Int64()
	switch {
	case strings.ContainsAny(n.String(), ".eE"):
		return wrongType("number", "integer")
	case bad != nil || v > maxCount:
		return refuse(notMapped)
	case v < 1:
		return refuse("numeric instance is lower than the required minimum (minimum: 1, found: %d)", v)
	}
	return nil
}

func kind[T any](x any, want string) (T, *PolicyError) {
	v, ok := x.(T)
	if ok {
		return v, nil
	}
	got := "null"
	switch x.(type) {
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
	}
	return v, wrongType(got, want)
}

func wrongType(got, want string) *PolicyError {
	return refuse("instance type (%s) does not match any allowed primitive type (allowed: [%q])", got, want)
}

func quoted(names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = fmt.Sprintf("%q", n)
	}
	return "[" + strings.Join(q, ",") + "]"
}

package cfnsim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
)

var errPolicy = invalid("Error validating stack policy: Invalid stack policy")

// checkPolicy refuses a stack policy that AWS refuses
// (docs/aws/recordings.md cloudformation/api/test_stack_policies).
func checkPolicy(body string) error {
	var p map[string]any
	if json.Unmarshal([]byte(body), &p) != nil {
		return errPolicy
	}
	if len(p) == 0 {
		return nil
	}
	l := listOf(p["Statement"])
	if len(l) == 0 {
		return errPolicy
	}
	for _, e := range l {
		m, ok := e.(map[string]any)
		if !ok {
			return errPolicy
		}
		_, action := m["Action"]
		_, notAction := m["NotAction"]
		_, resource := m["Resource"]
		_, notResource := m["NotResource"]
		effect := m["Effect"] == "Allow" || m["Effect"] == "Deny"
		if !effect || action == notAction || resource == notResource || m["Principal"] != "*" {
			return errPolicy
		}
		for _, a := range append(listOf(m["Action"]), listOf(m["NotAction"])...) {
			if s, _ := a.(string); !strings.HasPrefix(s, "Update:") && s != "*" {
				return errPolicy
			}
		}
	}
	return nil
}

func listOf(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

// permits asks the stack policy, which denies what it does not allow
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html).
// The text is AWS's (docs/aws/cfn.md 1.3).
func (s *stack) permits(action string, r *resource) error {
	body := s.policy
	if s.duringUpdate != "" {
		body = s.duringUpdate
	}
	var p struct{ Statement any }
	if body == "" || json.Unmarshal([]byte(body), &p) != nil || p.Statement == nil {
		return nil //nolint:nilerr // a policy that cannot be read was refused when it was set
	}
	allowed := false
	for i, e := range listOf(p.Statement) {
		m, _ := e.(map[string]any)
		if !applies(m, action, r) {
			continue
		}
		if m["Effect"] == "Deny" {
			return reason(fmt.Sprintf("Action denied by stack policy: Statement [#%d] does not allow [%s] for resource [LogicalResourceId/%s];", i+1, action, r.id))
		}
		allowed = true
	}
	if !allowed {
		return errors.New("Action not allowed by stack policy: [" + action + "] for resource [LogicalResourceId/" + r.id + "];")
	}
	return nil
}

func applies(m map[string]any, action string, r *resource) bool {
	matches := func(patterns []any, values ...string) bool {
		return slices.ContainsFunc(patterns, func(p any) bool {
			s, _ := p.(string)
			return slices.ContainsFunc(values, func(v string) bool { return glob(s, v) })
		})
	}
	if a := listOf(m["Action"]); a != nil && !matches(a, action) {
		return false
	}
	if a := listOf(m["NotAction"]); a != nil && matches(a, action) {
		return false
	}
	names := []string{"LogicalResourceId/" + r.id, "ResourceId/" + r.physical}
	if l := listOf(m["Resource"]); l != nil && !matches(l, names...) {
		return false
	}
	if l := listOf(m["NotResource"]); l != nil && matches(l, names...) {
		return false
	}
	c, _ := m["Condition"].(map[string]any)
	for _, test := range c {
		t, _ := test.(map[string]any)
		if l := listOf(t["ResourceType"]); l != nil && !matches(l, r.typ) {
			return false
		}
	}
	return true
}

// glob matches with * for any run of characters.
func glob(pattern, s string) bool {
	re, err := regexp.Compile("^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$")
	return err == nil && re.MatchString(s)
}

// givenPolicy is a policy given as text or by URL; ok is false for none.
func (s *Service) givenPolicy(ctx context.Context, body, url *string) (policy string, ok bool, err error) {
	switch {
	case body != nil && url != nil:
		return "", false, invalid("You cannot specify both StackPolicyURL and StackPolicyBody")
	case body != nil:
		policy = *body
	case url != nil:
		if policy, err = s.fetch(ctx, *url); err != nil {
			return "", false, err
		}
	default:
		return "", false, nil
	}
	return policy, true, checkPolicy(policy)
}

// GetStackPolicy returns the policy, and no body where none was set.
func (s *Service) GetStackPolicy(_ context.Context, in *cloudformation.GetStackPolicyInput) (*cloudformation.GetStackPolicyOutput, error) {
	st := s.find(str(in.StackName))
	if st == nil {
		return nil, noStackBrackets(str(in.StackName))
	}
	out := &cloudformation.GetStackPolicyOutput{}
	if st.policy != "" {
		out.StackPolicyBody = ptr(st.policy)
	}
	return out, nil
}

// SetStackPolicy replaces the policy.
func (s *Service) SetStackPolicy(ctx context.Context, in *cloudformation.SetStackPolicyInput) (*cloudformation.SetStackPolicyOutput, error) {
	st := s.find(str(in.StackName))
	if st == nil {
		return nil, noStackBrackets(str(in.StackName))
	}
	policy, ok, err := s.givenPolicy(ctx, in.StackPolicyBody, in.StackPolicyURL)
	if err != nil {
		return nil, err
	}
	if ok {
		st.policy = policy
	}
	return &cloudformation.SetStackPolicyOutput{}, nil
}

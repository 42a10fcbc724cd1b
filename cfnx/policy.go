package cfnx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/template"
)

const partPolicy = "policy"

// ReadPolicies reads the stack policies of the tree into Stack.Policy, for
// [Draft.Check] to judge. One that could not be read is named in Stack.Unread, as
// "policy"; that is no error.
//
// Calls cloudformation:GetStackPolicy once for each stack. Safe to repeat.
// It returns an error only if ctx ends or the tree is empty.
func (t *Tree) ReadPolicies(ctx context.Context, api interface {
	GetStackPolicy(context.Context, *cfn.GetStackPolicyInput, ...func(*cfn.Options)) (*cfn.GetStackPolicyOutput, error)
}) error {
	if t == nil || t.Root == nil {
		return errors.New("tree is empty: take a snapshot first")
	}
	for s := range t.All() {
		delete(s.Unread, partPolicy)
		out, err := patiently(ctx, func(ctx context.Context) (*cfn.GetStackPolicyOutput, error) {
			return api.GetStackPolicy(ctx, &cfn.GetStackPolicyInput{StackName: &s.ID})
		})
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("stack %s: %w", s.Name, ctx.Err())
		case err != nil:
			s.unknown(partPolicy, err.Error())
		default:
			s.Policy = aws.ToString(out.StackPolicyBody)
		}
	}
	return nil
}

// statement is one of a stack policy.
type statement struct {
	Effect                                   string
	Action, NotAction, Resource, NotResource list
	Condition                                map[string]map[string]list
}

// several is one value or a list of them.
type several[T any] []T

// UnmarshalJSON reads either.
func (l *several[T]) UnmarshalJSON(b []byte) error {
	var one T
	if json.Unmarshal(b, &one) == nil {
		*l = several[T]{one}
		return nil
	}
	return json.Unmarshal(b, (*[]T)(l))
}

type list = several[string]

func matches(l list, values ...string) bool {
	return slices.ContainsFunc(l, func(pattern string) bool {
		// In path.Match an asterisk ends at a slash, in a policy it does not.
		pattern = strings.ReplaceAll(pattern, "/", "\x00")
		return slices.ContainsFunc(values, func(v string) bool {
			ok, err := path.Match(pattern, strings.ReplaceAll(v, "/", "\x00"))
			return err == nil && ok
		})
	})
}

// denied is why the stack's policy does not let an update do something to a
// resource, "" where it does: a policy denies what it does not allow
// (docs/aws/cfn.md 8.7).
func (s *Stack) denied(action string, r Resource) string {
	var p struct{ Statement several[statement] }
	if s.Policy == "" || json.Unmarshal([]byte(s.Policy), &p) != nil || len(p.Statement) == 0 {
		return ""
	}
	allowed := false
	for i, x := range p.Statement {
		switch {
		case !x.applies(action, r):
		case x.Effect == "Deny":
			return fmt.Sprintf("statement %d of the stack policy denies %s", i+1, action)
		default:
			allowed = true
		}
	}
	if !allowed {
		return "the stack policy does not allow " + action
	}
	return ""
}

func (x statement) applies(action string, r Resource) bool {
	names := []string{"LogicalResourceId/" + r.LogicalID, "ResourceId/" + r.PhysicalID}
	switch {
	case x.Action != nil && !matches(x.Action, action), x.NotAction != nil && matches(x.NotAction, action),
		x.Resource != nil && !matches(x.Resource, names...), x.NotResource != nil && matches(x.NotResource, names...):
		return false
	}
	for _, test := range x.Condition {
		if types := test["ResourceType"]; types != nil && !matches(types, r.Type) {
			return false
		}
	}
	return true
}

// policyProblems are the changes of the draft that a stack's policy denies.
func (d *Draft) policyProblems() []Problem {
	var problems []Problem
	for s := range d.Tree.All() {
		if s.Policy == "" {
			continue
		}
		for _, r := range s.Resources {
			action := d.doesTo(s, r)
			if action == "" {
				continue
			}
			if why := s.denied(action, r); why != "" {
				problems = append(problems, Problem{StackID: s.ID, Stack: s.Name, Resource: r.LogicalID, Property: "Policy",
					Why: why + ": set another one with aws cloudformation set-stack-policy, and put this one back afterwards", Err: template.ErrElsewhere})
			}
		}
	}
	return problems
}

// doesTo is what an update with the draft does to a resource, as policies name
// it; "" for nothing, as far as that is known.
func (d *Draft) doesTo(s *Stack, r Resource) string {
	touched := d.touched(s)
	deps := readDependencies(d.current[s.ID])
	switch _, there := deps.types[r.LogicalID]; {
	case !there && len(deps.types) > 0 && r.Status != "DELETE_COMPLETE" && len(d.made(s)) == 0:
		return "Update:Delete"
	case touched[r.LogicalID] && immutable[r.Type]:
		return "Update:Replace"
	case touched[r.LogicalID], r.Type == nestedType && d.touchesChild(s, r.LogicalID):
		return "Update:Modify"
	}
	replaced := map[string]bool{}
	for id := range touched {
		if immutable[deps.types[id]] {
			replaced[id] = true
		}
	}
	if !replaced[r.LogicalID] && slices.ContainsFunc(deps.resources[r.LogicalID], func(u expr.Use) bool { return replaced[u.Name] }) {
		return "Update:Modify"
	}
	return ""
}

// made are the loops of the draft's template, whose resources are not in it by
// their names.
func (d *Draft) made(s *Stack) []string {
	var loops []string
	for id := range readDependencies(d.current[s.ID]).types {
		if strings.HasPrefix(id, "Fn::") {
			loops = append(loops, id)
		}
	}
	return loops
}

// touchesChild reports whether the draft changes something in a nested stack.
func (d *Draft) touchesChild(s *Stack, logicalID string) bool {
	for _, c := range s.Children {
		if c.LogicalID != logicalID {
			continue
		}
		if string(d.current[c.ID]) != string(d.originals[c.ID]) || len(d.touched(c)) > 0 {
			return true
		}
		return slices.ContainsFunc(c.Children, func(g *Stack) bool { return d.touchesChild(c, g.LogicalID) })
	}
	return false
}

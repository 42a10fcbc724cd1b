package rescue

import (
	"encoding/json"
	"slices"
	"strings"
)

const nestedType = "AWS::CloudFormation::Stack"

// handled are the actions of CloudFormation's resource handlers for what a rescue
// touches itself, by the types of resources. An update that fails goes back, so
// that both ways are needed; a new task definition replaces the one before it,
// which is deregistered (docs/aws/cfn.md 8.11).
var handled = map[string][]string{
	serviceType: {
		"ecs:DescribeServiceDeployments", "ecs:DescribeServices", "ecs:ListServiceDeployments", "ecs:ListTagsForResource",
		"ecs:StopServiceDeployment", "ecs:TagResource", "ecs:UntagResource", "ecs:UpdateService",
	},
	definitionType: {
		"ecs:DeregisterTaskDefinition", "ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition", "ecs:TagResource",
		"iam:GetRole", "iam:PassRole",
	},
	nestedType: {
		"cloudformation:CreateStack", "cloudformation:DeleteStack", "cloudformation:DescribeStacks", "cloudformation:SetStackPolicy",
		"cloudformation:UpdateStack", "cloudformation:UpdateTerminationProtection", "iam:PassRole", "s3:GetObject",
	},
}

// handlers says what CloudFormation may do with the caller's permissions: without
// a service role it acts with those, and with one it never does
// (docs/aws/cfn.md 8.11).
func (p *planner) handlers() {
	if p.c.RoleARN != "" || !slices.ContainsFunc(p.p.Steps, func(s Step) bool { return s.changesStack() }) {
		return
	}
	var all []string
	for s := range p.b.Tree.All() {
		if s.RoleARN != "" {
			continue
		}
		if s.ParentID != "" {
			all = append(all, handled[nestedType]...)
		}
		for _, r := range s.Resources {
			if r.Type != nestedType {
				all = append(all, handled[r.Type]...)
			}
		}
	}
	slices.Sort(all)
	p.p.Handlers = slices.Compact(all)
}

// Policy is an IAM policy that allows what the plan needs, as JSON. Its statement
// Calls is the plan's own calls and no others. Where a stack has no service role,
// the statement Handlers is what CloudFormation itself may do with the caller's
// permissions to services, task definitions and nested stacks; resources of other
// types that it updates or deletes need what their handlers need besides.
func (p *Plan) Policy() string {
	if p == nil {
		return ""
	}
	type statement struct {
		Sid      string
		Effect   string
		Action   []string
		Resource string
	}
	doc := struct {
		Version   string
		Statement []statement
	}{"2012-10-17", []statement{{"Calls", "Allow", p.Actions(), "*"}}}
	if len(p.Handlers) > 0 {
		doc.Statement = append(doc.Statement, statement{"Handlers", "Allow", p.Handlers, "*"})
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	if err := e.Encode(doc); err != nil {
		return "" // texts can be written
	}
	return strings.TrimSuffix(b.String(), "\n")
}

package rescuetest

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

func (s *script) status(ctx context.Context, a args, _ string) (string, error) {
	var b strings.Builder
	err := s.tree(ctx, &b, a.at(0), "")
	return b.String(), err
}

func (s *script) tree(ctx context.Context, b *strings.Builder, stack, indent string) error {
	out, err := s.cfn.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &stack})
	if err != nil {
		return err
	}
	if indent == "" {
		fmt.Fprintln(b, stack, out.Stacks[0].StackStatus)
	}
	list, err := s.cfn.ListStackResources(ctx, &cloudformation.ListStackResourcesInput{StackName: &stack})
	if err != nil {
		return err
	}
	for _, r := range list.StackResourceSummaries {
		fmt.Fprintf(b, "%s  %s %s", indent, *r.LogicalResourceId, r.ResourceStatus)
		if aws.ToString(r.ResourceType) != "AWS::CloudFormation::Stack" || r.PhysicalResourceId == nil {
			fmt.Fprintln(b)
			continue
		}
		child, err := s.cfn.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: r.PhysicalResourceId})
		if err != nil {
			return err
		}
		fmt.Fprintln(b, ":", child.Stacks[0].StackStatus)
		if err := s.tree(ctx, b, *r.PhysicalResourceId, indent+"  "); err != nil {
			return err
		}
	}
	return nil
}

func (s *script) describe(ctx context.Context, stack string) (cfntypes.Stack, error) {
	name, id, nested := strings.Cut(stack, ".")
	if nested {
		r, err := s.cfn.DescribeStackResource(ctx, &cloudformation.DescribeStackResourceInput{StackName: &name, LogicalResourceId: &id})
		if err != nil {
			return cfntypes.Stack{}, err
		}
		name = *r.StackResourceDetail.PhysicalResourceId
	}
	out, err := s.cfn.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil {
		return cfntypes.Stack{}, err
	}
	return out.Stacks[0], nil
}

func (s *script) outputs(ctx context.Context, a args, _ string) (string, error) {
	st, err := s.describe(ctx, a.at(0))
	var lines []string
	for _, o := range st.Outputs {
		lines = append(lines, s.stable(*o.OutputKey+"="+*o.OutputValue))
	}
	return strings.Join(lines, "\n"), err
}

func (s *script) parameters(ctx context.Context, a args, _ string) (string, error) {
	st, err := s.describe(ctx, a.at(0))
	var lines []string
	for _, p := range st.Parameters {
		line := *p.ParameterKey + "=" + aws.ToString(p.ParameterValue)
		if p.ResolvedValue != nil {
			line += " (" + *p.ResolvedValue + ")"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n"), err
}

func (s *script) failures(ctx context.Context, a args, _ string) (string, error) {
	st, err := s.describe(ctx, a.at(0))
	if err != nil {
		return "", err
	}
	var lines []string
	for p := cloudformation.NewDescribeStackEventsPaginator(s.cfn, &cloudformation.DescribeStackEventsInput{StackName: st.StackId}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return "", err
		}
		for _, e := range page.StackEvents {
			if strings.HasSuffix(string(e.ResourceStatus), "_FAILED") || strings.Contains(aws.ToString(e.ResourceStatusReason), "could not be deleted") {
				lines = append(lines, s.stable(strings.TrimSpace(fmt.Sprint(*e.LogicalResourceId, " ", e.ResourceStatus, " ", aws.ToString(e.ResourceStatusReason)))))
			}
		}
	}
	slices.Reverse(lines)
	return strings.Join(lines, "\n"), nil
}

var (
	uuids     = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	generated = regexp.MustCompile(`-[A-Z0-9]{12,13}\b`)
)

// stable is text without generated identifiers.
func (s *script) stable(text string) string {
	return generated.ReplaceAllString(uuids.ReplaceAllString(text, "…"), "-…")
}

func (s *script) service(ctx context.Context, a args, _ string) (string, error) {
	cluster, service, _ := strings.Cut(a.at(0), "/")
	out, err := s.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &cluster, Services: []string{service}})
	switch {
	case err != nil:
		return "", err
	case len(out.Services) == 0:
		return "", errors.New("no service " + service)
	}
	v := out.Services[0]
	lines := []string{fmt.Sprintf("%s: %d of %d run", aws.ToString(v.Status), v.RunningCount, v.DesiredCount)}
	for _, d := range v.Deployments {
		_, revision, _ := strings.Cut(aws.ToString(d.TaskDefinition), "/")
		lines = append(lines, fmt.Sprintf("%s %s %s: %d run, %d failed", aws.ToString(d.Status), s.stable(revision), d.RolloutState, d.RunningCount, d.FailedTasks))
	}
	for _, e := range v.Events[:min(len(v.Events), 1)] {
		if strings.Contains(*e.Message, "unable") {
			lines = append(lines, *e.Message)
		}
	}
	return strings.Join(lines, "\n"), nil
}

func (s *script) record(context.Context, args, string) (string, error) {
	r := s.c.Record()
	s.c.ForgetCalls()
	var lines []string
	starts := map[string]int{}
	for _, x := range r.Starts {
		_, revision, _ := strings.Cut(x.Revision, "/")
		key := fmt.Sprintf("started %s of %s", s.stable(revision), x.Service)
		if starts[key]++; starts[key] == 1 {
			lines = append(lines, key)
		}
	}
	for i, l := range lines {
		lines[i] = fmt.Sprintf("%s, %d times", l, starts[l])
	}
	for _, d := range r.Deletions {
		lines = append(lines, s.stable(fmt.Sprintf("deleted %s by %s", d.Kind, d.Cause)))
	}
	for _, m := range r.Mutations {
		line := fmt.Sprintf("%s by %s", m.Action, m.Caller)
		if m.Err != "" {
			line += ": refused"
		}
		lines = append(lines, s.stable(line))
	}
	return strings.Join(lines, "\n"), nil
}

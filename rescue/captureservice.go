package rescue

import (
	"context"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/internal/redact"
)

// service reads a service and the revisions that matter for it. A call that
// fails leaves its part unknown.
func (c *capturer) service(ctx context.Context, f *ServiceFacts) error {
	c.wants(f)
	c.revisions(f)
	var live *ecstypes.Service
	out, err := c.c.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: aws.String(f.Service.Cluster), Services: []string{f.Service.Name}})
	switch {
	case err != nil:
		f.Unread = redact.Text(err.Error())
		if err := c.problem(ctx, "service "+f.Service.String(), err); err != nil {
			return err
		}
	case len(out.Services) == 1:
		f.read(out.Services[0])
		live = &out.Services[0]
	case len(out.Failures) == 1 && aws.ToString(out.Failures[0].Reason) == "MISSING":
		f.Status = "MISSING"
	default:
		f.Unread = "ECS neither described the service nor said that it is missing"
		c.b.Problems = append(c.b.Problems, "service "+f.Service.String()+": "+f.Unread)
	}
	return c.definitions(ctx, f, live)
}

// read takes over what ECS says of the service.
func (f *ServiceFacts) read(s ecstypes.Service) {
	f.Status, f.Desired, f.Running, f.Pending = aws.ToString(s.Status), int(s.DesiredCount), int(s.RunningCount), int(s.PendingCount)
	f.Current, f.Placement = aws.ToString(s.TaskDefinition), ecsx.PlacementOf(s)
	if s.DeploymentController != nil {
		f.Controller = string(s.DeploymentController.Type)
	}
	if cfg := s.DeploymentConfiguration; cfg != nil && cfg.DeploymentCircuitBreaker != nil {
		f.Breaker = cfg.DeploymentCircuitBreaker.Enable
	}
	for _, d := range s.Deployments {
		f.Deployments = append(f.Deployments, DeploymentFacts{
			ID: aws.ToString(d.Id), Status: aws.ToString(d.Status), State: string(d.RolloutState), TaskDefinition: aws.ToString(d.TaskDefinition),
			Desired: int(d.DesiredCount), Running: int(d.RunningCount), Failed: int(d.FailedTasks),
		})
		if aws.ToString(d.Status) == "PRIMARY" {
			f.Primary, f.State, f.Reason = aws.ToString(d.Id), string(d.RolloutState), aws.ToString(d.RolloutStateReason)
		}
	}
	for i, e := range s.Events {
		if i == 20 {
			break
		}
		f.Events = append(f.Events, aws.ToTime(e.CreatedAt).UTC().Format("15:04:05 ")+redact.Text(aws.ToString(e.Message)))
	}
}

// wants reads the desired count off the stack's template.
func (c *capturer) wants(f *ServiceFacts) {
	d, err := c.b.Tree.Stack(f.StackID).Declared(f.LogicalID, "DesiredCount")
	if err != nil || !d.Known {
		return
	}
	if n, err := strconv.Atoi(strings.TrimSpace(d.Value)); err == nil && n >= 0 {
		f.Wants = &n
	}
}

// definitions reads the revisions that the service is set to, runs, came from
// and goes back to, and compares each with the last.
func (c *capturer) definitions(ctx context.Context, f *ServiceFacts, live *ecstypes.Service) error {
	revisions := []string{f.Current, f.Forward, f.Back}
	for _, d := range f.Deployments {
		revisions = append(revisions, d.TaskDefinition)
	}
	f.Definitions = map[string]Definition{}
	whole := map[string]*ecstypes.TaskDefinition{}
	for _, arn := range revisions {
		if _, known := f.Definitions[arn]; known || arn == "" {
			continue
		}
		out, err := c.c.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &arn})
		if err != nil {
			if err := c.problem(ctx, "task definition "+arn, err); err != nil {
				return err
			}
			continue
		}
		whole[arn] = out.TaskDefinition
		f.Definitions[arn] = definition(out.TaskDefinition)
	}
	c.compare(f, whole, live)
	return nil
}

// compare says of each revision in what it differs from what the stack's
// template renders, and what of the update it and the service itself use.
func (c *capturer) compare(f *ServiceFacts, whole map[string]*ecstypes.TaskDefinition, live *ecstypes.Service) {
	stack := c.b.Tree.Stack(f.StackID)
	var recorded any // nil, not a nil pointer: it is not known
	if td := whole[f.Back]; td != nil {
		recorded = td
	}
	if live == nil {
		live = &ecstypes.Service{}
	}
	draft, unrendered := c.b.draft()
	f.Differences, f.Uses = map[string][]cfnx.Difference{}, map[string]map[string][]string{}
	for arn, td := range whole {
		f.Uses[arn] = map[string][]string{}
		for _, d := range cfnx.Deletes(c.b.Tree, td, f.Placement, ecstypes.Service{LoadBalancers: live.LoadBalancers, ServiceRegistries: live.ServiceRegistries}) {
			if len(d.UsedBy) > 0 {
				f.Uses[arn][d.PhysicalID] = d.UsedBy
			}
		}
		if arn == f.Back || unrendered != nil {
			continue
		}
		if differences, err := draft.ServiceDifferences(stack, f.LogicalID, td, recorded); err == nil {
			f.Differences[arn] = differences
		}
	}
}

// definition is what is kept of a revision: no value of its environment.
func definition(td *ecstypes.TaskDefinition) Definition {
	def := Definition{ARN: aws.ToString(td.TaskDefinitionArn), Active: td.Status == ecstypes.TaskDefinitionStatusActive, Document: document(td)}
	for _, cd := range td.ContainerDefinitions {
		x := Container{Name: aws.ToString(cd.Name), Image: aws.ToString(cd.Image)}
		for _, s := range cd.Secrets {
			if x.Secrets == nil {
				x.Secrets = map[string]string{}
			}
			x.Secrets[aws.ToString(s.Name)] = aws.ToString(s.ValueFrom)
		}
		if lc := cd.LogConfiguration; lc != nil && lc.LogDriver == ecstypes.LogDriverAwslogs {
			x.LogGroup = lc.Options["awslogs-group"]
		}
		def.Containers = append(def.Containers, x)
	}
	return def
}

package rescue

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/internal/redact"
)

// services reads the services, those of a cluster together, and then the revisions
// that matter for each. A call that fails leaves its part unknown.
func (c *capturer) services(ctx context.Context) error {
	var batches [][]*ServiceFacts
	open := map[string]int{}
	for i := range c.b.Services {
		f := &c.b.Services[i]
		n, ok := open[f.Service.Cluster]
		if !ok || len(batches[n]) == servicesPerCall {
			n = len(batches)
			open[f.Service.Cluster] = n
			batches = append(batches, nil)
		}
		batches[n] = append(batches[n], f)
	}
	live := make(map[*ServiceFacts]*ecstypes.Service, len(c.b.Services))
	err := c.each(ctx, len(batches), func(ctx context.Context, i int) error {
		return c.describe(ctx, batches[i], live)
	})
	if err != nil {
		return err
	}
	err = c.each(ctx, len(c.b.Services), func(ctx context.Context, i int) error {
		return c.agreed(ctx, &c.b.Services[i], live)
	})
	if err != nil {
		return err
	}
	for i := range c.b.Services {
		c.wants(&c.b.Services[i])
		if err := c.revisions(ctx, &c.b.Services[i]); err != nil {
			return err
		}
		c.b.Services[i].loops(c.b.Tasks)
	}
	whole := make([]map[string]*ecstypes.TaskDefinition, len(c.b.Services))
	err = c.each(ctx, len(c.b.Services), func(ctx context.Context, i int) (err error) {
		if err := c.targets(ctx, &c.b.Services[i]); err != nil {
			return err
		}
		if err := c.minimum(ctx, &c.b.Services[i]); err != nil {
			return err
		}
		whole[i], err = c.definitions(ctx, &c.b.Services[i])
		return err
	})
	if err != nil {
		return err
	}
	for i := range c.b.Services {
		f := &c.b.Services[i]
		c.compare(f, whole[i], live[f])
	}
	for i := range c.b.Services {
		if err := c.proofs(ctx, &c.b.Services[i]); err != nil {
			return err
		}
	}
	return nil
}

// servicesPerCall is the most that DescribeServices takes (docs/aws/ecs.md 2.1).
const servicesPerCall = 10

// describe reads services of one cluster.
func (c *capturer) describe(ctx context.Context, batch []*ServiceFacts, live map[*ServiceFacts]*ecstypes.Service) error {
	in := &ecs.DescribeServicesInput{Cluster: aws.String(batch[0].Service.Cluster)}
	for _, f := range batch {
		in.Services = append(in.Services, f.Service.Name)
	}
	out, err := c.c.ecs.DescribeServices(ctx, in)
	for _, f := range batch {
		if clusterGone(err) {
			f.Status = "MISSING"
			continue
		}
		if err != nil {
			f.Unread = redact.Text(err.Error())
			if err := c.problem(ctx, "service "+f.Service.String(), err); err != nil {
				return err
			}
			continue
		}
		i := slices.IndexFunc(out.Services, func(s ecstypes.Service) bool { return aws.ToString(s.ServiceName) == f.Service.Name })
		missing := slices.ContainsFunc(out.Failures, func(x ecstypes.Failure) bool {
			return aws.ToString(x.Reason) == "MISSING" && (strings.HasSuffix(aws.ToString(x.Arn), "/"+f.Service.Name) || len(batch) == 1)
		})
		switch {
		case i >= 0:
			f.read(out.Services[i])
			c.mu.Lock()
			live[f] = &out.Services[i]
			c.mu.Unlock()
		case missing:
			f.Status = "MISSING"
		default:
			f.Unread = "ECS neither described the service nor said that it is missing"
			if err := c.problem(ctx, "service "+f.Service.String(), errors.New(f.Unread)); err != nil {
				return err
			}
		}
	}
	return nil
}

// read takes over what ECS says of the service.
func (f *ServiceFacts) read(s ecstypes.Service) {
	f.Deployments, f.TargetGroups, f.Events, f.Primary, f.State, f.Reason = nil, nil, nil, "", "", ""
	f.Status, f.Desired, f.Running, f.Pending = aws.ToString(s.Status), int(s.DesiredCount), int(s.RunningCount), int(s.PendingCount)
	f.Current, f.Placement = aws.ToString(s.TaskDefinition), ecsx.PlacementOf(s)
	if s.DeploymentController != nil {
		f.Controller = string(s.DeploymentController.Type)
	}
	f.Scheduling, f.Settings, f.Attached = string(s.SchedulingStrategy), settings(s), attached(s)
	if cfg := s.DeploymentConfiguration; cfg != nil {
		f.Strategy, f.MinimumHealthy, f.Maximum = string(cfg.Strategy), percent(cfg.MinimumHealthyPercent), percent(cfg.MaximumPercent)
		if b := cfg.DeploymentCircuitBreaker; b != nil {
			f.Breaker, f.BreakerRollback = b.Enable, b.Enable && b.Rollback
		}
		f.Alarms = cfg.Alarms != nil && cfg.Alarms.Enable
	}
	for _, r := range s.CurrentServiceRevisions {
		f.ServiceRevisions = append(f.ServiceRevisions, aws.ToString(r.Arn))
	}
	for _, d := range s.Deployments {
		f.Deployments = append(f.Deployments, DeploymentFacts{
			ID: aws.ToString(d.Id), CreatedAt: aws.ToTime(d.CreatedAt), Status: aws.ToString(d.Status), State: string(d.RolloutState), TaskDefinition: aws.ToString(d.TaskDefinition),
			Desired: int(d.DesiredCount), Running: int(d.RunningCount), Failed: int(d.FailedTasks),
		})
		if aws.ToString(d.Status) == "PRIMARY" {
			f.Primary, f.State, f.Reason = aws.ToString(d.Id), string(d.RolloutState), aws.ToString(d.RolloutStateReason)
		}
	}
	for _, lb := range s.LoadBalancers {
		if arn := aws.ToString(lb.TargetGroupArn); arn != "" {
			f.TargetGroups = append(f.TargetGroups, targetGroupFacts{ARN: arn})
		}
		if x := lb.AdvancedConfiguration; x != nil && aws.ToString(x.AlternateTargetGroupArn) != "" {
			f.TargetGroups = append(f.TargetGroups, targetGroupFacts{ARN: aws.ToString(x.AlternateTargetGroupArn)})
		}
	}
	for _, e := range s.Events {
		f.Events = append(f.Events, aws.ToTime(e.CreatedAt).UTC().Format(time.RFC3339)+" "+redact.Text(aws.ToString(e.Message)))
	}
}

func percent(n *int32) *int {
	if n == nil {
		return nil
	}
	v := int(*n)
	return &v
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

// minimum asks for the minimum of the scalable target, where the count alone does not
// say whether somebody wants it.
func (c *capturer) minimum(ctx context.Context, f *ServiceFacts) error {
	if c.o.Minimum == nil || f.Status != "ACTIVE" || f.Desired != 0 {
		return nil
	}
	n, known, err := c.o.Minimum(ctx, f.Service)
	if err != nil {
		return c.problem(ctx, "scalable target of service "+f.Service.String(), err)
	}
	if known {
		f.Minimum = &n
	}
	return nil
}

// definitions reads the revisions that the service is set to, runs, came from
// and goes back to.
func (c *capturer) definitions(ctx context.Context, f *ServiceFacts) (map[string]*ecstypes.TaskDefinition, error) {
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
		td, err := c.definition(ctx, arn)
		if err != nil {
			if err := c.problem(ctx, "task definition "+arn, err); err != nil {
				return nil, err
			}
			continue
		}
		whole[arn] = td
		f.Definitions[arn] = definition(td)
	}
	return whole, nil
}

// definitionRead is one read of a revision, by whoever needs it first.
type definitionRead struct {
	done chan struct{} // closed once td and err are set
	td   *ecstypes.TaskDefinition
	err  error
}

// definition reads a revision once.
func (c *capturer) definition(ctx context.Context, arn string) (*ecstypes.TaskDefinition, error) {
	c.mu.Lock()
	d, begun := c.defined[arn]
	if !begun {
		d = &definitionRead{done: make(chan struct{})}
		c.defined[arn] = d
	}
	c.mu.Unlock()
	if !begun {
		d.td, d.err = describe(ctx, c.c, arn)
		close(d.done)
	}
	select {
	case <-d.done:
		return d.td, d.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
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
		for _, d := range c.b.Tree.Deletes(td, f.Placement, ecstypes.Service{LoadBalancers: live.LoadBalancers, ServiceRegistries: live.ServiceRegistries}) {
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

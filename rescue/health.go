package rescue

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/internal/redact"
)

// taskFacts are the tasks of a service that run, by what ECS says of their health: a
// count of running tasks has those in it that fail every health check.
type taskFacts struct {
	// Running is how many of the tasks run.
	Running int `json:"running"`
	// Healthy have passed their containers' health checks, Unchecked have none:
	// both serve. Unhealthy have failed theirs, Starting have not passed yet.
	Healthy   int `json:"healthy,omitempty"`
	Unchecked int `json:"unchecked,omitempty"`
	Unhealthy int `json:"unhealthy,omitempty"`
	Starting  int `json:"starting,omitempty"`
	// Revisions are how many of them run each task definition, by ARN.
	Revisions map[string]int `json:"revisions,omitempty"`
	// Unread is why they could not be read; the rest is then unknown, not zero.
	Unread string `json:"unread,omitempty"`
}

// serving is how many tasks serve, as far as their containers say.
func (t *taskFacts) serving() int { return t.Healthy + t.Unchecked }

// starting reports whether the service's tasks are on their way: they run, and none of
// them has failed. To start them again would take them further from serving.
func (f *ServiceFacts) starting() bool {
	t := f.Tasks
	return t != nil && t.Unread == "" && t.Starting > 0 && t.Unhealthy == 0 && f.Failing == 0
}

// String is one line.
func (t *taskFacts) String() string {
	if t.Unread != "" {
		return t.Unread
	}
	s := fmt.Sprintf("%d of %d running tasks pass their health checks", t.serving(), t.Running)
	if t.Unhealthy > 0 {
		s += fmt.Sprintf(", %d fail them", t.Unhealthy)
	}
	if t.Starting > 0 {
		s += fmt.Sprintf(", %d have not passed them yet", t.Starting)
	}
	return s
}

// describedTasks is the most that DescribeTasks takes (docs/aws/ecs.md 1.1).
const describedTasks = 100

// health reads the running tasks of a service, where there are some.
func (c *capturer) health(ctx context.Context, f *ServiceFacts) error {
	if f.Status != "ACTIVE" || f.Running == 0 || c.o.countsOnly {
		return nil
	}
	tasks, err := c.running(ctx, f)
	if err != nil {
		f.Tasks = &taskFacts{Unread: redact.Text(err.Error())}
		return c.problem(ctx, "running tasks of service "+f.Service.String(), err)
	}
	x := &taskFacts{Revisions: map[string]int{}}
	for _, t := range tasks {
		if aws.ToString(t.LastStatus) != "RUNNING" {
			continue
		}
		x.Running++
		x.Revisions[aws.ToString(t.TaskDefinitionArn)]++
		switch t.HealthStatus {
		case ecstypes.HealthStatusHealthy:
			x.Healthy++
		case ecstypes.HealthStatusUnhealthy:
			x.Unhealthy++
		default:
			// A task without a check is UNKNOWN for ever, one with a check until the
			// first has passed: which it is, its definition says.
			td, err := c.definition(ctx, aws.ToString(t.TaskDefinitionArn))
			if err != nil { // without it a task that has not passed its check is none that has none
				f.Tasks = &taskFacts{Unread: redact.Text(err.Error())}
				return c.problem(ctx, "running tasks of service "+f.Service.String(), err)
			}
			if checked(td) {
				x.Starting++
			} else {
				x.Unchecked++
			}
		}
	}
	f.Tasks = x // whole, or not at all: half of them would be another fact
	return nil
}

// checked reports whether ECS judges a task by a container's health check: only those
// of essential containers count
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/healthcheck.html).
func checked(td *ecstypes.TaskDefinition) bool {
	return slices.ContainsFunc(td.ContainerDefinitions, func(d ecstypes.ContainerDefinition) bool {
		return d.HealthCheck != nil && (d.Essential == nil || *d.Essential)
	})
}

// running are the service's tasks that are to run.
func (c *capturer) running(ctx context.Context, f *ServiceFacts) ([]ecstypes.Task, error) {
	var arns []string
	for p := ecs.NewListTasksPaginator(c.c.ecs, &ecs.ListTasksInput{Cluster: aws.String(f.Service.Cluster), ServiceName: &f.Service.Name, DesiredStatus: ecstypes.DesiredStatusRunning}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		arns = append(arns, page.TaskArns...)
	}
	var out []ecstypes.Task
	for part := range slices.Chunk(arns, describedTasks) {
		tasks, err := c.c.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: aws.String(f.Service.Cluster), Tasks: part})
		if err != nil {
			return nil, err
		}
		out = append(out, tasks.Tasks...)
	}
	return out, nil
}

package rescue

import (
	"context"
	"time"

	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/internal/redact"
)

// lastLines is how long after the rollback began the tasks of the update may
// still have written to their logs.
const lastLines = 10 * time.Minute

// forgotten reads the logs of the update's tasks that ECS does not know any more:
// it forgets a stopped task about an hour after it stopped (docs/aws/ecs.md 1.1),
// and their streams stay.
func (c *capturer) forgotten(ctx context.Context) error {
	began, ended := attempt(c.b.Tree)
	if began.IsZero() {
		return nil
	}
	for i := range c.b.Services {
		f := &c.b.Services[i]
		if f.Forward == "" || f.Forward == f.Back || !f.Reached || c.knowsTasks(f) || !logged(f.Definitions[f.Forward]) {
			continue
		}
		q := ecsx.Query{Cluster: f.Service.Cluster, TaskDefinitions: []string{f.Forward}, Since: began}
		if !ended.IsZero() {
			q.Until = ended.Add(lastLines)
		}
		err := c.stopped(ctx, q, -1, func(t ecsx.StoppedTask) {
			if t.LogOnly { // others were among those of the cluster
				t.Group, t.TaskDefinition = "service:"+f.Service.Name, f.Forward
				c.b.Tasks = append(c.b.Tasks, redacted(t))
			}
		})
		if err != nil {
			if err := c.problem(ctx, "logs of the forgotten tasks of service "+f.Service.String(), err); err != nil {
				return err
			}
		}
	}
	return nil
}

// knowsTasks reports whether a stopped task of the update's revision was found.
func (c *capturer) knowsTasks(f *ServiceFacts) bool {
	for _, t := range c.b.Tasks {
		if f.owns(t) && t.TaskDefinition == f.Forward {
			return true
		}
	}
	return false
}

func logged(d Definition) bool {
	for _, x := range d.Containers {
		if x.LogGroup != "" {
			return true
		}
	}
	return false
}

// attempt is when the root's latest update began, and when it began to go back;
// zero for one that did not.
func attempt(t *cfnx.Tree) (began, ended time.Time) {
	began = attemptBegan(t)
	for _, e := range t.Root.Events { // newest first
		if e.LogicalID == t.Root.Name && e.Time.After(began) && (e.Status == cfntypes.ResourceStatusUpdateRollbackInProgress || e.Status == cfntypes.ResourceStatusRollbackInProgress) {
			ended = e.Time
		}
	}
	return began, ended
}

// gone are services that the stacks had and have deleted, such as after a first
// deployment that failed: their tasks still say why.
func (c *capturer) gone() []ecsx.Service {
	var out []ecsx.Service
	began := attemptBegan(c.b.Tree)
	for s := range c.b.Tree.All() {
		for _, r := range s.Resources {
			if r.Type != serviceType || r.PhysicalID == "" || r.Status != cfntypes.ResourceStatusDeleteComplete {
				continue
			}
			for _, e := range during(s, began) {
				if e.LogicalID == r.LogicalID {
					out = append(out, ecsx.ParseService(r.PhysicalID))
					break
				}
			}
		}
	}
	return out
}

// whyGone explains the failure of a service that is deleted by its tasks.
func (d *Diagnosis) whyGone(f cfnx.Failure, out Cause) Cause {
	began := attemptBegan(d.bundle.Tree)
	facts := ServiceFacts{Service: ecsx.ParseService(f.PhysicalID)}
	var tasks []ecsx.StoppedTask
	for _, t := range d.bundle.Tasks {
		if facts.owns(t) && !t.CreatedAt.Before(began) {
			tasks = append(tasks, t)
		}
	}
	if c, ok := ecsx.RootCause(tasks); ok {
		out.Text, out.Next = redact.Text(c.Summary), c.Next
	}
	return out
}

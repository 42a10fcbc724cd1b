package rescue

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/internal/redact"
)

// proofFacts are a revision that a savepoint would render and that has failed before the
// unlock.
type proofFacts struct {
	Revision string `json:"revision"`
	// From is the revision that it was made of.
	From string `json:"from"`
	// Why is what its tasks failed for, Next what to do about it.
	Why      string          `json:"why"`
	Next     string          `json:"next,omitempty"`
	Document json.RawMessage `json:"document,omitempty"`
}

// proofs reads which revisions were tried before an unlock and have failed: canaries,
// which are no tasks of the service, where it runs what its template does not render; and
// deployments that went back. It reads nothing where neither can be.
func (c *capturer) proofs(ctx context.Context, f *ServiceFacts) error {
	if f.Unread != "" || f.TasksUnread != "" || c.o.recordedToo || !goesBack(c.b.Tree.Root.Status) {
		return nil
	}
	tasks := map[string][]ecsx.StoppedTask{}
	for _, t := range c.b.Tasks {
		if _, known := f.Definitions[t.TaskDefinition]; f.owns(t) && !known && t.TaskDefinition != "" && t.Failed() {
			tasks[t.TaskDefinition] = append(tasks[t.TaskDefinition], t)
		}
	}
	if kept := cmp.Or(f.Serving(), f.Current); kept != "" && len(f.Differences[kept]) > 0 {
		var found []ecsx.StoppedTask
		stopped, err := canaries(ctx, c.c, f.Service.Cluster, familyOf(kept), ecstypes.DesiredStatusStopped)
		var arns []string
		for _, t := range stopped {
			if !strings.HasPrefix(aws.ToString(t.StoppedReason), canaryHeld) {
				arns = append(arns, aws.ToString(t.TaskArn))
			}
		}
		if err == nil && len(arns) > 0 {
			err = c.stopped(ctx, ecsx.Query{Cluster: f.Service.Cluster, Tasks: arns}, c.o.Settle, func(t ecsx.StoppedTask) { found = append(found, redacted(t)) })
		}
		if err != nil {
			if err := c.problem(ctx, "canaries of service "+f.Service.String(), err); err != nil {
				return err
			}
		}
		c.b.Tasks = append(c.b.Tasks, found...)
		for _, t := range found {
			tasks[t.TaskDefinition] = append(tasks[t.TaskDefinition], t)
		}
	}
	for _, arn := range sortedKeys(tasks) {
		td, err := c.c.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &arn, Include: []ecstypes.TaskDefinitionField{ecstypes.TaskDefinitionFieldTags}})
		if err != nil {
			if err := c.problem(ctx, "task definition "+arn, err); err != nil {
				return err
			}
			continue
		}
		from, ours := ecsx.ClonedFrom(td.Tags)
		if !ours || tagValue(td.Tags, tagProof) != proofFailed {
			continue
		}
		x := proofFacts{Revision: arn, From: from, Document: document(td.TaskDefinition), Why: redact.Text(tasks[arn][len(tasks[arn])-1].Reason)}
		if cause, ok := ecsx.RootCause(tasks[arn]); ok {
			x.Why, x.Next = cause.Summary, cause.Next
		}
		f.Proofs = append(f.Proofs, x)
	}
	return nil
}

// proofCauses are why what a savepoint would render has failed.
func (d *Diagnosis) proofCauses() {
	for _, f := range d.bundle.Services {
		for _, x := range f.Proofs {
			d.Causes.Proof = append(d.Causes.Proof, Cause{"service " + f.Service.String(), short(x.Revision) + ", which the savepoint would render: " + x.Why, x.Next})
		}
	}
}

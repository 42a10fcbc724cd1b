package ecsx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Query says which stopped tasks are meant: the first field that is set, of
// Tasks, Deployment, Service and Family; with none, every task of the cluster.
type Query struct {
	// Cluster is the cluster's name or ARN; "" is "default".
	Cluster string
	// Tasks are ids or ARNs.
	Tasks []string
	// Deployment is a deployment's id, such as "ecs-svc/123".
	Deployment string
	// Service is a service's name or ARN.
	Service string
	// Family is a task definition family.
	Family string
	// TaskDefinitions, where set, leaves out tasks of other revisions; each is an
	// ARN, "family:revision" or "family". Their log configuration says where the
	// logs of tasks are that ECS has forgotten.
	TaskDefinitions []string
	// Since, where set, also finds tasks that ECS has forgotten: by the log streams
	// that the containers of TaskDefinitions, of the listed tasks and of Family
	// wrote to between Since and Until, and whose tasks ECS does not know any more.
	// They are yielded with LogOnly set. Both are times of AWS's, such as those of a
	// deployment; a zero Until is open. The narrower the window, the fewer calls: it
	// is read as a whole.
	Since, Until time.Time
}

// String says what is meant, for messages.
func (q Query) String() string {
	c := afterSlash(cmp.Or(q.Cluster, "default"))
	switch {
	case len(q.Tasks) == 1:
		return "task " + c + "/" + afterSlash(q.Tasks[0])
	case len(q.Tasks) > 1:
		return fmt.Sprintf("%d tasks of cluster %s", len(q.Tasks), c)
	case q.Deployment != "":
		return "deployment " + q.Deployment + " in cluster " + c
	case q.Service != "":
		return "service " + c + "/" + afterSlash(q.Service)
	case q.Family != "":
		return "family " + q.Family + " in cluster " + c
	}
	return "cluster " + c
}

// list calls page with up to 100 ARNs of stopping and stopped tasks at a time.
func (q Query) list(ctx context.Context, api ecs.ListTasksAPIClient, page func([]string) error) error {
	in := &ecs.ListTasksInput{Cluster: aws.String(cmp.Or(q.Cluster, "default")), DesiredStatus: types.DesiredStatusStopped}
	switch {
	case q.Deployment != "":
		in.StartedBy = &q.Deployment
	case q.Service != "":
		in.ServiceName = &q.Service
	case q.Family != "":
		in.Family = &q.Family
	}
	for p := ecs.NewListTasksPaginator(api, in); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		if _, invalid := errors.AsType[*types.InvalidParameterException](err); invalid && in.StartedBy != nil {
			// That startedBy may be combined with a status is not documented
			// (docs/aws/ecs.md 1.1): list all and choose by what they say.
			in.StartedBy = nil
			p = ecs.NewListTasksPaginator(api, in)
			continue
		}
		if _, deleted := errors.AsType[*types.ServiceNotFoundException](err); deleted && in.ServiceName != nil {
			in.ServiceName = nil // its tasks outlive it: choose by their group
			p = ecs.NewListTasksPaginator(api, in)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
		if len(out.TaskArns) == 0 {
			continue
		}
		if err := page(out.TaskArns); err != nil {
			return err
		}
	}
	return nil
}

// wants is what list could not filter by.
func (q Query) wants(t types.Task) bool {
	switch {
	case len(q.TaskDefinitions) > 0 && !q.defines(aws.ToString(t.TaskDefinitionArn)):
		return false
	case len(q.Tasks) > 0:
		return true
	case q.Deployment != "":
		return aws.ToString(t.StartedBy) == q.Deployment
	case q.Service != "":
		return t.Group == nil || *t.Group == "service:"+afterSlash(q.Service)
	}
	return true
}

// defines reports whether a revision is one of TaskDefinitions.
func (q Query) defines(arn string) bool {
	revision := afterSlash(arn)
	family, _, _ := strings.Cut(revision, ":")
	return slices.ContainsFunc(q.TaskDefinitions, func(ref string) bool {
		return ref == arn || afterSlash(ref) == revision || ref == family
	})
}

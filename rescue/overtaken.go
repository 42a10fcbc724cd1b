package rescue

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecsx"
)

// overtakenBefore looks, before the rollback is continued, whether somebody has deployed
// to a service or scaled it to 0 since the plan was made: a run is compared with
// the plan's facts when it begins, which may be an hour ago, and one that goes on with an
// earlier run is not.
func (r *runner) overtakenBefore(ctx context.Context, c clients) error {
	for fact, was := range r.p.Facts {
		name, ok := strings.CutPrefix(fact, "service ")
		if !ok || strings.HasSuffix(was, ", unread") {
			continue
		}
		service := ecsx.ParseService(name)
		out, err := c.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &service.Cluster, Services: []string{service.Name}})
		if err != nil {
			return err
		}
		wanted := strings.HasSuffix(was, ", tasks are wanted")
		if wanted && (len(out.Services) == 0 || aws.ToString(out.Services[0].Status) != "ACTIVE") {
			return &Error{Stack: r.p.Stack, Err: fmt.Errorf("%w: service %s is not there any more", ErrChanged, service), Next: "diagnose and plan again"}
		}
		for _, live := range out.Services {
			if wanted && live.DesiredCount == 0 {
				return &Error{Stack: r.p.Stack, Err: fmt.Errorf("%w: service %s was scaled to 0", ErrChanged, service), Next: "scale it first, or diagnose and plan again"}
			}
			if err := r.overtaken(ctx, c, service, &live, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// overtaken refuses to go on where a service was given a revision that is not of this
// plan: what the plan would send it is older than that. What it was set to when the plan was
// made, what the plan names and has made, and what the tree records are of it.
func (r *runner) overtaken(ctx context.Context, c clients, service ecsx.Service, live *ecstypes.Service, tree *cfnx.Tree) error {
	now := aws.ToString(live.TaskDefinition)
	if now == "" || r.names(short(now)) || tree != nil && records(tree, now) {
		return nil
	}
	td, err := c.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &now, Include: []ecstypes.TaskDefinitionField{ecstypes.TaskDefinitionFieldTags}})
	if err != nil {
		return err
	}
	if from, ours := ecsx.ClonedFrom(td.Tags); ours && r.names(short(from)) {
		return nil
	}
	return &Error{Stack: r.p.Stack, Err: fmt.Errorf("%w: service %s runs %s now, which is not of this plan", ErrChanged, service, short(now)), Next: "diagnose and plan again"}
}

// names reports whether a revision is one that the plan names, or that its steps have
// made.
func (r *runner) names(revision string) bool {
	for fact, was := range r.p.Facts {
		if strings.HasPrefix(fact, "service ") && strings.HasPrefix(was, revision+", ") {
			return true
		}
	}
	for _, d := range r.o.Done {
		if d.To == revision {
			return true
		}
	}
	if slices.Contains(r.made, revision) {
		return true
	}
	for _, s := range r.p.Steps {
		var all []string
		if x := s.Redeploy; x != nil {
			all = append(all, x.From)
		}
		if x := s.Proof; x != nil {
			all = append(all, x.Rendered.From)
		}
		if x := s.StandIn; x != nil {
			all = append(all, x.Revision)
		}
		if x := s.Unlock; x != nil {
			for _, d := range x.Deploys {
				all = append(all, d.To)
			}
		}
		if x := s.Savepoint; x != nil {
			for _, y := range x.Carry {
				all = append(all, y.Revision)
			}
			for _, y := range x.Revisions {
				all = append(all, y.Revision)
			}
		}
		if slices.ContainsFunc(all, func(x string) bool { return short(x) == revision }) {
			return true
		}
	}
	return false
}

// records reports whether a stack of the tree has a task definition.
func records(tree *cfnx.Tree, arn string) bool {
	for s := range tree.All() {
		for _, x := range s.Resources {
			if x.PhysicalID == arn {
				return true
			}
		}
	}
	return false
}

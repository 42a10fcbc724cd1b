package ecsx

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/internal/awsretry"
)

// records reads the service deployments of those that need them, together.
func (f *fleet) records(ctx context.Context, open []*watch, services map[string]*types.Service, now time.Time) {
	var due []*watch
	urgent := false
	for _, w := range open {
		s := services[w.d.Service.String()]
		if s == nil {
			continue
		}
		if w.d.Record == "" && !w.seen && !w.listed && f.opts.Records != nil {
			w.find(ctx, s)
		}
		r := judge(s, w.d.ID, nil)
		decides := r.Outcome == outcomeSucceeded || r.Outcome.Final() && r.Outcome != outcomeScaledToZero
		// What the list says for the first time is confirmed at once.
		news := decides && w.heard != r.Outcome
		wait := supplements
		if decides {
			wait = confirm
		}
		if w.d.Record != "" && w.soaking.IsZero() && (news || now.Sub(w.recorded) >= wait) {
			due = append(due, w)
			w.heard, urgent = r.Outcome, urgent || news
		}
	}
	if len(due) == 0 || !urgent && f.budget < 1 {
		return
	}
	for chunk := range slices.Chunk(due, recordsPerCall) {
		in := &ecs.DescribeServiceDeploymentsInput{}
		for _, w := range chunk {
			in.ServiceDeploymentArns = append(in.ServiceDeploymentArns, w.d.Record)
		}
		f.budget--
		out, err := f.api.DescribeServiceDeployments(ctx, in)
		for _, w := range chunk {
			w.recorded, w.problem = now, ""
			if err != nil {
				w.problem = "service deployment: " + err.Error()
				if !awsretry.Transient(err) {
					w.record = nil // it may not be read any more: the list decides alone
				}
				continue
			}
			for i := range out.ServiceDeployments {
				x := &out.ServiceDeployments[i]
				if aws.ToString(x.ServiceDeploymentArn) != w.d.Record && len(chunk) > 1 {
					continue
				}
				if w.record != nil && w.record.LifecycleStage != x.LifecycleStage {
					w.better = now
				}
				w.record = x
			}
		}
	}
}

// find searches for the record of a deployment that is not in the service's list any
// more. Which record is whose is not in it: the newest is taken, if ECS went back
// from it, because only the newest can be what the service went back from.
func (w *watch) find(ctx context.Context, s *types.Service) {
	if w.polled <= unseenPolls && aws.ToString(primaryID(s)) == w.d.Previous && w.d.Previous != "" {
		return
	}
	w.listed = true
	w.budget--
	out, err := w.opts.Records.ListServiceDeployments(ctx, &ecs.ListServiceDeploymentsInput{Cluster: aws.String(w.d.Service.cluster()), Service: &w.d.Service.Name, MaxResults: aws.Int32(1)})
	if err != nil {
		w.problem = "list of service deployments: " + err.Error()
		return
	}
	if len(out.ServiceDeployments) == 0 {
		return
	}
	switch x := out.ServiceDeployments[0]; x.Status {
	case types.ServiceDeploymentStatusRollbackSuccessful, types.ServiceDeploymentStatusRollbackFailed, types.ServiceDeploymentStatusRollbackInProgress, types.ServiceDeploymentStatusRollbackRequested:
		w.d.Record = aws.ToString(x.ServiceDeploymentArn)
	}
}

func primaryID(s *types.Service) *string {
	if p := primary(s); p != nil {
		return p.Id
	}
	return nil
}

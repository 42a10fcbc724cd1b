package rescue

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/internal/awsretry"
)

// service reads a service that is there.
func (r *runner) service(ctx context.Context, c clients, of ecsx.Service) (*ecstypes.Service, error) {
	out, err := awsretry.Read(ctx, r.o.Interval, awsretry.Tries, func(ctx context.Context) (*ecs.DescribeServicesOutput, error) {
		return c.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &of.Cluster, Services: []string{of.Name}})
	})
	if err != nil {
		return nil, err
	}
	if len(out.Services) == 0 {
		return nil, fmt.Errorf("%w: service %s is gone", ErrChanged, of)
	}
	return &out.Services[0], nil
}

// deployProof deploys what the savepoint renders, and lets it stay up for the soak. One
// that an earlier run has begun is gone on with. Where it fails, the service ends on
// what was kept, and the error says why.
func (r *runner) deployProof(ctx context.Context, c clients, s Step, service ecsx.Service, x *renderedRevision, td *registered, edit func(*ecs.RegisterTaskDefinitionInput) error, found string) (*ecsx.Deployment, error) {
	svc, err := r.service(ctx, c, service)
	if err != nil {
		return nil, err
	}
	d := primaryOf(service, svc)
	if d == nil || d.TaskDefinition != td.arn || stateOf(svc, d.ID) == ecstypes.DeploymentRolloutStateFailed {
		if d != nil && found != "" && d.ID != found {
			if ours, err := r.clone(ctx, c, d.TaskDefinition); err != nil || !ours {
				return nil, errors.Join(err, &Error{Stack: r.p.Stack, Err: fmt.Errorf("%w: service %s runs %s now, which is not of this plan", ErrChanged, service, short(d.TaskDefinition)), Next: "diagnose and plan again"})
			}
		}
		if err := r.begun(s, short(x.From), short(td.arn)); err != nil {
			return nil, err
		}
		if s.Proof != nil && s.Proof.Raise {
			if err := r.raise(ctx, c, service, svc); err != nil {
				return nil, err
			}
		}
		if d, err = ecsx.ForceDeployLatest(ctx, c.ecs, service, resolver(c.ecr, nil), func(o *ecsx.ForceDeployOptions) {
			o.From, o.Interval, o.Edit = x.From, r.o.Interval, edit
			o.Observe = func(e ecsx.Event) { r.o.tell(s.ID, e.Text) }
		}); err != nil {
			return nil, err
		}
	} else {
		r.o.tell(s.ID, "deployment "+d.ID+" is this plan's: waiting for it")
	}
	r.changed = r.o.Now()
	_, err = d.WaitRollout(ctx, c.ecs, func(o *ecsx.RolloutOptions) {
		o.Interval, o.Logs, o.Soak = r.o.Interval, c.logs, max(r.o.Soak, 0)
		if s.Kind == kindProof {
			o.Patience = -1 // ECS takes it back by itself
		}
		o.Observe = func(x ecsx.Rollout) { r.o.tell(s.ID, x.String()) }
	})
	if err == nil {
		return d, r.note(ctx, c, td.arn, proofHeld)
	}
	e, ok := errors.AsType[*ecsx.RolloutError](err)
	if !ok || ctx.Err() != nil || e.Err != nil {
		return nil, err
	}
	switch e.Last.Outcome {
	case "superseded", "gone", "paused", "scaled to zero":
		return nil, err
	case "stalled": // nothing of it has failed: there is no room, or nothing to say
	default:
		if err := r.note(ctx, c, td.arn, proofFailed); err != nil {
			return nil, errors.Join(err, r.fallBack(ctx, c, s, service, x, td.arn))
		}
	}
	if err := r.fallBack(ctx, c, s, service, x, td.arn); err != nil {
		return nil, errors.Join(e, err)
	}
	return nil, r.refuted(ctx, service, x, td.arn, e)
}

// raise has a service keep as many tasks as it wants while it is deployed, as the
// savepoint's template has it from then on. It starts no deployment (docs/aws/ecs.md
// 1.4).
func (r *runner) raise(ctx context.Context, c clients, of ecsx.Service, svc *ecstypes.Service) error {
	cfg := svc.DeploymentConfiguration
	if cfg == nil || aws.ToInt32(cfg.MinimumHealthyPercent) > 0 {
		return nil // an earlier run has
	}
	cfg.MinimumHealthyPercent, cfg.MaximumPercent = aws.Int32(100), aws.Int32(200)
	_, err := awsretry.Read(ctx, r.o.Interval, awsretry.Tries, func(ctx context.Context) (*ecs.UpdateServiceOutput, error) {
		return c.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: &of.Cluster, Service: &of.Name, DeploymentConfiguration: cfg})
	})
	return err
}

// stateOf is how far a deployment of a service is.
func stateOf(svc *ecstypes.Service, id string) ecstypes.DeploymentRolloutState {
	for _, d := range svc.Deployments {
		if aws.ToString(d.Id) == id {
			return d.RolloutState
		}
	}
	return ""
}

// clone reports whether a revision is one that this module has registered.
func (r *runner) clone(ctx context.Context, c clients, arn string) (bool, error) {
	out, err := c.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &arn, Include: []ecstypes.TaskDefinitionField{ecstypes.TaskDefinitionFieldTags}})
	if err != nil {
		return false, err
	}
	_, ours := ecsx.ClonedFrom(out.Tags)
	return ours, nil
}

// fallBack gets a service on what was kept, after what the savepoint renders has
// failed: where ECS has not taken it back already, by a deployment.
func (r *runner) fallBack(ctx context.Context, c clients, s Step, service ecsx.Service, x *renderedRevision, failed string) error {
	svc, err := r.service(ctx, c, service)
	if err != nil {
		return err
	}
	d := primaryOf(service, svc)
	kept := false
	if d != nil && d.TaskDefinition != failed && stateOf(svc, d.ID) != ecstypes.DeploymentRolloutStateFailed {
		if kept = d.TaskDefinition == x.From; !kept {
			out, err := c.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &d.TaskDefinition, Include: []ecstypes.TaskDefinitionField{ecstypes.TaskDefinitionFieldTags}})
			if err != nil {
				return err
			}
			from, ours := ecsx.ClonedFrom(out.Tags)
			kept = ours && from == x.From
		}
	}
	if kept && stateOf(svc, d.ID) == ecstypes.DeploymentRolloutStateCompleted {
		return nil
	}
	if !kept {
		r.o.tell(s.ID, "the service is brought to "+short(x.From))
		if d, err = ecsx.ForceDeployLatest(ctx, c.ecs, service, resolver(c.ecr, nil), func(o *ecsx.ForceDeployOptions) {
			o.From, o.Interval = x.From, r.o.Interval
			o.Observe = func(e ecsx.Event) { r.o.tell(s.ID, e.Text) }
		}); err != nil {
			return err
		}
	}
	_, err = d.WaitRollout(ctx, c.ecs, func(o *ecsx.RolloutOptions) {
		o.Interval = r.o.Interval
		o.Observe = func(x ecsx.Rollout) { r.o.tell(s.ID, x.String()) }
	})
	return err
}

// redeployRendered gets a service running on what the savepoint renders for it: rescue
// and proof in one. Where that fails it gets what is kept, and the run ends.
func (r *runner) redeployRendered(ctx context.Context, c clients, s Step, res *StepResult) error {
	x := s.Redeploy.Rendered
	edit, err := r.rendering(ctx, c, x)
	if err != nil {
		return err
	}
	td, err := r.register(ctx, c, s, s.Redeploy.Service, x, edit)
	if err != nil {
		return err
	}
	if td.outcome == proofFailed && !x.Again {
		return errors.Join(r.fallBack(ctx, c, s, s.Redeploy.Service, x, td.arn), r.failedAlready(s.Redeploy.Service, x, td.arn))
	}
	if err := r.mended(ctx, c, s); err != nil {
		return err
	}
	d, err := r.deployProof(ctx, c, s, s.Redeploy.Service, x, td, edit, "")
	if err != nil {
		return err
	}
	r.hold(x, td.arn)
	res.Outcome, res.From, res.To = outcomeDone, short(d.PreviousTaskDefinition), short(td.arn)
	res.Text = fmt.Sprintf("the deployment of %s, which the savepoint renders for service %s, has succeeded and stayed up", short(td.arn), s.Redeploy.Service)
	return nil
}

package ecsx

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/stackrescue/stackrescue/internal/awsretry"
	"github.com/stackrescue/stackrescue/internal/poll"
)

// errUncertain means that it is not known whether the update was carried out.
var errUncertain = errors.New("whether the deployment was started is not known: look at the service before trying again")

// lagging is how many reads are made after an update whose answer was lost:
// reads lag behind writes (docs/aws/ecs.md 1.1), and UpdateService has no token.
const lagging = 8

// update starts the deployment, unless somebody else has started one since the
// service was first read.
func (d *deployer) update(ctx context.Context, dep *Deployment) error {
	var asked error // what UpdateService said last; nil before it was called
	err := awsretry.Mutation{
		Do: func(ctx context.Context) error {
			asked = nil
			// Again right before the call: nobody's hotfix is to be replaced.
			if s, err := describe(ctx, d.api, d.svc); err != nil {
				return err
			} else if err := d.unchanged(dep, s); err != nil {
				return err
			}
			out, err := d.api.UpdateService(ctx, &ecs.UpdateServiceInput{
				Cluster: aws.String(d.svc.cluster()), Service: aws.String(d.svc.Name), TaskDefinition: &dep.TaskDefinition, ForceNewDeployment: true,
			}, once)
			if err == nil && out.Service == nil {
				err = errUncertain
			}
			if err != nil {
				asked = err
				return err
			}
			return d.started(dep, out.Service)
		},
		Happened: func(ctx context.Context) (bool, error) {
			if asked == nil || refused(asked) {
				return false, nil
			}
			return d.happened(ctx, dep)
		},
		Interval: d.opts.Interval,
	}.Run(ctx)
	if err != nil && ctx.Err() != nil && asked != nil && !refused(asked) {
		err = fmt.Errorf("%w: %w", err, errUncertain)
	}
	if err != nil {
		return fmt.Errorf("service %s: %w", d.svc, err)
	}
	return nil
}

// refused reports whether ECS itself turned the call down, so that nothing was
// done: with an error that is the caller's fault, throttling included.
func refused(err error) bool {
	e, ok := errors.AsType[smithy.APIError](err)
	return ok && e.ErrorFault() != smithy.FaultServer && e.ErrorCode() != "" && !errors.Is(err, errUncertain) && !serverError(err)
}

func serverError(err error) bool {
	r, ok := errors.AsType[*smithyhttp.ResponseError](err)
	return ok && r.HTTPStatusCode() >= 500
}

// unchanged returns [ErrChanged] if another deployment than before is PRIMARY.
func (d *deployer) unchanged(dep *Deployment, s *types.Service) error {
	p := primary(s)
	if p == nil || aws.ToString(p.Id) == dep.Previous {
		return nil
	}
	return fmt.Errorf("deployment %s of %s was started by somebody else: %w", aws.ToString(p.Id), afterSlash(aws.ToString(p.TaskDefinition)), ErrChanged)
}

// happened reads, for as long as reads may lag, whether the deployment was
// started although the call failed.
func (d *deployer) happened(ctx context.Context, dep *Deployment) (bool, error) {
	for n := 1; ; n++ {
		s, err := describe(ctx, d.api, d.svc)
		if err != nil {
			return false, fmt.Errorf("%w: %w", err, errUncertain)
		}
		p := primary(s)
		switch {
		case p != nil && aws.ToString(p.Id) != dep.Previous && aws.ToString(p.TaskDefinition) == dep.TaskDefinition:
			return true, d.started(dep, s)
		case p != nil && aws.ToString(p.Id) != dep.Previous:
			return false, d.unchanged(dep, s)
		case n == lagging:
			return false, nil
		}
		if err := poll.Sleep(ctx, d.opts.Interval); err != nil {
			return false, fmt.Errorf("%w: %w", err, errUncertain)
		}
	}
}

func (d *deployer) started(dep *Deployment, s *types.Service) error {
	p := primary(s)
	if p == nil {
		return fmt.Errorf("no PRIMARY deployment after the update: %w", errUncertain)
	}
	dep.ID, dep.Record = aws.ToString(p.Id), aws.ToString(s.CurrentServiceDeployment)
	d.observe("started", dep.ID, "started deployment %s of %s", dep.ID, afterSlash(dep.TaskDefinition))
	return nil
}

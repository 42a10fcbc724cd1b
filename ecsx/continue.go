package ecsx

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/internal/awsretry"
)

// continueDeploymentAPI is ContinueServiceDeployment and
// DescribeServiceDeployments of *ecs.Client.
type continueDeploymentAPI interface {
	DescribeServiceDeployments(context.Context, *ecs.DescribeServiceDeploymentsInput, ...func(*ecs.Options)) (*ecs.DescribeServiceDeploymentsOutput, error)
	ContinueServiceDeployment(context.Context, *ecs.ContinueServiceDeploymentInput, ...func(*ecs.Options)) (*ecs.ContinueServiceDeploymentOutput, error)
}

// Continue answers the hook at which the deployment is "paused", the one of
// Rollout.Hook: with rollBack the deployment goes back, else it goes on. Of d it
// needs Record.
//
// It returns nil if the hook has got this answer already, by an earlier call whose
// answer was lost or by somebody else, and [ErrChanged] if it has got the other one.
//
// Calls ecs:ContinueServiceDeployment and, when that failed,
// ecs:DescribeServiceDeployments. Safe to repeat.
func (d Deployment) Continue(ctx context.Context, api continueDeploymentAPI, hook string, rollBack bool) error {
	in := &ecs.ContinueServiceDeploymentInput{ServiceDeploymentArn: &d.Record, HookId: &hook, Action: types.DeploymentLifecycleHookActionContinue}
	if rollBack {
		in.Action = types.DeploymentLifecycleHookActionRollback
	}
	err := awsretry.Mutation{
		Do: func(ctx context.Context) error {
			_, err := api.ContinueServiceDeployment(ctx, in, once)
			return err
		},
		Happened: func(ctx context.Context) (bool, error) {
			out, err := api.DescribeServiceDeployments(ctx, &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{d.Record}})
			if err != nil || len(out.ServiceDeployments) == 0 {
				return false, err
			}
			return answered(&out.ServiceDeployments[0], hook, rollBack)
		},
		Interval: 2 * time.Second,
	}.Run(ctx)
	if err != nil {
		return fmt.Errorf("service deployment %s: hook %s: %w", afterSlash(d.Record), hook, err)
	}
	return nil
}

// answered reports whether a hook of a service deployment has got this answer.
func answered(x *types.ServiceDeployment, hook string, rollBack bool) (bool, error) {
	for _, h := range x.LifecycleHookDetails {
		if aws.ToString(h.HookId) != hook {
			continue
		}
		switch h.Status {
		case types.DeploymentLifecycleHookStatusAwaitingAction, types.DeploymentLifecycleHookStatusInProgress:
			return false, nil
		case types.DeploymentLifecycleHookStatusSucceeded:
			if rollBack {
				return false, fmt.Errorf("the deployment was continued: %w", ErrChanged)
			}
			return true, nil
		}
		if !rollBack {
			return false, fmt.Errorf("the deployment was rolled back: %w", ErrChanged)
		}
		return true, nil
	}
	return false, nil // not a hook of this deployment: ECS says so
}

package ecsx

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// ContinueDeploymentAPI is ContinueServiceDeployment of *ecs.Client.
type ContinueDeploymentAPI interface {
	ContinueServiceDeployment(context.Context, *ecs.ContinueServiceDeploymentInput, ...func(*ecs.Options)) (*ecs.ContinueServiceDeploymentOutput, error)
}

// ContinueDeployment answers the hook at which a deployment is [Paused], the one
// of Rollout.Hook: with rollBack the deployment goes back, else it goes on. record
// is the ARN of the service deployment, Deployment.Record.
//
// Calls ecs:ContinueServiceDeployment. Calling it again after the deployment has
// gone on is refused by ECS and changes nothing.
func ContinueDeployment(ctx context.Context, api ContinueDeploymentAPI, record, hook string, rollBack bool) error {
	in := &ecs.ContinueServiceDeploymentInput{ServiceDeploymentArn: &record, HookId: &hook, Action: types.DeploymentLifecycleHookActionContinue}
	if rollBack {
		in.Action = types.DeploymentLifecycleHookActionRollback
	}
	if _, err := api.ContinueServiceDeployment(ctx, in); err != nil {
		return fmt.Errorf("service deployment %s: hook %s: %w", afterSlash(record), hook, err)
	}
	return nil
}

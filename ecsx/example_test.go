package ecsx_test

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/ecsx"
)

// A task that was stopped because its sidecar was killed with it: what counts
// is the container that exited first.
func ExampleStoppedTask_Classify() {
	one, killed := 1, 137
	c := ecsx.StoppedTask{
		Group: "service:web", StopCode: types.TaskStopCodeEssentialContainerExited, Reason: "Essential container in task exited",
		Containers: []ecsx.StoppedContainer{
			{Name: "proxy", Essential: true, ExitCode: &killed},
			{Name: "app", Essential: true, ExitCode: &one, Log: ecsx.Log{State: "complete", Lines: []ecsx.Line{
				{Message: "starting"}, {Message: "FATAL: column users.plan does not exist"},
			}}},
		},
	}.Classify()
	fmt.Println(c.Class)
	fmt.Println(c.Summary)
	fmt.Println(c.Class.NextStep())
	// Output:
	// application
	// container app exited with 1: FATAL: column users.plan does not exist
	// read the container's log
}

// The evidence of a failed deployment goes to a folder, before ECS forgets it.
func ExampleWaitStoppedTaskLogs() {
	var ctx context.Context
	var cfg aws.Config
	q := ecsx.Query{Cluster: "prod", Service: "web"}
	err := ecsx.WaitStoppedTaskLogs(ctx, ecs.NewFromConfig(cfg), cloudwatchlogs.NewFromConfig(cfg), q, ecsx.Folder("evidence"))
	fmt.Println(err)
}

// The next morning ECS knows nothing any more, and the log groups do.
func ExampleStoppedTasks() {
	var ctx context.Context
	var cfg aws.Config
	q := ecsx.Query{Cluster: "prod", TaskDefinitions: []string{"web:42"}, Since: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)}
	for t, err := range ecsx.StoppedTasks(ctx, ecs.NewFromConfig(cfg), cloudwatchlogs.NewFromConfig(cfg), q) {
		fmt.Println(t.Cause.Summary, err)
	}
}

// The service runs again on images that exist, or the error says why not.
func ExampleForceDeployLatest() {
	var ctx context.Context
	var cfg aws.Config
	var resolver func(ctx context.Context, ref string) (string, error) // such as ecrx.Resolver
	api := ecs.NewFromConfig(cfg)
	d, err := ecsx.ForceDeployLatest(ctx, api, ecsx.ParseService("prod/web"), resolver)
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := d.WaitRollout(ctx, api, func(o *ecsx.RolloutOptions) {
		o.Logs, o.Soak = cloudwatchlogs.NewFromConfig(cfg), 10*time.Minute
		o.RollBack = func(ctx context.Context, d ecsx.Deployment) error {
			return d.RollBack(ctx, api, resolver)
		}
	})
	fmt.Println(r, err)
}

// Every container of the service waits for the migration.
func ExampleDependsOnMigration() {
	in := &ecs.RegisterTaskDefinitionInput{ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("web")}}}
	err := ecsx.DependsOnMigration(types.ContainerDefinition{Name: aws.String("migrate"), Image: aws.String("web:2"), Command: []string{"migrate-leader", "alembic", "upgrade", "head"}})(in)
	for _, c := range in.ContainerDefinitions {
		fmt.Println(*c.Name, len(c.DependsOn), err)
	}
	// Output:
	// web 1 <nil>
	// migrate 0 <nil>
}

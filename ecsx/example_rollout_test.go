package ecsx_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/awsstub"
)

// The outcome of one deployment, and why it failed in the application's words.
func ExampleDeployment_WaitRollout() {
	ctx := context.Background()
	cloud, api := exampleCloud()
	d := exampleDeploy(cloud, api, rescuetest.Exits(1, 5*time.Second, "FATAL: column users.plan does not exist"))
	_, err := d.WaitRollout(ctx, api, func(o *ecsx.RolloutOptions) {
		o.Interval, o.Logs = cloud.Wall(5*time.Second), cloudwatchlogs.NewFromConfig(cloud.Config())
	})
	if e, ok := errors.AsType[*ecsx.RolloutError](err); ok {
		fmt.Println(e.Last.Outcome)
		fmt.Println(e.Causes[0].Cause.Summary)
	}
	// Output:
	// rolled back
	// container app exited with 1: FATAL: column users.plan does not exist
}

// Several services are watched with one call a poll.
func ExampleWaitRollouts() {
	ctx := context.Background()
	cloud, api := exampleCloud()
	web := exampleDeploy(cloud, api, rescuetest.RunsAfter(20*time.Second))
	rs, err := ecsx.WaitRollouts(ctx, api, []ecsx.Deployment{*web}, func(o *ecsx.RolloutOptions) { o.Interval = cloud.Wall(5 * time.Second) })
	for _, r := range rs {
		fmt.Println(r.Outcome)
	}
	fmt.Println(err)
	// Output:
	// succeeded
	// <nil>
}

// A caller that decides for itself how long to watch.
func ExampleDeployment_Rollouts() {
	ctx := context.Background()
	cloud, api := exampleCloud()
	d := exampleDeploy(cloud, api, rescuetest.Runs())
	for r, err := range d.Rollouts(ctx, api, func(o *ecsx.RolloutOptions) { o.Interval = cloud.Wall(5 * time.Second) }) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if r.Outcome.Final() {
			fmt.Println(r.Outcome)
			break
		}
	}
	// Output:
	// succeeded
}

// Back to what served before, only if its images still exist.
func ExampleDeployment_RollBack() {
	ctx := context.Background()
	cloud, api := exampleCloud()
	d := exampleDeploy(cloud, api, rescuetest.NeverHealthy())
	exists := func(_ context.Context, ref string) (string, error) { return ref, nil } // ecrx.Resolver
	err := d.RollBack(ctx, api, exists)
	fmt.Println(err)
	_, err = d.WaitRollout(ctx, api, func(o *ecsx.RolloutOptions) { o.Interval = cloud.Wall(5 * time.Second) })
	if e, ok := errors.AsType[*ecsx.RolloutError](err); ok {
		fmt.Println(e.Last.Outcome)
	}
	// Output:
	// <nil>
	// rolled back
}

// A deployment that waits for a person goes on.
func ExampleDeployment_Continue() {
	stub := awsstub.New()
	awsstub.On(stub, func(_ context.Context, in *ecs.ContinueServiceDeploymentInput) (*ecs.ContinueServiceDeploymentOutput, error) {
		fmt.Println(*in.HookId, in.Action)
		return &ecs.ContinueServiceDeploymentOutput{}, nil
	})
	// Of ForceDeployLatest, or with the ARN alone. The hook is that of Rollout.Hook.
	d := ecsx.Deployment{Record: "arn:aws:ecs:us-east-1:123456789012:service-deployment/prod/web/1"}
	err := d.Continue(context.Background(), ecs.NewFromConfig(stub.Config()), "approve", false)
	fmt.Println(err)
	// Output:
	// approve CONTINUE
	// <nil>
}

// What would keep the next revision from running, before it is deployed.
func ExampleService_Preflight() {
	_, api := exampleCloud()
	in := &ecs.RegisterTaskDefinitionInput{Family: aws.String("app"), ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("app"), Image: aws.String("app:v9")}}}
	findings, err := ecsx.ParseService("prod/web").Preflight(context.Background(), api, in, func(o *ecsx.PreflightOptions) {
		o.Image = func(_ context.Context, ref, _ string) error { // ask the registry
			if ref == "app:v9" {
				return ecsx.ErrImageNotFound
			}
			return nil
		}
		o.LogGroup = func(context.Context, string, string) error { return nil }
	})
	for _, f := range findings {
		fmt.Println(f)
	}
	fmt.Println(err)
	// Output:
	// container app: image app:v9: image not found: restore the image or deploy one that exists
	// <nil>
}

func ExampleParseService() {
	s := ecsx.ParseService("prod/web") // or "web", or an ARN
	fmt.Println(s.Cluster, s.Name)
	// Output:
	// prod web
}

// Clients that leave half of AWS's request rates to everybody else.
func ExampleLimit() {
	cloud, _ := exampleCloud()
	api := ecs.NewFromConfig(ecsx.Limit(cloud.Config()))
	out, err := api.DescribeClusters(context.Background(), &ecs.DescribeClustersInput{Clusters: []string{"prod"}})
	fmt.Println(len(out.Clusters), err)
	// Output:
	// 1 <nil>
}

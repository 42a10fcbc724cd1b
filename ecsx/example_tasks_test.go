package ecsx_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/ecsx"
)

// A one-off task, such as a migration, with the end of its log.
func ExampleTaskSpec_RunTask() {
	cloud, api := exampleCloud()
	task, err := ecsx.TaskSpec{Cluster: "prod", TaskDefinition: oneOff(cloud), StartedBy: "release-42"}.RunTask(context.Background(), api, cloudwatchlogs.NewFromConfig(cloud.Config()),
		exampleWait(cloud))
	if err != nil {
		fmt.Println(err)
		return
	}
	app := task.Container("app")
	fmt.Println(*app.ExitCode, app.Log.Messages())
	// Output:
	// 0 [migrated to 0007]
}

// Several copies of a task; each is waited for.
func ExampleTaskSpec_RunTasks() {
	cloud, api := exampleCloud()
	tasks, err := ecsx.TaskSpec{Cluster: "prod", TaskDefinition: oneOff(cloud)}.RunTasks(context.Background(), api, cloudwatchlogs.NewFromConfig(cloud.Config()),
		3, exampleWait(cloud))
	fmt.Println(len(tasks), err)
	// Output:
	// 3 <nil>
}

// A caller that may die in between finds the task that it has started.
func ExampleTaskSpec_AdoptTask() {
	ctx := context.Background()
	_, api := exampleCloud()
	spec := ecsx.TaskSpec{Cluster: "prod", TaskDefinition: "app:1", Token: "migrate release 42"}
	first, err := spec.AdoptTask(ctx, api)
	if err != nil {
		fmt.Println(err)
		return
	}
	again, err := spec.AdoptTask(ctx, api) // by another process
	fmt.Println(again == first, err)
	// Output:
	// true <nil>
}

// A task that somebody else has started.
func ExampleTaskSpec_WaitTask() {
	ctx := context.Background()
	cloud, api := exampleCloud()
	spec := ecsx.TaskSpec{Cluster: "prod", TaskDefinition: oneOff(cloud)}
	arn, err := spec.AdoptTask(ctx, api)
	if err != nil {
		fmt.Println(err)
		return
	}
	task, err := spec.WaitTask(ctx, api, cloudwatchlogs.NewFromConfig(cloud.Config()), arn, exampleWait(cloud))
	fmt.Println(task.Cause.Class, err)
	// Output:
	// succeeded <nil>
}

// A one-off task runs where the service's tasks run.
func ExamplePlacementOf() {
	service := types.Service{LaunchType: types.LaunchTypeFargate, NetworkConfiguration: &types.NetworkConfiguration{
		AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{"subnet-1"}, SecurityGroups: []string{"sg-1"}},
	}}
	p := ecsx.PlacementOf(service)
	fmt.Println(p.LaunchType, p.Network.Subnets, p.Network.SecurityGroups)
	// Output:
	// FARGATE [subnet-1] [sg-1]
}

// failed is a task whose container app exited with 1 after a line of its log.
func failed(line string) ecsx.StoppedTask {
	one := 1
	t := ecsx.StoppedTask{
		StopCode: types.TaskStopCodeEssentialContainerExited, Reason: "Essential container in task exited",
		Containers: []ecsx.StoppedContainer{{Name: "app", Essential: true, ExitCode: &one, Log: ecsx.Log{State: "complete", Lines: []ecsx.Line{{Message: line}}}}},
	}
	t.Cause = t.Classify()
	return t
}

// Of many failed tasks, the one that says most.
func ExampleRootCause() {
	cause, ok := ecsx.RootCause([]ecsx.StoppedTask{failed("FATAL: no such column"), failed("FATAL: no such column")})
	fmt.Println(cause.Summary, ok)
	// Output:
	// container app exited with 1: FATAL: no such column true
}

// A crash loop is one line.
func ExampleGroupFailures() {
	for _, g := range ecsx.GroupFailures([]ecsx.StoppedTask{failed("FATAL: request 17 refused"), failed("FATAL: request 18 refused")}) {
		fmt.Println(g.Count, g.Cause.Summary)
	}
	// Output:
	// 2 container app exited with 1: FATAL: request 17 refused
}

// One file per task, for the people who look at it tomorrow.
func ExampleFolder() {
	dir, err := os.MkdirTemp("", "evidence")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	task := failed("FATAL: no")
	task.ARN = "arn:aws:ecs:us-east-1:123456789012:task/prod/0123"
	err = ecsx.Folder(dir)(task) // what WaitStoppedTaskLogs calls with each task
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	fmt.Println(len(files) > 0, err)
	// Output:
	// true <nil>
}

// One JSON object a line, for a log collector.
func ExampleJSONLines() {
	sink := ecsx.JSONLines(os.Stdout)
	err := sink(ecsx.StoppedTask{ARN: "arn:aws:ecs:us-east-1:123456789012:task/prod/0123", Reason: "Scaling activity initiated by deployment"})
	fmt.Println(err)
	// Output:
	// {"version":1,"arn":"arn:aws:ecs:us-east-1:123456789012:task/prod/0123","reason":"Scaling activity initiated by deployment","cause":{"class":"","summary":""}}
	// <nil>
}

// Everything that a cluster needs of its registries.
func ExampleUses() {
	_, api := exampleCloud()
	needed := map[string]int{}
	for use, err := range ecsx.Uses(context.Background(), api, "prod") {
		if err != nil {
			fmt.Println(err)
			return
		}
		needed[use.Ref]++
	}
	fmt.Println(len(needed) > 0)
	// Output:
	// true
}

// The images of a resource of type AWS::ECS::TaskDefinition, for cfnx.Uses.
func ExampleTaskDefinitionImages() {
	_, api := exampleCloud()
	images, err := ecsx.TaskDefinitionImages(api)(context.Background(), "AWS::ECS::TaskDefinition", "app:1")
	fmt.Println(slices.Sorted(slices.Values(images)), err)
	// Output:
	// [123456789012.dkr.ecr.us-east-1.amazonaws.com/app:v1] <nil>
}

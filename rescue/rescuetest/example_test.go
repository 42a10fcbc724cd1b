package rescuetest_test

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// Any SDK client works on the simulated account.
func ExampleNew() {
	cloud := rescuetest.New()
	client := ecs.NewFromConfig(cloud.Config())
	if _, err := client.CreateCluster(context.Background(), &ecs.CreateClusterInput{ClusterName: aws.String("prod")}); err != nil {
		fmt.Println(err)
		return
	}
	out, err := client.DescribeClusters(context.Background(), &ecs.DescribeClustersInput{Clusters: []string{"prod"}})
	fmt.Println(*out.Clusters[0].Status, err)
	// Output:
	// ACTIVE <nil>
}

// What can go wrong, by name.
func ExampleIncidents() {
	fmt.Println(rescuetest.Incidents()["flat-stack"])
	// Output:
	// One stack without nested ones: the running image has expired and the new one crashes.
}

// A stack that is stuck, to rehearse on.
func ExampleNewIncident() {
	in, err := rescuetest.NewIncident(context.Background(), "flat-stack")
	if err != nil {
		fmt.Println(err)
		return
	}
	out, err := cloudformation.NewFromConfig(in.Cloud.Config()).DescribeStacks(context.Background(), &cloudformation.DescribeStacksInput{StackName: &in.Stack})
	fmt.Println(out.Stacks[0].StackStatus, err)
	// Output:
	// UPDATE_ROLLBACK_FAILED <nil>
}

// The incident this library began with, with more tasks.
func ExampleExpiredRollbackImage() {
	in, err := rescuetest.ExpiredRollbackImage(context.Background(), func(o *rescuetest.IncidentOptions) { o.Desired = 3 })
	if err != nil {
		fmt.Println(err)
		return
	}
	in.Do(func() { fmt.Println("schema", in.Database.Schema, "recorded", in.Database.Revision) })
	// Output:
	// schema 8c5e1b40d2aa recorded 3f2a9c1d7b04
}

// A scenario that people can read, with its outcome.
func ExampleCloud_Script() {
	transcript, err := rescuetest.New().Script(context.Background(), `template web
Resources: {Topic: {Type: AWS::SNS::Topic}}
----

deploy prod web
----
`, nil)
	fmt.Println(transcript, err)
	// Output:
	// template web
	// Resources: {Topic: {Type: AWS::SNS::Topic}}
	// ----
	//
	// deploy prod web
	// ----
	// prod CREATE_COMPLETE
	//  <nil>
}

// The first call is throttled, as AWS does, and the SDK retries it.
func ExampleCloud_Inject() {
	cloud := rescuetest.New()
	client := ecs.NewFromConfig(cloud.Config())
	cloud.Inject(simtype.Fault{Action: "ecs:ListClusters", Nth: 1, Kind: simtype.Throttle})
	_, err := client.ListClusters(context.Background(), &ecs.ListClustersInput{})
	fmt.Println(err)
	fmt.Print(rescuetest.CallCounts(cloud.Calls()))
	// Output:
	// <nil>
	//    2 ecs:ListClusters
}

// A resource whose update fails, and CloudFormation's way back.
func ExampleCloud_FailResource() {
	cloud := rescuetest.New()
	cloud.FailResource("prod", "Topic", simtype.OnUpdate, "Invalid parameter: DisplayName")
	transcript, err := cloud.Script(context.Background(), `template web
Parameters: {Name: {Type: String}}
Resources: {Topic: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Ref Name}}}
----

deploy prod web Name=one
----

deploy prod web Name=two
----
`, nil)
	fmt.Println(transcript[len(transcript)-len("prod UPDATE_ROLLBACK_COMPLETE\n"):], err)
	// Output:
	// prod UPDATE_ROLLBACK_COMPLETE
	//  <nil>
}

// Eight days pass at once.
func ExampleCloud_Advance() {
	cloud := rescuetest.New(func(o *rescuetest.Options) { o.Start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC) })
	cloud.Advance(8 * 24 * time.Hour)
	fmt.Println(cloud.Now().UTC().Format(time.DateOnly))
	// Output:
	// 2026-03-09
}

func ExampleCallCounts() {
	cloud := rescuetest.New()
	client := ecs.NewFromConfig(cloud.Config())
	for range 2 {
		if _, err := client.ListClusters(context.Background(), &ecs.ListClustersInput{}); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Print(rescuetest.CallCounts(cloud.Calls()))
	// Output:
	// 2 ecs:ListClusters
}

const programScript = `repository app
----

push app v1
----

template web
Resources:
  Cluster: {Type: AWS::ECS::Cluster, Properties: {ClusterName: prod}}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties: {Family: app, ContainerDefinitions: [{Name: app, Image: $REGISTRY/app:v1, HealthCheck: {Command: [CMD, "true"], Interval: 10, Retries: 3}}]}
  Service: {Type: AWS::ECS::Service, Properties: {ServiceName: app, Cluster: !Ref Cluster, TaskDefinition: !Ref Task, DesiredCount: 1, DeploymentConfiguration: {DeploymentCircuitBreaker: {Enable: true, Rollback: true}}}}
----

deploy prod web
----
`

// deployed says how the stack ends whose image is the program.
func deployed(run simtype.Program) {
	cloud := rescuetest.New()
	push := func(context.Context, []string, string) (string, error) {
		_, err := cloud.PushImage("app", "v1", run, "v1")
		return "", err
	}
	if _, err := cloud.Script(context.Background(), programScript, map[string]rescuetest.ScriptCommand{"push": push}); err != nil {
		fmt.Println(err)
		return
	}
	out, err := cloudformation.NewFromConfig(cloud.Config()).DescribeStacks(context.Background(), &cloudformation.DescribeStacksInput{})
	fmt.Println(out.Stacks[0].StackStatus, err)
}

func ExampleRuns() {
	deployed(rescuetest.Runs("listening on :8080"))
	// Output:
	// CREATE_COMPLETE <nil>
}

func ExampleRunsAfter() {
	deployed(rescuetest.RunsAfter(20*time.Second, "warming up"))
	// Output:
	// CREATE_COMPLETE <nil>
}

func ExampleExits() {
	deployed(rescuetest.Exits(1, 5*time.Second, "FATAL: no database"))
	// Output:
	// ROLLBACK_COMPLETE <nil>
}

func ExampleNeverHealthy() {
	deployed(rescuetest.NeverHealthy("deadlocked"))
	// Output:
	// ROLLBACK_COMPLETE <nil>
}

// A replica that waits for a migration.
func ExampleWaitsFor() {
	begun := time.Now()
	deployed(rescuetest.WaitsFor(func() bool { return !begun.IsZero() }, time.Second, "waiting for the schema"))
	// Output:
	// CREATE_COMPLETE <nil>
}

func ExampleParseProgram() {
	run, err := rescuetest.ParseProgram("exits:1:5s")
	if err != nil {
		fmt.Println(err)
		return
	}
	deployed(run)
	// Output:
	// ROLLBACK_COMPLETE <nil>
}

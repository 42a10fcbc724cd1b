package cfnx_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// exampleStack is the stack "prod", stuck in UPDATE_ROLLBACK_FAILED, in an account
// that runs 20,000 times as fast as this one.
func exampleStack(optFns ...func(*rescuetest.IncidentOptions)) (*rescuetest.Cloud, *cloudformation.Client, *s3.Client) {
	fast := func(o *rescuetest.IncidentOptions) {
		o.Speed, o.Latency, o.NoRateLimits = 20000, 50*time.Microsecond, true
	}
	in, err := rescuetest.ExpiredRollbackImage(context.Background(), append(optFns, fast)...)
	if err != nil {
		panic(err)
	}
	return in.Cloud, cloudformation.NewFromConfig(in.Cloud.Config()), s3.NewFromConfig(in.Cloud.Config())
}

// exampleUnlock continues the rollback and pushes images that run.
func exampleUnlock(cloud *rescuetest.Cloud, api *cloudformation.Client) {
	poll := func(o *cfnx.ContinueOptions) { o.Interval = cloud.Wall(5 * time.Second) }
	if _, err := cfnx.ContinueRollbackSkipping(context.Background(), api, "prod", cfnx.SkipMinimal, poll); err != nil {
		panic(err)
	}
	for _, repository := range []string{"backend", "backend-nginx"} {
		if _, err := cloud.PushImage(repository, repository+" v3", rescuetest.Runs(), "v3"); err != nil {
			panic(err)
		}
	}
}

// toV3 is a resolver, as ecrx.Resolver makes one that asks the registry.
func toV3(_ context.Context, ref string) (string, error) {
	return strings.Replace(ref, ":v1", ":v3", 1), nil
}

// Why the update failed, and why the way back did: two answers.
func ExampleSnapshot() {
	_, api, _ := exampleStack()
	tree, err := cfnx.Snapshot(context.Background(), api, "prod")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(tree.Root.Status)
	causes := tree.Causes()
	for _, f := range causes.Update {
		fmt.Println("update:", f.LogicalID)
	}
	for _, f := range causes.Rollback {
		fmt.Println("rollback:", f.LogicalID)
	}
	// Output:
	// UPDATE_ROLLBACK_FAILED
	// update: Service
	// rollback: Instance
	// rollback: Service
}

// The stack can be updated again, with the fewest resources skipped.
func ExampleContinueRollbackSkipping() {
	cloud, api, _ := exampleStack()
	c, err := cfnx.ContinueRollbackSkipping(context.Background(), api, "prod", cfnx.SkipMinimal, func(o *cfnx.ContinueOptions) {
		o.Interval = cloud.Wall(5 * time.Second)
		o.Before = func(r cfnx.Round) error { // show it to somebody; an error stops here
			for _, s := range r.Skips {
				fmt.Println("skip", s.LogicalID)
			}
			return nil
		}
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.From, "->", c.To)
	// Output:
	// skip Service
	// UPDATE_ROLLBACK_FAILED -> UPDATE_ROLLBACK_COMPLETE
}

// What has to be skipped, and what of it becomes wrong.
func ExampleTree_PlanSkips() {
	_, api, _ := exampleStack()
	tree, err := cfnx.Snapshot(context.Background(), api, "prod")
	if err != nil {
		fmt.Println(err)
		return
	}
	skips, _ := tree.PlanSkips()
	for _, s := range skips {
		fmt.Println(s.LogicalID, s.Type, s.Impact.Outputs)
	}
	// Output:
	// Service AWS::ECS::Service [ServiceName]
}

// The ways to choose what a continued rollback skips.
func ExampleSkipMinimal() {
	_, api, _ := exampleStack()
	tree, err := cfnx.Snapshot(context.Background(), api, "prod")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("minimal:", len(cfnx.SkipMinimal(tree)))
	fmt.Println("services:", len(cfnx.SkipTypes("AWS::ECS::Service")(tree)))
	fmt.Println("databases:", len(cfnx.SkipTypes("AWS::RDS::DBInstance")(tree)))
	fmt.Println("named:", len(cfnx.SkipOnly(cfnx.SkipMinimal(tree)[0].Name)(tree)))
	// Output:
	// minimal: 1
	// services: 1
	// databases: 0
	// named: 1
}

// The stack as the team's own next deploy leaves it: on images that exist.
func ExamplePatchTemplateImages() {
	cloud, api, bucket := exampleStack()
	exampleUnlock(cloud, api)
	applied, err := cfnx.PatchTemplateImages(context.Background(), api, bucket, "prod", toV3, func(o *cfnx.ApplyOptions) { o.Interval, o.DryRun = cloud.Wall(5*time.Second), true })
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, i := range applied.Images {
		fmt.Println(i.Container, i.From[strings.LastIndex(i.From, ":"):], "->", i.To[strings.LastIndex(i.To, ":"):])
	}
	for _, c := range applied.Changes {
		fmt.Println(c.Action, c.LogicalID)
	}
	// Output:
	// backend :v1 -> :v3
	// backend-nginx :v1 -> :v3
	// Modify App
	// Modify Service
	// Modify TaskDefinition
}

// Outputs that an earlier skip has lost, with the values that are still known.
func ExampleRestoreOutputs() {
	cloud, api, bucket := exampleStack()
	exampleUnlock(cloud, api)
	source := func(_ context.Context, lost cfnx.LostOutput) (string, error) {
		if lost.Known != "" {
			return lost.Known, nil
		}
		return lost.Resource.PhysicalID, nil // ask the resource's own service
	}
	applied, err := cfnx.RestoreOutputs(context.Background(), api, bucket, "prod", nil, source, func(o *cfnx.ApplyOptions) { o.Interval, o.DryRun = cloud.Wall(5*time.Second), true })
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, o := range applied.Outputs {
		fmt.Println(o.Key)
	}
	// Output:
	// ServiceName
	// SecretArn
	// Host
}

// A draft is changed in memory; nothing is sent before Apply.
func ExampleTree_NewDraft() {
	ctx := context.Background()
	cloud, api, bucket := exampleStack()
	exampleUnlock(cloud, api)
	tree, err := cfnx.Snapshot(ctx, api, "prod")
	if err != nil {
		fmt.Println(err)
		return
	}
	draft, err := tree.NewDraft(ctx, bucket)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = draft.PatchImages(ctx, toV3)
	for _, s := range draft.Changed() {
		fmt.Println(s.LogicalID, len(draft.Template(s.ID)) > 0, err)
	}
	// Output:
	// App true <nil>
}

// One change set for the whole tree, refused if it replaces or removes anything.
func ExampleDraft_Apply() {
	ctx := context.Background()
	cloud, api, bucket := exampleStack(func(o *rescuetest.IncidentOptions) { o.Switches.OutputsAfterSkip = "kept" })
	exampleUnlock(cloud, api)
	tree, err := cfnx.Snapshot(ctx, api, "prod")
	if err != nil {
		fmt.Println(err)
		return
	}
	draft, err := tree.NewDraft(ctx, bucket)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err = draft.PatchImages(ctx, toV3); err != nil {
		fmt.Println(err)
		return
	}
	applied, err := draft.Apply(ctx, api, bucket, func(o *cfnx.ApplyOptions) { o.Interval = cloud.Wall(5 * time.Second) })
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(applied.Status)
	// Output:
	// UPDATE_COMPLETE
}

// What the stacks are, before anything is touched: outputs, exports and who
// imports them.
func ExampleTree_Record() {
	_, api, _ := exampleStack()
	tree, err := cfnx.Snapshot(context.Background(), api, "prod")
	if err != nil {
		fmt.Println(err)
		return
	}
	ledger, err := tree.Record(context.Background(), api)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(ledger.Stacks))
	// Output:
	// 4
}

// Waits for the operation that is under way, if there is one.
func ExampleWait() {
	cloud, api, _ := exampleStack()
	status, err := cfnx.Wait(context.Background(), api, "prod", func(o *cfnx.WaitOptions) { o.Interval = cloud.Wall(5 * time.Second) })
	fmt.Println(status, err)
	// Output:
	// UPDATE_ROLLBACK_FAILED <nil>
}

// Where a nested stack's template is kept.
func ExampleStack_TemplateObject() {
	_, api, _ := exampleStack()
	tree, err := cfnx.Snapshot(context.Background(), api, "prod")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range tree.Root.Children {
		bucket, key, err := s.TemplateObject()
		fmt.Println(bucket, key, err)
	}
	// Output:
	// prod-templates app/v1.yaml <nil>
	// prod-templates database/v1.yaml <nil>
	// prod-templates network/v1.yaml <nil>
}

// The images that a stack's resources run: what a clean-up must not delete.
func ExampleUses() {
	cloud, api, _ := exampleStack()
	images := ecsx.TaskDefinitionImages(ecs.NewFromConfig(cloud.Config()))
	for use, err := range cfnx.Uses(context.Background(), api, "prod", images) {
		_, image, _ := strings.Cut(use.Ref, "/")
		fmt.Println(image, err)
	}
	// Output:
	// backend:v1 <nil>
	// backend-nginx:v1 <nil>
}

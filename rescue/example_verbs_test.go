package rescue_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// exampleIncident is a stack whose running image has expired and whose new one
// crashes, and the options that make a wait as short as the cloud's clock allows.
func exampleIncident() (*rescuetest.Incident, func(*rescue.Options)) {
	in, err := rescuetest.NewIncident(context.Background(), "flat-stack", func(o *rescuetest.IncidentOptions) { o.Speed, o.Latency = 4000, 50*time.Microsecond })
	if err != nil {
		panic(err)
	}
	return in, func(o *rescue.Options) {
		o.Interval, o.Settle, o.Soak, o.Now = in.Cloud.Wall(5*time.Second), in.Cloud.Wall(10*time.Second), in.Cloud.Wall(5*time.Minute), in.Cloud.Now
		o.Confirm = func(rescue.Step) bool { return true } // ask somebody
	}
}

// Where a stack is, why, and who suffers: reads only.
func ExampleDiagnose() {
	in, options := exampleIncident()
	d, err := rescue.Diagnose(context.Background(), in.Cloud.Config(), in.Stack, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Situation)
	fmt.Println(d.Users[0])
	// Output:
	// stuck
	// service prod/app does NOT serve: 0 of 2 tasks run
}

// Every direction, with what it would do or why it cannot be taken.
func ExampleDiagnosis_Compare() {
	in, options := exampleIncident()
	d, err := rescue.Diagnose(context.Background(), in.Cloud.Config(), in.Stack, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range d.Compare(rescue.Choices{Freeze: true}) {
		fmt.Println(p.Direction, p.Plan != nil, p.Proposed)
	}
	// Output:
	// serve true false
	// forward true true
	// hold true false
	// back false false
}

// A plan is data: show it, save it, let a second person read it.
func ExampleMakePlan() {
	in, options := exampleIncident()
	d, err := rescue.Diagnose(context.Background(), in.Cloud.Config(), in.Stack, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := rescue.MakePlan(d, rescue.Choices{Direction: rescue.Hold, Freeze: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range p.Steps {
		fmt.Println(s.ID)
	}
	// Output:
	// 1-redeploy
	// 2-unlock
	// 3-verify
}

// The plan is carried out step by step; each is allowed the calls it has announced.
func ExampleRun() {
	ctx := context.Background()
	in, options := exampleIncident()
	if _, err := in.Cloud.PushImage("app", "mended", rescuetest.Runs(), "v2"); err != nil { // the team's build
		fmt.Println(err)
		return
	}
	d, err := rescue.Diagnose(ctx, in.Cloud.Config(), in.Stack, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := rescue.MakePlan(d, rescue.Choices{Direction: rescue.Forward})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := rescue.Run(ctx, in.Cloud.Config(), p, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Result)
	fmt.Println(r.Users[0])
	// Output:
	// rescued
	// service prod/app serves: 2 of 2 tasks run
}

// Would a rollback succeed? Ask before a deploy, or every night.
func ExampleGuard() {
	in, _ := exampleIncident()
	g, err := rescue.Guard(context.Background(), in.Cloud.Config(), in.Stack, func(o *rescue.GuardOptions) { o.Now = in.Cloud.Now })
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range g.Failed() {
		fmt.Println(c.What)
	}
	// Output:
	// users of prod/app are served
	// stack prod rests
	// image 123456789012.dkr.ecr.us-east-1.amazonaws.com/app:v1 is there
	// service prod/app: tasks serve while a deployment goes on
}

// The morning after: what a rescue has left behind is taken back.
func ExampleFinish() {
	in, _ := exampleIncident()
	_, err := rescue.Finish(context.Background(), in.Cloud.Config(), in.Stack, func(o *rescue.FinishOptions) { o.DryRun, o.Now = true, in.Cloud.Now })
	fmt.Println(errors.Is(err, rescue.ErrUnfinished)) // the stack is still stuck
	// Output:
	// true
}

// Evidence outlives the account's memory: read again, it is explained offline.
func ExampleBundle_Explain() {
	in, options := exampleIncident()
	dir, err := os.MkdirTemp("", "evidence")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	d, err := rescue.Diagnose(context.Background(), in.Cloud.Config(), in.Stack, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := d.Evidence().Write(dir); err != nil {
		fmt.Println(err)
		return
	}
	b, err := rescue.OpenBundle(dir) // tomorrow, on another machine
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(b.Explain().Situation)
	// Output:
	// stuck
}

// A folder of evidence, whoever wrote it.
func ExampleOpenBundle() {
	_, err := rescue.OpenBundle("no-such-folder")
	fmt.Println(errors.Is(err, os.ErrNotExist))
	// Output:
	// true
}

// Evidence that was kept somewhere else than in a folder.
func ExampleBundle_UnmarshalJSON() {
	var b rescue.Bundle
	err := json.Unmarshal([]byte(`{"version": 999}`), &b)
	fmt.Println(err)
	// Output:
	// evidence: version 999, this program reads 1 to 2
}

// The policy of a role that only looks.
func ExampleReadActions() {
	for _, a := range rescue.ReadActions() {
		if strings.HasPrefix(a, "cloudformation:") {
			fmt.Println(a)
		}
	}
	// Output:
	// cloudformation:DescribeStacks
	// cloudformation:DescribeStackEvents
	// cloudformation:ListStackResources
	// cloudformation:GetTemplate
	// cloudformation:DescribeChangeSet
	// cloudformation:GetStackPolicy
	// cloudformation:ListImports
}

// How long ECS lets a container wait for a migration.
func ExamplePatience() {
	service := &types.Service{HealthCheckGracePeriodSeconds: aws.Int32(60)}
	definition := &types.TaskDefinition{ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("web"), Essential: aws.Bool(true), StopTimeout: aws.Int32(30)}}}
	p, err := rescue.Patience(service, definition, "")
	if err != nil {
		fmt.Println(err)
		return
	}
	p.MaxWait = 30 * time.Minute
	fmt.Println(p.Check())
	// Output:
	// <nil>
}

// What the morning after has paid, and what only people can do.
func ExampleFinished_String() {
	fmt.Print((&rescue.Finished{Stack: "prod", Done: []string{"repository app: lifecycle policy put back"}, Open: []string{"template: image app:v2 is a literal"}}))
	// Output:
	// FINISHED  stack prod
	// DONE
	//   repository app: lifecycle policy put back
	// STILL OPEN
	//   template: image app:v2 is a literal
}

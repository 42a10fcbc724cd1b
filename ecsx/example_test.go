package ecsx_test

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/ecsx"
)

// A task that was stopped because its sidecar was killed with it: what counts
// is the container that exited first.
func ExampleClassify() {
	one, killed := 1, 137
	c := ecsx.Classify(ecsx.StoppedTask{
		Group: "service:web", StopCode: types.TaskStopCodeEssentialContainerExited, Reason: "Essential container in task exited",
		Containers: []ecsx.StoppedContainer{
			{Name: "proxy", Essential: true, ExitCode: &killed},
			{Name: "app", Essential: true, ExitCode: &one, Log: ecsx.Log{State: ecsx.LogComplete, Lines: []ecsx.Line{
				{Message: "starting"}, {Message: "FATAL: column users.plan does not exist"},
			}}},
		},
	})
	fmt.Println(c.Class)
	fmt.Println(c.Summary)
	fmt.Println(c.Class.NextStep())
	// Output:
	// application
	// container app exited with 1: FATAL: column users.plan does not exist
	// read the container's log
}

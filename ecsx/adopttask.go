package ecsx

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/stackrescue/stackrescue/internal/awsretry"
)

// adoptTaskAPI is RunTask and DescribeTasks of *ecs.Client.
type adoptTaskAPI interface {
	ecs.DescribeTasksAPIClient
	RunTask(context.Context, *ecs.RunTaskInput, ...func(*ecs.Options)) (*ecs.RunTaskOutput, error)
}

// adoptions is how many ended tasks of one spec are passed over.
const adoptions = 100

// AdoptTask returns the ARN of the task in flight that an earlier call with an
// equal spec has started, on whatever machine, or starts one. It does not wait; see
// [TaskSpec.WaitTask].
//
// Token is any text here: the client token is made of the whole spec, so
// that another cluster, revision or command is another task. A task that has
// stopped, whatever its exit code, is not adopted: running again starts a new
// one. One that stops in the moment between its start and the look at it counts
// as stopped.
//
// Calls ecs:RunTask, ecs:DescribeTasks. Needs iam:PassRole on the task's roles.
// Safe to repeat.
func (spec TaskSpec) AdoptTask(ctx context.Context, api adoptTaskAPI) (string, error) {
	// A token is good for 24 hours, or until an hour after the task has ended,
	// and gets the answer that was given first: the state of the task has to be
	// asked for.
	//
	// Source:
	// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
	content, err := json.Marshal(spec)
	if err != nil {
		return "", fmt.Errorf("run task %s: %w", afterSlash(spec.TaskDefinition), err)
	}
	for n := range adoptions {
		sum := sha256.Sum256(fmt.Append(content, n))
		spec.Token = ownerValue + "-" + hex.EncodeToString(sum[:20])
		arns, err := startTasks(ctx, api, spec, 1)
		if e, ok := errors.AsType[*StartError](err); ok && len(e.Failures) == 0 {
			continue // a token of which the task is forgotten
		}
		if err != nil {
			return "", err
		}
		arn := arns[0]
		out, err := awsretry.Read(ctx, 2*time.Second, readTries, func(ctx context.Context) (*ecs.DescribeTasksOutput, error) {
			return api.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: aws.String(cmp.Or(spec.Cluster, "default")), Tasks: []string{arn}})
		})
		if err != nil {
			return "", fmt.Errorf("task %s: %w", afterSlash(arn), err)
		}
		if len(out.Tasks) == 0 || aws.ToString(out.Tasks[0].LastStatus) != "STOPPED" {
			return arn, nil // a new task may not be visible yet (docs/aws/ecs.md 1.1)
		}
	}
	return "", fmt.Errorf("run task %s: %d equal tasks have ended within a day: give another token", afterSlash(spec.TaskDefinition), adoptions)
}

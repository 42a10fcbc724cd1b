package ecsx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/internal/awsretry"
	"github.com/stackrescue/stackrescue/internal/poll"
)

// StartTaskAPI is RunTask of *ecs.Client.
type StartTaskAPI interface {
	RunTask(context.Context, *ecs.RunTaskInput, ...func(*ecs.Options)) (*ecs.RunTaskOutput, error)
}

// WaitTaskAPI is DescribeTasks and DescribeTaskDefinition of *ecs.Client.
type WaitTaskAPI interface {
	ecs.DescribeTasksAPIClient
	DescribeTaskDefinition(context.Context, *ecs.DescribeTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error)
}

// RunTaskAPI is what [StartTaskAPI] and [WaitTaskAPI] have, of *ecs.Client.
type RunTaskAPI interface {
	StartTaskAPI
	WaitTaskAPI
}

// named makes a [StoppedTasksAPI] for queries that name their tasks, which are
// never listed.
type named struct{ WaitTaskAPI }

func (named) ListTasks(context.Context, *ecs.ListTasksInput, ...func(*ecs.Options)) (*ecs.ListTasksOutput, error) {
	return nil, errors.New("tasks that are named are not listed")
}

// TaskSpec is a one-off task.
type TaskSpec struct {
	// Cluster is the cluster's name or ARN; "" is "default".
	Cluster string `json:"cluster,omitempty"`
	// TaskDefinition is an ARN, "family:revision" or "family".
	TaskDefinition string `json:"taskDefinition"`
	// Placement is where it runs; a service's can be used: [PlacementOf].
	Placement
	// Overrides change commands and environments, by container.
	Overrides []ContainerOverride `json:"overrides,omitempty"`
	// Token makes the start safe to repeat, 1 to 64 characters: the same token
	// with the same spec finds the task that was started before. "" lets the
	// SDK make one, which does not outlive the call.
	Token string `json:"token,omitempty"`
	// StartedBy is put on the task, at most 128 letters, digits, "-", "_", "/".
	StartedBy string `json:"startedBy,omitempty"`
}

// StartTask starts one task of spec and returns its ARN, without waiting. A
// task that could not be placed is a *[StartError] with every reason.
//
// Calls ecs:RunTask. Needs iam:PassRole on the task's roles. Safe to repeat
// with a token.
func StartTask(ctx context.Context, api StartTaskAPI, spec TaskSpec) (string, error) {
	in := &ecs.RunTaskInput{
		Cluster: aws.String(cmp.Or(spec.Cluster, "default")), TaskDefinition: &spec.TaskDefinition, Count: aws.Int32(1),
		NetworkConfiguration: spec.Network.sdk(), LaunchType: spec.LaunchType, CapacityProviderStrategy: strategy(spec.CapacityProviders), Overrides: overrides(spec.Overrides),
	}
	if spec.Token != "" {
		in.ClientToken = &spec.Token
	}
	if spec.StartedBy != "" {
		in.StartedBy = &spec.StartedBy
	}
	out, err := awsretry.Read(ctx, 2*time.Second, readTries, func(ctx context.Context) (*ecs.RunTaskOutput, error) { return api.RunTask(ctx, in) })
	if err != nil {
		return "", fmt.Errorf("run task %s: %w", afterSlash(spec.TaskDefinition), err)
	}
	if len(out.Tasks) == 0 {
		e := &StartError{}
		for _, f := range out.Failures {
			s := aws.ToString(f.Reason)
			if d := aws.ToString(f.Detail); d != "" {
				s += ": " + d
			}
			e.Failures = append(e.Failures, s)
		}
		return "", e
	}
	return aws.ToString(out.Tasks[0].TaskArn), nil
}

func overrides(list []ContainerOverride) *types.TaskOverride {
	if len(list) == 0 {
		return nil
	}
	out := &types.TaskOverride{}
	for _, o := range list {
		x := types.ContainerOverride{Name: aws.String(o.Container), Command: o.Command}
		for _, k := range slices.Sorted(maps.Keys(o.Environment)) {
			x.Environment = append(x.Environment, types.KeyValuePair{Name: aws.String(k), Value: aws.String(o.Environment[k])})
		}
		out.ContainerOverrides = append(out.ContainerOverrides, x)
	}
	return out
}

// RunTask starts one task of spec, waits until it has stopped and returns it
// with all its containers and their whole logs. It returns nil as error only
// when every essential container ran and exited with 0; otherwise the error is
// a *[TaskError], and the task is returned too.
//
// When ctx ends, the task goes on running; call again with the same Token to
// wait for it.
//
// Calls ecs:RunTask, ecs:DescribeTasks, ecs:DescribeTaskDefinition,
// logs:FilterLogEvents. Needs iam:PassRole on the task's roles. Safe to repeat
// with a token.
func RunTask(ctx context.Context, api RunTaskAPI, logs LogsAPI, spec TaskSpec, optFns ...func(*StoppedOptions)) (*StoppedTask, error) {
	arn, err := StartTask(ctx, api, spec)
	if err != nil {
		return nil, err
	}
	return WaitTask(ctx, api, logs, spec.Cluster, arn, optFns...)
}

// WaitTask waits until the one-off task has stopped; see [RunTask].
//
// Calls ecs:DescribeTasks, ecs:DescribeTaskDefinition, logs:FilterLogEvents.
// Safe to repeat.
func WaitTask(ctx context.Context, api WaitTaskAPI, logs LogsAPI, cluster, arn string, optFns ...func(*StoppedOptions)) (*StoppedTask, error) {
	var task *StoppedTask
	err := WaitStoppedTaskLogs(ctx, named{api}, logs, Query{Cluster: cluster, Tasks: []string{arn}}, func(t StoppedTask) error {
		task = &t
		return nil
	}, optFns...)
	switch {
	case err != nil:
		return task, err
	case task == nil:
		return nil, fmt.Errorf("task %s: %w", afterSlash(arn), poll.Ended(ctx, ErrNotFound))
	case task.Expired:
		return task, fmt.Errorf("task %s: %w", afterSlash(arn), ErrNotFound)
	case task.Cause.Class != ClassSucceeded:
		return task, &TaskError{Task: *task}
	}
	return task, nil
}

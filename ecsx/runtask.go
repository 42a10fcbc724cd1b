package ecsx

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/internal/awsretry"
	"github.com/stackrescue/stackrescue/internal/clock"
	"github.com/stackrescue/stackrescue/internal/poll"
)

// startTaskAPI is RunTask of *ecs.Client.
type startTaskAPI interface {
	RunTask(context.Context, *ecs.RunTaskInput, ...func(*ecs.Options)) (*ecs.RunTaskOutput, error)
}

// waitTaskAPI is DescribeTasks and DescribeTaskDefinition of *ecs.Client.
type waitTaskAPI interface {
	ecs.DescribeTasksAPIClient
	DescribeTaskDefinition(context.Context, *ecs.DescribeTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error)
}

// runTaskAPI is RunTask, DescribeTasks and DescribeTaskDefinition of
// *ecs.Client.
type runTaskAPI interface {
	waitTaskAPI
	RunTask(context.Context, *ecs.RunTaskInput, ...func(*ecs.Options)) (*ecs.RunTaskOutput, error)
}

// named makes a [StoppedTasksAPI] for queries that name their tasks, which are
// never listed.
type named struct{ waitTaskAPI }

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

// maxCount is how many tasks one call starts
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html).
const maxCount = 10

// startTasks starts count tasks of spec and returns their ARNs, without waiting.
// If too few could be placed the error is a *[StartError] with every reason.
func startTasks(ctx context.Context, api startTaskAPI, spec TaskSpec, count int) ([]string, error) {
	if count < 1 || count > maxCount {
		return nil, fmt.Errorf("run task %s: %d tasks: from 1 to %d can be started at a time", afterSlash(spec.TaskDefinition), count, maxCount)
	}
	in := &ecs.RunTaskInput{
		Cluster: aws.String(cmp.Or(spec.Cluster, "default")), TaskDefinition: &spec.TaskDefinition, Count: aws.Int32(int32(count)),
		NetworkConfiguration: spec.Network.sdk(), LaunchType: spec.LaunchType, CapacityProviderStrategy: strategy(spec.CapacityProviders), Overrides: overrides(spec.Overrides),
	}
	// A start without a token is not safe to repeat, so one is made for the call.
	in.ClientToken = aws.String(cmp.Or(spec.Token, rand.Text()))
	if spec.PlatformVersion != "" {
		in.PlatformVersion = &spec.PlatformVersion
	}
	if spec.StartedBy != "" {
		in.StartedBy = &spec.StartedBy
	}
	out, err := awsretry.Read(ctx, 2*time.Second, readTries, func(ctx context.Context) (*ecs.RunTaskOutput, error) { return api.RunTask(ctx, in) })
	if err != nil {
		return nil, fmt.Errorf("run task %s: %w", afterSlash(spec.TaskDefinition), err)
	}
	var arns []string
	for _, t := range out.Tasks {
		arns = append(arns, aws.ToString(t.TaskArn))
	}
	if len(arns) >= count {
		return arns, nil
	}
	e := &StartError{Started: len(arns)}
	for _, f := range out.Failures {
		s := aws.ToString(f.Reason)
		if d := aws.ToString(f.Detail); d != "" {
			s += ": " + d
		}
		e.Failures = append(e.Failures, s)
	}
	return arns, e
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
// a *[TaskError], and the task is returned too. A task that could not be placed is
// a *[StartError].
//
// When ctx ends, the task goes on running, unless StoppedOptions.Stopper is set;
// call again with the same Token to wait for it.
//
// Calls ecs:RunTask, ecs:DescribeTasks, ecs:DescribeTaskDefinition,
// logs:FilterLogEvents. Needs iam:PassRole on the task's roles. Safe to repeat
// with a token.
func (spec TaskSpec) RunTask(ctx context.Context, api runTaskAPI, logs cloudwatchlogs.FilterLogEventsAPIClient, optFns ...func(*StoppedOptions)) (*StoppedTask, error) {
	tasks, err := spec.RunTasks(ctx, api, logs, 1, optFns...)
	if len(tasks) == 0 {
		return nil, err
	}
	return &tasks[0], err
}

// RunTasks starts count tasks of spec, at most 10, waits until all have stopped
// and returns them in the order in which they ended; see [TaskSpec.RunTask]. The
// error joins a *[TaskError] for each that failed and, where fewer than count could be
// placed, a *[StartError]: those that were placed are waited for.
//
// Calls what [TaskSpec.RunTask] calls. Safe to repeat with a token.
func (spec TaskSpec) RunTasks(ctx context.Context, api runTaskAPI, logs cloudwatchlogs.FilterLogEventsAPIClient, count int, optFns ...func(*StoppedOptions)) ([]StoppedTask, error) {
	arns, err := startTasks(ctx, api, spec, count)
	if len(arns) == 0 {
		return nil, err
	}
	tasks, werr := waitTasks(ctx, api, logs, spec.Cluster, arns, optFns)
	if werr != nil && clock.Err(ctx) != nil {
		werr = errors.Join(werr, stopTasks(ctx, spec.Cluster, arns, tasks, optFns))
	}
	if err == nil && len(arns) == 1 {
		return tasks, werr
	}
	return tasks, errors.Join(err, werr)
}

// WaitTask waits until a one-off task in spec's cluster has stopped, such as the one
// that [TaskSpec.AdoptTask] has returned; see [TaskSpec.RunTask]. Nothing but Cluster
// of spec matters.
//
// Calls ecs:DescribeTasks, ecs:DescribeTaskDefinition, logs:FilterLogEvents.
// Safe to repeat.
func (spec TaskSpec) WaitTask(ctx context.Context, api waitTaskAPI, logs cloudwatchlogs.FilterLogEventsAPIClient, arn string, optFns ...func(*StoppedOptions)) (*StoppedTask, error) {
	tasks, err := waitTasks(ctx, api, logs, spec.Cluster, []string{arn}, optFns)
	if len(tasks) == 0 {
		return nil, err
	}
	return &tasks[0], err
}

func waitTasks(ctx context.Context, api waitTaskAPI, logs cloudwatchlogs.FilterLogEventsAPIClient, cluster string, arns []string, optFns []func(*StoppedOptions)) ([]StoppedTask, error) {
	var tasks []StoppedTask
	var errs []error
	seen := map[string]bool{}
	err := WaitStoppedTaskLogs(ctx, named{api}, logs, Query{Cluster: cluster, Tasks: arns}, func(t StoppedTask) error {
		tasks = append(tasks, t)
		seen[afterSlash(t.ARN)] = true
		switch {
		case t.Expired:
			errs = append(errs, fmt.Errorf("task %s: %w", afterSlash(t.ARN), ErrNotFound))
		case t.Cause.Class != classSucceeded:
			errs = append(errs, &TaskError{Task: t})
		}
		return nil
	}, optFns...)
	if err != nil {
		return tasks, err
	}
	for _, arn := range arns {
		if !seen[afterSlash(arn)] {
			errs = append(errs, fmt.Errorf("task %s: %w", afterSlash(arn), poll.Ended(ctx, ErrNotFound)))
		}
	}
	if len(errs) == 1 {
		return tasks, errs[0]
	}
	return tasks, errors.Join(errs...)
}

// stopTasks stops the tasks that have not stopped, where the options say so.
func stopTasks(ctx context.Context, cluster string, arns []string, stopped []StoppedTask, optFns []func(*StoppedOptions)) error {
	var o StoppedOptions
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	if o.Stopper == nil {
		return nil
	}
	ctx, cancel := clock.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	var errs []error
	for _, arn := range arns {
		if slices.ContainsFunc(stopped, func(t StoppedTask) bool { return t.ARN == arn && !t.Stopping }) {
			continue
		}
		if _, err := o.Stopper.StopTask(ctx, &ecs.StopTaskInput{Cluster: aws.String(cmp.Or(cluster, "default")), Task: &arn, Reason: aws.String("the caller of RunTask has ended")}); err != nil {
			errs = append(errs, fmt.Errorf("task %s goes on: %w", afterSlash(arn), err))
		}
	}
	return errors.Join(errs...)
}

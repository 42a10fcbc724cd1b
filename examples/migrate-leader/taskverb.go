package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/migrate"
)

// task is the verb of that name.
func task(ctx context.Context, cfg aws.Config, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("task", flag.ContinueOnError)
	fs.SetOutput(stderr)
	var p place
	fs.StringVar(&p.cluster, "cluster", "", "cluster to run in")
	fs.StringVar(&p.service, "service", "", "service whose network and launch type or capacity providers are used")
	fs.StringVar(&p.definition, "task-definition", "", "FAMILY, FAMILY:REVISION or ARN; of a family of its own")
	fs.StringVar(&p.container, "container", "", "container that runs the command; defaults to the first essential one")
	fs.BoolVar(&p.anyRevision, "any-revision", false, "allow a revision of the service's own family, or of a stack")
	token := fs.String("token", "", "text that tells this task from an equal one, such as the pipeline's run")
	wait := fs.Duration("wait", time.Hour, "longest wait for the task")
	if err := fs.Parse(args); err != nil {
		return usage(err)
	}
	command := fs.Args()
	if p.cluster == "" || p.definition == "" || len(command) == 0 {
		return fmt.Errorf("%w: task: -cluster, -task-definition and a command are needed", errUsage)
	}
	ctx, cancel := context.WithTimeout(ctx, *wait)
	defer cancel()
	api := ecs.NewFromConfig(cfg)
	spec, container, err := p.spec(ctx, api)
	if err != nil {
		return err
	}
	spec.Token, spec.StartedBy = *token, "migrate-leader"
	spec.Overrides = &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{{Name: &container, Command: command}}}
	probe, report := migrate.Reported()
	run := func(ctx context.Context) error {
		arn, err := ecsx.AdoptTask(ctx, api, spec)
		if err != nil {
			return err
		}
		fmt.Fprintln(stderr, "migrate-leader: waiting for", arn)
		t, err := ecsx.WaitTask(ctx, api, cloudwatchlogs.NewFromConfig(cfg), spec.Cluster, arn)
		if ctx.Err() != nil {
			return fmt.Errorf("task %s goes on; the same command, run again, waits for it: %w", arn, err)
		}
		lines, err := ended(t, container, command, err, stdout, stderr)
		if err != nil || !handsBack(command) {
			return err
		}
		res, err := migrate.ReadHandback[migrate.Result](lines, migrate.KindResult)
		if err != nil {
			return fmt.Errorf("%w: %w", migrate.ErrUnverified, err)
		}
		report(res.State)
		return nil
	}
	if !handsBack(command) {
		return run(ctx)
	}
	_, err = migrate.OneOff(ctx, probe, run, func(o *migrate.OneOffOptions) {
		o.Observe = func(e migrate.Event) { fmt.Fprintln(stderr, "migrate-leader:", e) }
	})
	return err
}

// ended prints the container's log, and is nil if the container exited with 0:
// what became of others that were stopped with it does not matter.
func ended(t *ecsx.StoppedTask, container string, command []string, err error, stdout, stderr io.Writer) ([]string, error) {
	c := t.Container(container)
	if c == nil {
		return nil, cmp.Or(err, fmt.Errorf("%w: container %s", ecsx.ErrNotFound, container))
	}
	lines := c.Log.Messages()
	for _, l := range lines {
		fmt.Fprintln(stdout, l)
	}
	if c.Log.State != ecsx.LogComplete && c.Log.State != ecsx.LogEmpty {
		fmt.Fprintf(stderr, "migrate-leader: the log of container %s is %s: %v\n", container, c.Log.State, c.Log.Err)
	}
	switch {
	case c.ExitCode == nil:
		return nil, cmp.Or(err, errors.New("the container has no exit code"))
	case *c.ExitCode != 0:
		return nil, &migrate.ExitError{Args: command, Code: *c.ExitCode, Err: fmt.Errorf("exit code %d in %s", *c.ExitCode, t.ARN)}
	}
	return lines, nil
}

// handsBack reports whether the command is a run that prints its result.
func handsBack(command []string) bool {
	if i := slices.Index(command, "--"); i >= 0 {
		command = command[:i]
	}
	return slices.Contains(command, "run") && (slices.Contains(command, "-handback") || slices.Contains(command, "--handback"))
}

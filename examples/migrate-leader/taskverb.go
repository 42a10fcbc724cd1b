package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/revision"
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
	spec.Overrides = []ecsx.ContainerOverride{{Container: container, Command: command}}
	e := errand{api, cloudwatchlogs.NewFromConfig(cfg), spec, container, command, stderr}
	switch handsBack(command) {
	case "":
		_, err := e.run(ctx, stdout)
		return err
	case "run":
		return e.migrates(ctx, stdout)
	case "inspect":
		lines, err := e.run(ctx, stderr) // stdout is for the result
		return pass[revision.Inspection](stdout, lines, err)
	default:
		lines, err := e.run(ctx, stderr)
		return pass[revision.Stamped](stdout, lines, err)
	}
}

// errand is one command in one task.
type errand struct {
	api       *ecs.Client
	logs      *cloudwatchlogs.Client
	spec      ecsx.TaskSpec
	container string
	command   []string
	stderr    io.Writer
}

// run starts the task, or finds the one in flight, waits for it, and prints the
// container's log to log.
func (e errand) run(ctx context.Context, log io.Writer) ([]string, error) {
	arn, err := e.spec.AdoptTask(ctx, e.api)
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(e.stderr, "migrate-leader: waiting for", arn)
	t, err := e.spec.WaitTask(ctx, e.api, e.logs, arn)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("task %s goes on; the same command, run again, waits for it: %w", arn, err)
	}
	return e.ended(t, err, log)
}

// migrates runs a migration that hands its result back.
func (e errand) migrates(ctx context.Context, stdout io.Writer) error {
	probe, report := migrate.ReportedState()
	_, err := migrate.OneOff(ctx, probe, func(ctx context.Context) error {
		lines, err := e.run(ctx, stdout)
		if err != nil {
			return err
		}
		res, err := migrate.ReadHandback[migrate.Result](lines)
		if err != nil {
			return fmt.Errorf("%w: %w", migrate.ErrUnverified, err)
		}
		report(res.State)
		return nil
	}, func(o *migrate.OneOffOptions) {
		o.Observe = func(x migrate.Event) { fmt.Fprintln(e.stderr, "migrate-leader:", x) }
	})
	return err
}

// ended prints the container's log, and is nil if the container exited with 0:
// what became of others that were stopped with it does not matter.
func (e errand) ended(t *ecsx.StoppedTask, err error, log io.Writer) ([]string, error) {
	c := t.Container(e.container)
	if c == nil {
		return nil, cmp.Or(err, fmt.Errorf("%w: container %s", ecsx.ErrNotFound, e.container))
	}
	lines := c.Log.Messages()
	for _, l := range lines {
		fmt.Fprintln(log, l)
	}
	if c.Log.State != "complete" && c.Log.State != "empty" {
		fmt.Fprintf(e.stderr, "migrate-leader: the log of container %s is %s: %v\n", e.container, c.Log.State, c.Log.Problem)
	}
	switch {
	case c.ExitCode == nil:
		return nil, cmp.Or(err, errors.New("the container has no exit code"))
	case *c.ExitCode != 0:
		return lines, &migrate.ExitError{Args: e.command, Code: *c.ExitCode, Err: fmt.Errorf("exit code %d in %s", *c.ExitCode, t.ARN)}
	}
	return lines, nil
}

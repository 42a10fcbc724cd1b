// Command run-task runs one-off tasks on ECS, waits for them and prints what their
// containers wrote and why they ended.
//
//	run-task -cluster NAME -definition REVISION [-like SERVICE] [-container NAME] [-count N] [-token TEXT] [-stop] [COMMAND ARG…]
//
// With -token it can be repeated: the same token waits for the tasks that were
// started before. With -stop the tasks end with the program.
//
// Exit codes: 0 every task succeeded, or COMMAND in each; 1 a call failed; 2 wrong usage; 3 tasks could
// not be placed; 4 a task failed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/stackrescue/stackrescue/ecsx"
)

var errUsage = errors.New("usage: run-task -cluster NAME -definition REVISION [-like SERVICE] [-container NAME] [-count N] [-token TEXT] [-stop] [COMMAND ARG…]")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "run-task:", err)
	}
	os.Exit(exitCode(err))
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	return o.run(ctx, cfg, stdout)
}

// options are the program's flags.
type options struct {
	spec  ecsx.TaskSpec
	like  string
	count int
	stop  bool
}

func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("run-task", flag.ContinueOnError)
	f.StringVar(&o.spec.Cluster, "cluster", "", "name or ARN of the cluster")
	f.StringVar(&o.spec.TaskDefinition, "definition", "", "task definition: ARN, family:revision or family")
	f.StringVar(&o.like, "like", "", "service whose network and capacity the tasks use")
	container := f.String("container", "", "container that runs COMMAND")
	f.IntVar(&o.count, "count", 1, "how many tasks, at most 10")
	f.StringVar(&o.spec.Token, "token", "", "makes the start safe to repeat")
	f.BoolVar(&o.stop, "stop", false, "stop the tasks when the program is interrupted")
	if err := f.Parse(args); err != nil || o.spec.Cluster == "" || o.spec.TaskDefinition == "" || (*container == "") != (f.NArg() == 0) {
		return o, errUsage
	}
	if f.NArg() > 0 {
		o.spec.Overrides = []ecsx.ContainerOverride{{Container: *container, Command: f.Args()}}
	}
	return o, nil
}

func (o options) run(ctx context.Context, cfg aws.Config, w io.Writer) error {
	api := ecs.NewFromConfig(cfg)
	if o.like != "" {
		out, err := api.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &o.spec.Cluster, Services: []string{o.like}})
		if err != nil {
			return err
		}
		if len(out.Services) == 0 {
			return fmt.Errorf("service %s: %w", o.like, ecsx.ErrNotFound)
		}
		o.spec.Placement = ecsx.PlacementOf(out.Services[0])
	}
	tasks, err := o.spec.RunTasks(ctx, api, cloudwatchlogs.NewFromConfig(cfg), o.count, func(s *ecsx.StoppedOptions) {
		s.EveryLog, s.Window = true, -1
		if o.stop {
			s.Stopper = api
		}
	})
	for _, t := range tasks {
		t = t.Redacted()
		for _, c := range t.Containers {
			fmt.Fprintf(w, "task %s container %s: log %s\n", t.ARN, c.Name, c.Log.State)
			fmt.Fprint(w, c.Log)
		}
		fmt.Fprintf(w, "task %s: %s: %s\n", t.ARN, t.Cause.Class, t.Cause.Summary)
	}
	if _, failed := errors.AsType[*ecsx.TaskError](err); failed && len(tasks) == o.count && o.succeeded(tasks) {
		return nil
	}
	return err
}

// succeeded reports whether the command itself ended well in every task: sidecars
// that were stopped with it do not count.
func (o options) succeeded(tasks []ecsx.StoppedTask) bool {
	if len(o.spec.Overrides) == 0 {
		return false
	}
	for _, t := range tasks {
		if c := t.Container(o.spec.Overrides[0].Container); c == nil || c.ExitCode == nil || *c.ExitCode != 0 {
			return false
		}
	}
	return true
}

func exitCode(err error) int {
	_, failed := errors.AsType[*ecsx.TaskError](err)
	_, unplaced := errors.AsType[*ecsx.StartError](err)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		return 2
	case unplaced:
		return 3
	case failed:
		return 4
	}
	return 1
}

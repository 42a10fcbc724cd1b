package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/stackrescue/stackrescue/rescue"
)

var errImpatient = errors.New("replicas that wait, or the leader, would be ended too early")

// preflight is the verb of that name.
func preflight(ctx context.Context, cfg aws.Config, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("preflight", flag.ContinueOnError)
	fs.SetOutput(stderr)
	cluster := fs.String("cluster", "", "the service's cluster")
	name := fs.String("service", "", "the service")
	def := fs.String("task-definition", "", "what is to be deployed; defaults to the service's present one")
	container := fs.String("container", "", "container that migrates or waits; defaults to the first essential one")
	drain := fs.Duration("drain", 20*time.Second, "as for run")
	maxWait := fs.Duration("max-wait", 0, "as for run")
	if err := fs.Parse(args); err != nil {
		return usage(err)
	}
	if *cluster == "" || *name == "" || *maxWait <= 0 || fs.NArg() > 0 {
		return fmt.Errorf("%w: preflight: -cluster, -service and -max-wait are needed", errUsage)
	}
	api := ecs.NewFromConfig(cfg)
	s, err := service(ctx, api, *cluster, *name)
	if err != nil {
		return err
	}
	if *def == "" {
		*def = aws.ToString(s.TaskDefinition)
	}
	out, err := definition(ctx, api, *def)
	if err != nil {
		return err
	}
	p, err := rescue.Patience(s, out.TaskDefinition, *container)
	if err != nil {
		return err
	}
	// The program of run has the default grace.
	p.MaxWait, p.Drain, p.Grace = *maxWait, *drain, 2*time.Second
	if err := p.Check(); err != nil {
		fmt.Fprintln(stdout, err)
		return fmt.Errorf("service %s/%s: %w", *cluster, *name, errImpatient)
	}
	fmt.Fprintf(stdout, "service %s/%s: a replica can wait for %s\n", *cluster, *name, *maxWait)
	return nil
}

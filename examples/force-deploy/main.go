// Command force-deploy starts a forced deployment of an ECS service on images
// that exist. It shows what it would deploy and what would keep it from running;
// with -apply it deploys and waits for the outcome of that very deployment.
//
//	force-deploy -service CLUSTER/NAME [-from REVISION] [-latest PREFIX] [-soak DURATION] [-roll-back] [-apply]
//
// Exit codes: 0 the deployment succeeded, or was shown; 1 a call failed; 2 wrong
// usage; 3 an image does not exist; 4 the service cannot be deployed so, or
// somebody else has changed it meanwhile; 5 the deployment did not succeed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/ecsx"
)

var errUsage = errors.New("usage: force-deploy -service CLUSTER/NAME [-from REVISION] [-latest PREFIX] [-soak DURATION] [-roll-back] [-apply]")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "force-deploy:", err)
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
	service         ecsx.Service
	from, latest    string
	soak            time.Duration
	rollBack, apply bool
}

func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("force-deploy", flag.ContinueOnError)
	service := f.String("service", "", "CLUSTER/NAME or ARN of the service")
	f.StringVar(&o.from, "from", "", "revision to deploy; by default the one that serves")
	f.StringVar(&o.latest, "latest", "", "let the newest image whose tag begins so stand in for one that does not exist")
	f.DurationVar(&o.soak, "soak", 0, "how long the tasks must stay up after the deployment has succeeded")
	f.BoolVar(&o.rollBack, "roll-back", false, "roll back a deployment that is no use, if the images to go back to exist")
	f.BoolVar(&o.apply, "apply", false, "deploy; otherwise it is only shown")
	if err := f.Parse(args); err != nil || *service == "" || f.NArg() > 0 {
		return o, errUsage
	}
	o.service = ecsx.ParseService(*service)
	return o, nil
}

func (o options) run(ctx context.Context, cfg aws.Config, w io.Writer) error {
	api := ecs.NewFromConfig(cfg)
	resolver := ecrx.Resolver(ecr.NewFromConfig(cfg), func(r *ecrx.ResolverOptions) {
		if o.latest != "" {
			r.Latest = func(tag string) bool { return strings.HasPrefix(tag, o.latest) }
		}
	})
	d, err := ecsx.ForceDeployLatest(ctx, api, o.service, resolver, func(f *ecsx.ForceDeployOptions) {
		f.From, f.DryRun = o.from, !o.apply
		f.Observe = func(e ecsx.Event) { fmt.Fprintln(w, e) }
		f.Edit = func(in *ecs.RegisterTaskDefinitionInput) error { return o.preflight(ctx, api, in, resolver, w) }
	})
	if err != nil {
		return err
	}
	for _, i := range d.Images {
		fmt.Fprintf(w, "container %s: %s -> %s\n", i.Container, i.From, i.To)
	}
	if !o.apply {
		fmt.Fprintln(w, "nothing was deployed: repeat with -apply")
		return nil
	}
	r, err := d.WaitRollout(ctx, api, func(r *ecsx.RolloutOptions) {
		r.Soak, r.Logs = o.soak, cloudwatchlogs.NewFromConfig(cfg)
		r.Observe = func(x ecsx.Rollout) { fmt.Fprintln(w, x) }
		if o.rollBack {
			r.RollBack = func(ctx context.Context, d ecsx.Deployment) error {
				return d.RollBack(ctx, api, resolver)
			}
		}
	})
	if err == nil {
		fmt.Fprintf(w, "deployment %s: %s\n", d.ID, r)
	}
	return err
}

// preflight shows what would keep the revision, or a rollback, from running.
func (o options) preflight(ctx context.Context, api ecsx.PreflightAPI, in *ecs.RegisterTaskDefinitionInput, resolver func(context.Context, string) (string, error), w io.Writer) error {
	findings, err := o.service.Preflight(ctx, api, in, func(p *ecsx.PreflightOptions) {
		p.Image = func(ctx context.Context, ref, _ string) error {
			to, err := resolver(ctx, ref)
			if err == nil && to == "" {
				err = ecsx.ErrImageNotFound
			}
			return err
		}
	})
	for _, f := range findings {
		if !f.Unknown {
			fmt.Fprintln(w, f)
		}
	}
	return err
}

func exitCode(err error) int {
	_, ended := errors.AsType[*ecsx.RolloutError](err)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		return 2
	case ended:
		return 5
	case errors.Is(err, ecsx.ErrImageNotFound):
		return 3
	case errors.Is(err, ecsx.ErrUnsupportedController), errors.Is(err, ecsx.ErrChanged), errors.Is(err, ecsx.ErrNotFound):
		return 4
	}
	return 1
}

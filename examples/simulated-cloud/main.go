// Command simulated-cloud serves a simulated AWS on a loopback port, for any
// program that takes an endpoint URL: the AWS CLI, the CDK CLI, boto3.
//
//	simulated-cloud [-incident expired-rollback-image] [-port N] [-speed 60]
//
// It prints the endpoint, credentials and commands to try, and ends on an
// interrupt with exit code 0. Wrong usage is exit code 2, anything else 1.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

var errUsage = errors.New("wrong usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "simulated-cloud:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("simulated-cloud", flag.ContinueOnError)
	fs.SetOutput(stderr)
	incident := fs.String("incident", "", "what went wrong: expired-rollback-image, or nothing for an empty account")
	port := fs.Int("port", 0, "loopback port; 0 takes a free one")
	speed := fs.Float64("speed", 60, "how many times as fast as the wall clock the cloud's time passes")
	if err := fs.Parse(args); err != nil {
		return errors.Join(errUsage, err)
	}
	if fs.NArg() > 0 || *speed <= 0 {
		fs.Usage()
		return errUsage
	}
	cloud, hint, err := build(ctx, *incident, *speed)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		return err
	}
	url := "http://" + listener.Addr().String()
	fmt.Fprintf(stdout, header, cloud.Account(), cloud.Region(), *speed, url, cloud.Region())
	fmt.Fprintf(stdout, hint, url)

	server := &http.Server{Handler: cloud.Handler(), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	err = server.Shutdown(grace)
	if served := <-served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	fmt.Fprintf(stdout, "\nstopped after %d calls\n", len(cloud.Calls()))
	return err
}

func build(ctx context.Context, incident string, speed float64) (*rescuetest.Cloud, string, error) {
	switch incident {
	case "":
		return rescuetest.New(func(o *rescuetest.Options) { o.Speed = speed }), emptyHint, nil
	case "expired-rollback-image":
		i, err := rescuetest.ExpiredRollbackImage(ctx, func(o *rescuetest.IncidentOptions) { o.Speed = speed })
		if err != nil {
			return nil, "", err
		}
		return i.Cloud, incidentHint, nil
	}
	return nil, "", fmt.Errorf("no incident %q; there is expired-rollback-image", incident)
}

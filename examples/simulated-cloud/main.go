// Command simulated-cloud serves a simulated AWS on a loopback port, for any
// program that takes an endpoint URL: the AWS CLI, the CDK CLI, boto3.
//
//	simulated-cloud [-incident NAME] [-port N] [-speed 60] [-switch NAME=VALUE]...
//	                [-fail STACK.RESOURCE=update]... [-deny ACTION]... [-image REF[=PROGRAM]]...
//	simulated-cloud -list
//
// -list prints the incidents and the switches. A program is runs, exits:CODE:AFTER,
// slow:AFTER, sick or gone.
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
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
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
	incident := fs.String("incident", "", "what went wrong, one of those that -list prints; nothing for an empty account")
	list := fs.Bool("list", false, "print the incidents and the switches with their values, and end")
	port := fs.Int("port", 0, "loopback port; 0 takes a free one")
	speed := fs.Float64("speed", 60, "how many times as fast as the wall clock the cloud's time passes")
	var set settings
	fs.Func("switch", "`NAME=VALUE`: how AWS behaves where nobody could confirm it; may be repeated", set.flipSwitch)
	fs.Func("fail", "`STACK.RESOURCE=PHASE`: the resource's next create, update, rollback, delete, validation or hook fails; may be repeated", set.fail)
	fs.Func("deny", "`ACTION` that is denied, such as ecs:UpdateService or ecs:*; may be repeated", set.deny)
	fs.Func("image", "`REF[=PROGRAM]`: an image of a registry elsewhere, and what it does; may be repeated", set.image)
	if err := fs.Parse(args); err != nil {
		return errors.Join(errUsage, err)
	}
	if fs.NArg() > 0 || *speed <= 0 {
		fs.Usage()
		return errUsage
	}
	if *list {
		return printList(stdout)
	}
	cloud, hint, err := build(ctx, *incident, *speed, set)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		return err
	}
	url := "http://" + listener.Addr().String()
	fmt.Fprintf(stdout, header, cloud.Account(), cloud.Region(), *speed, url)
	fmt.Fprint(stdout, hint(url))

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

func build(ctx context.Context, incident string, speed float64, set settings) (*rescuetest.Cloud, func(url string) string, error) {
	hint := func(url string) string { return fmt.Sprintf(emptyHint, url) }
	var cloud *rescuetest.Cloud
	if incident == "" {
		cloud = rescuetest.New(func(o *rescuetest.Options) { o.Speed, o.Switches = speed, set.switches })
	} else {
		i, err := rescuetest.NewIncident(ctx, incident, func(o *rescuetest.IncidentOptions) {
			o.Speed = speed
			if set.switches != (simtype.Switches{}) {
				o.Switches = set.switches
			}
		})
		if err != nil {
			return nil, nil, err
		}
		cloud = i.Cloud
		hint = func(url string) string { return fmt.Sprintf(incidentHint, url, i.Stack, i.Cluster, i.Service) }
	}
	for _, apply := range set.apply {
		apply(cloud)
	}
	return cloud, hint, nil
}

// printList prints what -incident and -switch take.
func printList(w io.Writer) error {
	var b strings.Builder
	b.WriteString("incidents:\n")
	incidents := rescuetest.Incidents()
	for _, name := range slices.Sorted(maps.Keys(incidents)) {
		fmt.Fprintf(&b, "  %-24s %s\n", name, incidents[name])
	}
	b.WriteString("switches, the default value first:\n")
	values := new(simtype.Switches).Values()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list := strings.Join(values[name], ", ")
		if list == "" {
			list = "a number or a duration"
		}
		fmt.Fprintf(&b, "  %-28s %s\n", name, list)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

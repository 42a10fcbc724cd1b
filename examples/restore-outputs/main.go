// Command restore-outputs puts outputs back that a CloudFormation stack lost
// when a resource was skipped, and records what a stack has before it is touched.
//
//	restore-outputs -stack NAME -record FILE
//	restore-outputs -stack NAME [-ledger FILE] [-output STACK.KEY=VALUE …] [-consumers] [-apply]
//
// Without -apply the change set is made, judged and deleted again. Exit codes: 0
// done, or nothing is lost; 1 a call failed, or the update did; 2 wrong usage; 3
// an output is lost and nobody knows its value; 4 the change set was refused.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/stackrescue/stackrescue/cfnx"
)

var (
	errUsage   = errors.New("usage: restore-outputs -stack NAME -record FILE | [-ledger FILE] [-output STACK.KEY=VALUE …] [-consumers] [-apply]")
	errUnknown = errors.New("give its value with -output, or what was recorded before with -ledger")
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "restore-outputs:", err)
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
	return o.run(ctx, cloudformation.NewFromConfig(cfg), s3.NewFromConfig(cfg), stdout)
}

// options are the program's flags.
type options struct {
	stack, record, ledger string
	values                map[string]string // by STACK.KEY
	apply, consumers      bool
}

func parse(args []string) (options, error) {
	o := options{values: map[string]string{}}
	f := flag.NewFlagSet("restore-outputs", flag.ContinueOnError)
	f.StringVar(&o.stack, "stack", "", "name or ARN of the stack, or of one nested in it")
	f.StringVar(&o.record, "record", "", "write down what the stacks have to this file, and stop")
	f.StringVar(&o.ledger, "ledger", "", "a file that -record wrote")
	f.BoolVar(&o.consumers, "consumers", false, "write the values where the outputs of nested stacks are read, for a nested stack that cannot be updated")
	f.BoolVar(&o.apply, "apply", false, "update the stack; otherwise the change set is only judged")
	f.Func("output", "value of a lost output, as STACK.KEY=VALUE; may be repeated", func(s string) error {
		key, value, ok := strings.Cut(s, "=")
		if !ok || !strings.Contains(key, ".") || value == "" {
			return errUsage
		}
		o.values[key] = value
		return nil
	})
	if err := f.Parse(args); err != nil || o.stack == "" || f.NArg() > 0 || o.record != "" && (o.apply || o.ledger != "" || len(o.values) > 0) {
		return o, errUsage
	}
	return o, nil
}

// api is what both halves of the program call.
type api interface {
	cfnx.ApplyAPI
	cloudformation.ListImportsAPIClient
}

func (o options) run(ctx context.Context, c api, bucket cfnx.BucketAPI, w io.Writer) error {
	if o.record != "" {
		tree, err := cfnx.Snapshot(ctx, c, o.stack)
		if err != nil {
			return err
		}
		l, err := tree.Record(ctx, c)
		if err != nil {
			return err
		}
		data, err := json.MarshalIndent(l, "", "  ")
		if err != nil {
			return err
		}
		return os.WriteFile(o.record, append(data, '\n'), 0o600)
	}
	var ledger *cfnx.Ledger
	if o.ledger != "" {
		data, err := os.ReadFile(o.ledger)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(data, &ledger); err != nil {
			return fmt.Errorf("%s: %w", o.ledger, err)
		}
	}
	value := func(_ context.Context, l cfnx.LostOutput) (string, error) {
		v, from := o.values[l.Stack+"."+l.Key], "-output"
		if v == "" {
			v, from = l.Known, "what is still known"
		}
		if v == "" {
			return "", errUnknown
		}
		fmt.Fprintf(w, "%s.%s = %s (%s)\n", l.Stack, l.Key, v, from)
		return v, nil
	}
	apply := func(a *cfnx.ApplyOptions) {
		a.DryRun = !o.apply
		a.Observe = func(p cfnx.Progress) { fmt.Fprintln(w, p) }
	}
	var out *cfnx.Applied
	var err error
	if o.consumers {
		out, err = restoreAtConsumers(ctx, c, bucket, o.stack, ledger, value, w, apply)
	} else {
		out, err = cfnx.RestoreOutputs(ctx, c, bucket, o.stack, ledger, value, apply)
	}
	switch {
	case errors.Is(err, cfnx.ErrNoEffect) && o.consumers:
		fmt.Fprintln(w, "nothing to change: whoever reads a lost output still has its value")
		return nil
	case errors.Is(err, cfnx.ErrNothingToChange):
		fmt.Fprintln(w, "no output is lost")
		return nil
	case err != nil:
		return err
	case !o.apply:
		fmt.Fprintf(w, "stack %s: %d changes would be made: repeat with -apply\n", out.Stack, len(out.Changes))
	default:
		fmt.Fprintf(w, "stack %s: %s\n", out.Stack, out.Status)
	}
	return nil
}

// restoreAtConsumers writes the values where the outputs are read.
func restoreAtConsumers(ctx context.Context, c api, bucket cfnx.BucketAPI, stack string, ledger *cfnx.Ledger, value func(context.Context, cfnx.LostOutput) (string, error), w io.Writer, apply func(*cfnx.ApplyOptions)) (*cfnx.Applied, error) {
	tree, err := cfnx.Snapshot(ctx, c, stack)
	if err != nil {
		return nil, err
	}
	d, err := tree.NewDraft(ctx, bucket)
	if err != nil {
		return nil, err
	}
	written, err := d.RestoreAtConsumers(ctx, d.LostOutputs(ledger), value)
	if err != nil {
		return nil, err
	}
	for _, l := range written {
		fmt.Fprintf(w, "stack %s: %s (output %s) is a literal from now on: change it in your own template too\n", l.Consumer, l.Path, l.Stack+"."+l.Key)
	}
	return d.Apply(ctx, c, bucket, apply)
}

func exitCode(err error) int {
	_, refused := errors.AsType[*cfnx.RefusedError](err)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		return 2
	case errors.Is(err, errUnknown):
		return 3
	case refused:
		return 4
	}
	return 1
}

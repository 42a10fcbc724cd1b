// Command continue-rollback continues a failed rollback of a CloudFormation
// stack. It shows what that skips, deploys and deletes; with -apply it does it.
//
//	continue-rollback -stack NAME [-skip minimal|none|NAME,NAME…] [-type TYPE,…] [-apply]
//
// Exit codes: 0 the root is UPDATE_ROLLBACK_COMPLETE, or the round was shown; 1
// the rollback failed again, or a call did; 2 wrong usage; 3 there is no
// rollback to continue; 4 what is to be skipped cannot be; 6 an operation is in
// progress.
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

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/stackrescue/stackrescue/cfnx"
)

var (
	errUsage = errors.New("usage: continue-rollback -stack NAME [-skip minimal|none|NAME,…] [-type TYPE,…] [-force NAME] [-role ARN] [-apply]")
	errShown = errors.New("nothing was started: repeat with -apply")
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "continue-rollback:", err)
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
	return o.run(ctx, cloudformation.NewFromConfig(cfg), stdout)
}

// options are the program's flags.
type options struct {
	stack, force, role string
	skipper            func(*cfnx.Tree) []cfnx.Skip
	apply              bool
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("continue-rollback", flag.ContinueOnError)
	f.StringVar(&o.stack, "stack", "", "name or ARN of the stack, or of one nested in it")
	skip := f.String("skip", "none", "none, minimal (what failed to roll back and depends on nothing else that did), or names as AWS spells them")
	types := f.String("type", "", "skip what minimal would, of these resource types only")
	f.StringVar(&o.force, "force", "", "the root stack's name: let CloudFormation skip whatever fails")
	f.StringVar(&o.role, "role", "", "service role to use, from now on for good")
	f.BoolVar(&o.apply, "apply", false, "continue the rollback; otherwise only what it would do is shown")
	if err := f.Parse(args); err != nil || o.stack == "" || f.NArg() > 0 || *types != "" && *skip != "none" {
		return o, errUsage
	}
	switch {
	case *types != "":
		o.skipper = cfnx.SkipTypes(strings.Split(*types, ",")...)
	case *skip == "none": // nil skips nothing
	case *skip == "minimal":
		o.skipper = cfnx.SkipMinimal
	default:
		o.skipper = cfnx.SkipOnly(strings.Split(*skip, ",")...)
	}
	return o, nil
}

func (o options) run(ctx context.Context, api cfnx.ContinueRollbackAPI, w io.Writer) error {
	out, err := cfnx.ContinueRollbackSkipping(ctx, api, o.stack, o.skipper, func(c *cfnx.ContinueOptions) {
		c.Force, c.RoleARN = o.force, o.role
		c.Before = func(r cfnx.Round) error {
			show(w, r)
			if !o.apply {
				return errShown
			}
			return nil
		}
		c.Observe = func(p cfnx.Progress) { fmt.Fprintln(w, p) }
	})
	if errors.Is(err, errShown) {
		fmt.Fprintln(w, errShown)
		return nil
	}
	if err == nil {
		fmt.Fprintf(w, "stack %s: %s -> %s\n", out.Stack, out.From, out.To)
	}
	return err
}

// show prints what a round does.
func show(w io.Writer, r cfnx.Round) {
	fmt.Fprintf(w, "stack %s, round %d\n", r.Stack, r.Number)
	if r.Forced {
		fmt.Fprintln(w, "  skips    whatever fails: CloudFormation chooses")
	}
	for _, s := range r.Skips {
		fmt.Fprintln(w, "  skips   ", s)
	}
	for _, d := range r.Deploys {
		fmt.Fprintln(w, "  deploys ", d)
	}
	for _, d := range r.Deletes {
		fmt.Fprintln(w, "  deletes ", d)
	}
	if r.NewRole != "" {
		fmt.Fprintf(w, "  role     %s replaces %q, for every later operation\n", r.NewRole, r.Role)
	}
}

func exitCode(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		return 2
	case errors.Is(err, cfnx.ErrNotStuck), errors.Is(err, cfnx.ErrChildStuck), errors.Is(err, cfnx.ErrStackNotFound):
		return 3
	case errors.Is(err, cfnx.ErrCannotSkip):
		return 4
	case errors.Is(err, cfnx.ErrInProgress):
		return 6
	}
	return 1
}

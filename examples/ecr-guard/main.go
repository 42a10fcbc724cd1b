// Command ecr-guard says whether the images that running services and their
// rollbacks need are in ECR, and will be.
//
//	ecr-guard audit    [NEEDS] [-window 168h] [-indexes] [-json] [REPOSITORY…]
//	ecr-guard check    [NEEDS] [-window 168h] [-trail FILE] [-json] [REF… | -]
//	ecr-guard propose  [NEEDS] [-window 168h] [-json] REPOSITORY
//	ecr-guard pin      [NEEDS] [-exact] [-apply] [REF… | -]
//	ecr-guard evaluate -policy FILE -images FILE [-now RFC3339]
//
// NEEDS are the images that must exist, from any number of
//
//	-cluster NAME           everything that runs in an ECS cluster
//	-service CLUSTER/NAME   one service, and what it would roll back to
//	-stack NAME             the task definitions of a stack and its nested ones
//	-refs FILE              one reference per line; - is standard input
//	-lambda FILE            what `aws lambda get-function` printed, any number;
//	                        list-functions does not name images
//
// audit looks at all repositories of the registry, check at single images: how
// they stand, and with a policy for how long. With -trail, what `aws cloudtrail
// lookup-events` printed, check says who took a missing one. propose prints a
// lifecycle policy that keeps what is needed, proven by evaluating it. A rule
// that counts may take an image within the window if as many images are pushed as
// in the last 30 days, or -pushes. pin tags
// what is needed so that a rule can keep it; nothing is changed without -apply.
// evaluate works offline: the policy as ECR takes it or as `aws ecr
// get-lifecycle-policy` prints it, the images as `aws ecr describe-images` prints
// them, the result as JSON lines.
//
// Exit codes: 0 all is well; 1 something failed; 2 wrong usage; 3 an image that
// is needed cannot be pulled; 4 a lifecycle policy may take one within the
// window; 5 it is not known whether a needed image is there, or how long. Of
// several the first of 3, 5, 4 counts.
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

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
)

var (
	errUsage   = errors.New("wrong usage")
	errGone    = errors.New("a needed image cannot be pulled")
	errLosing  = errors.New("a lifecycle policy may take a needed image")
	errUnknown = errors.New("not everything is known")
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, func() (aws.Config, error) { return config.LoadDefaultConfig(ctx) }, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "ecr-guard:", err)
	}
	os.Exit(code(err))
}

func code(err error) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	case errors.Is(err, errGone):
		return 3
	case errors.Is(err, errUnknown):
		return 5
	case errors.Is(err, errLosing):
		return 4
	}
	return 1
}

func run(ctx context.Context, load func() (aws.Config, error), args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	commands := map[string]func(*command) error{"audit": audit, "check": check, "propose": propose, "pin": pin, "evaluate": evaluate}
	if len(args) == 0 || commands[args[0]] == nil {
		fmt.Fprintln(stderr, "usage: ecr-guard audit|check|propose|pin|evaluate [flags]; -h after a command tells its flags")
		return errUsage
	}
	c := &command{ctx: ctx, load: load, args: args[1:], stdin: stdin, stdout: stdout, flags: flag.NewFlagSet("ecr-guard "+args[0], flag.ContinueOnError)}
	c.flags.SetOutput(stderr)
	return commands[args[0]](c)
}

// command is what a command gets.
type command struct {
	ctx    context.Context
	load   func() (aws.Config, error)
	args   []string
	stdin  io.Reader
	stdout io.Writer
	flags  *flag.FlagSet
	needs  needs
	// blind is what is needed and not known.
	blind []string
}

// unknown is an error if something that is needed is not known.
func (c *command) unknown() error {
	if len(c.blind) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", errUnknown, strings.Join(c.blind, "; "))
}

// parse reads the flags, and the configuration of a command that needs AWS.
func (c *command) parse() (aws.Config, error) {
	c.needs.flags(c.flags)
	if err := c.offline(); err != nil {
		return aws.Config{}, err
	}
	return c.load()
}

func (c *command) offline() error {
	err := c.flags.Parse(c.args)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	return err
}

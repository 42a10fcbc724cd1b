// Command rescue-stack gets a CloudFormation stack with ECS services out of
// UPDATE_ROLLBACK_FAILED. See the flags; run it with -demo to see it work on a
// simulated account.
//
// Exit codes: 0 rescued, or planned with -plan; 1 a step failed; 2 wrong usage;
// 3 nothing to rescue; 4 no such stack here; 5 no access; 6 an operation is in
// progress; 7 this tool cannot help; 8 not confirmed; 9 rescued in part;
// 10 refused, because of the fact that the message names.
package main

import (
	"bufio"
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
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/stackrescue/stackrescue/migrate/toolcmd"
	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "rescue-stack:", err)
	}
	os.Exit(exitCode(err))
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	f := flag.NewFlagSet("rescue-stack", flag.ContinueOnError)
	stack := f.String("stack", "", "name or ARN of the stack, or of one nested in it")
	demo := f.Bool("demo", false, "rehearse on a simulated account")
	direction := f.String("direction", "", "forward (new code stays), hold (deploy nothing) or back (old code returns)")
	planOnly := f.Bool("plan", false, "stop after the plan; nothing is changed")
	yes := f.Bool("yes", false, "confirm every step")
	freeze := f.Bool("freeze", false, "allow taking lifecycle rules out that would expire needed images")
	revisions := map[string]string{}
	f.Func("revision", "the revision to keep for a service, as CLUSTER/SERVICE=FAMILY:REVISION; a service that serves is deployed to only if it is named", func(s string) error {
		service, revision, ok := strings.Cut(s, "=")
		if !ok || service == "" || revision == "" {
			return errors.New("want CLUSTER/SERVICE=FAMILY:REVISION")
		}
		revisions[service] = revision
		return nil
	})
	force := f.Bool("force", false, "let CloudFormation choose what to skip")
	tool := f.String("migration", "", "the migration tool: its table is stamped before redeploying: alembic")
	up := f.String("migrate", "", "command in the new image that migrates, under the lock, for a migration that has not run; instead of a stamp")
	verify := f.String("verify", "", "command in the new image that exits with 0 when the migration was applied")
	evidence := f.String("evidence", "", "write the evidence to this folder")
	summary := f.String("markdown", "", "write the report as Markdown to this file, such as a CI job's summary")
	asJSON := f.Bool("json", false, "print one JSON object per event and, last, the report")
	if err := f.Parse(args); err != nil || f.NArg() > 0 || (*stack == "") == !*demo || *tool != "" && *tool != "alembic" {
		return fmt.Errorf("%w: rescue-stack -demo | -stack NAME -direction forward|hold|back (see -help)", errUsage)
	}
	choices := rescue.Choices{Direction: rescue.Direction(*direction), Freeze: *freeze, Force: *force, Revisions: revisions}
	if *tool != "" || *up != "" {
		choices.Migration = &rescue.Migration{Run: strings.Fields(*up)}
		if *tool != "" {
			choices.Migration.Tool = toolcmd.Alembic()
		}
		if *verify != "" {
			choices.Migration.Verify = [][]string{strings.Fields(*verify)}
		}
	}
	format, mode := rescue.Text, rescue.PlanAndRun
	if *asJSON {
		format = rescue.JSONLines
	}
	if *planOnly {
		mode = rescue.PlanOnly
	}
	printer := rescue.NewPrinter(stdout, format)
	printer.Summary = *summary
	answers := bufio.NewReader(stdin)
	options := func(o *rescue.Options) {
		o.Evidence, o.Observe = *evidence, printer.Event
		o.Confirm = func(s rescue.Step) bool { return *yes || ask(answers, stdout, s) }
	}
	var cfg aws.Config
	var err error
	if *demo {
		var cloud *rescuetest.Cloud
		if cloud, *stack, err = rehearsal(ctx, &choices); err != nil {
			return err
		}
		cfg, *yes = cloud.Config(), true
		live := options
		options = func(o *rescue.Options) {
			live(o)
			o.Interval, o.Settle, o.Soak, o.Now = cloud.Wall(5*time.Second), cloud.Wall(10*time.Second), cloud.Wall(5*time.Minute), cloud.Now
		}
	} else if cfg, err = config.LoadDefaultConfig(ctx); err != nil {
		return err
	}
	cfg.APIOptions = append(cfg.APIOptions, awsmiddleware.AddUserAgentKeyValue("stackrescue", "rescue-stack"))
	return rescue.Stack(ctx, cfg, *stack, choices, mode, printer, options)
}

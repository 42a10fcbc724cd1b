package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/migrate/toolcmd"
	"github.com/stackrescue/stackrescue/rescue"
)

// settings are what the command line says.
type settings struct {
	command  string
	file     string // of run, explain and report
	stack    string
	region   string
	demo     bool
	planOnly bool
	wait     bool
	apply    bool
	yes      bool
	verbose  bool
	json     bool
	evidence string
	out      string
	policy   string
	html     string
	markdown string
	progress string
	ledger   *cfnx.Ledger
	choices  rescue.Choices
	// step is the step under way, for what is said when somebody interrupts it.
	step rescue.Kind
}

const usage = `usage:
  rescue-stack -stack NAME [-direction D] …     diagnose, plan and run
  rescue-stack diagnose -stack NAME             what is wrong, and why; reads only
  rescue-stack plan -stack NAME -direction D [-out FILE]   the way out; reads only
  rescue-stack run FILE                         carry a plan out that was reviewed
  rescue-stack finish -stack NAME -evidence FOLDER [-apply]  what is owed, once the pipeline has succeeded
  rescue-stack explain FOLDER                   the diagnosis from a folder of evidence
  rescue-stack report FOLDER [-html FILE]       what happened, from a folder
  rescue-stack -demo                            all of it on a simulated account

Without a direction the four are compared. To resume, run the same command again.

flags:
`

var commands = []string{"diagnose", "plan", "run", "finish", "explain", "report"}

// parse reads the command line. Everything in it is checked before the first
// call is made.
func parse(args []string, stderr io.Writer) (*settings, error) {
	s := &settings{choices: rescue.Choices{Revisions: map[string]string{}, Assert: map[string]rescue.UserState{}}}
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		s.command = args[0]
		if !slices.Contains(commands, s.command) {
			return s, usageError("unknown command %q: one of %s", s.command, strings.Join(commands, ", "))
		}
		args = args[1:]
	}
	f := flag.NewFlagSet("rescue-stack", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		_, _ = io.WriteString(stderr, usage)
		f.PrintDefaults()
	}
	f.StringVar(&s.stack, "stack", "", "name or ARN of the stack, or of one nested in it")
	f.StringVar(&s.region, "region", "", "AWS region; the SDK's usual sources if empty")
	f.BoolVar(&s.demo, "demo", false, "rehearse on a simulated account")
	direction := f.String("direction", "", "serve (users only), forward (new code stays), hold (deploy nothing) or back (old code returns); without it they are compared")
	f.BoolVar(&s.planOnly, "plan", false, "stop after the plan; nothing is changed")
	f.BoolVar(&s.wait, "wait", false, "wait for an operation in progress to end")
	f.BoolVar(&s.apply, "apply", false, "finish: do it; without it finish only says what it would do")
	f.BoolVar(&s.yes, "yes", false, "confirm every step")
	f.BoolVar(&s.verbose, "v", false, "print commands, all events and the calls that were made")
	f.BoolVar(&s.choices.Freeze, "freeze", false, "allow taking lifecycle rules out that would expire needed images")
	f.Func("revision", "the revision to keep for a service, as CLUSTER/SERVICE=FAMILY:REVISION; a service that serves is deployed to only if it is named", pair(s.choices.Revisions, "CLUSTER/SERVICE=FAMILY:REVISION"))
	f.BoolVar(&s.choices.Force, "force", false, "let CloudFormation choose what to skip")
	f.BoolVar(&s.choices.Shield, "shield", false, "protect what the clean-up would delete, and import it afterwards, by the commands of the plan: needs the AWS CLI; finish -shield takes the protection off")
	f.BoolVar(&s.choices.RaiseMinimum, "raise-minimum", false, "let the savepoint raise a minimumHealthyPercent of 0, so that users are served while it deploys")
	limits := map[string]string{}
	until := f.String("until", "", "end after steps of this kind: "+kinds())
	f.Func("accept", "a deployment or deletion of the continued rollback that is no reason to stop, or a setting of a service that the savepoint may change, as CLUSTER/SERVICE, STACK.LOGICALID or STACK.LOGICALID.PROPERTY, or a missing tag that may stand for the image that is kept, as IMAGE; may be repeated", func(v string) error {
		s.choices.Accept = append(s.choices.Accept, v)
		return nil
	})
	f.Func("mended", "a cause of the failure that you have mended outside, as CLUSTER/SERVICE or STACK.LOGICALID: what failed for it is started again; may be repeated", func(v string) error {
		s.choices.Mended = append(s.choices.Mended, v)
		return nil
	})
	f.Func("prove", "a service, as CLUSTER/SERVICE, for which the template may decide what the savepoint cannot write into it: what it renders is started before the unlock, as the plan offers it; may be repeated", func(v string) error {
		s.choices.Prove = append(s.choices.Prove, v)
		return nil
	})
	f.StringVar(&s.choices.RoleARN, "role", "", "the ARN of a service role for the stack, where its own is gone; CloudFormation keeps it")
	f.Func("limit", "how long steps of a kind may take, as KIND=TIME, such as unlock=2h; may be repeated", pair(limits, "KIND=TIME"))
	asserted, templates := map[string]string{}, map[string]string{}
	f.Func("template", "a template as its author has it, as STACK=FILE: the version that was deployed last, where letters were lost, or the one that the savepoint is to bring; may be repeated", pair(templates, "STACK=FILE"))
	f.StringVar(&s.choices.TemplateBucket, "template-bucket", "", "the bucket in which the savepoint puts a template of more than 51,200 bytes")
	f.Func("assert", "your word on users that could not be read, as CLUSTER/SERVICE=served, not-served, …; may be repeated", pair(asserted, "CLUSTER/SERVICE=served"))
	tool := f.String("migration", "", "the migration tool whose table is stamped before redeploying: alembic")
	up := f.String("migrate", "", "command in the new image that migrates, under the lock, for a migration that has not run; instead of a stamp")
	of := f.String("migration-service", "", "the service whose image brings the migration, as CLUSTER/SERVICE, where more than one could")
	verify := f.String("verify", "", "command in the new image that exits with 0 when the migration was applied")
	f.StringVar(&s.evidence, "evidence", "", "add the evidence, the plan, the journal and the report to this folder")
	f.Func("ledger", "a file that restore-outputs -record wrote before the incident: what the stacks had, secrets included", func(name string) error {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return json.Unmarshal(data, &s.ledger)
	})
	f.StringVar(&s.out, "out", "", "plan: write the plan to this file, for review and for run")
	f.StringVar(&s.policy, "policy", "", "plan: write the IAM policy that the plan needs to this file")
	f.StringVar(&s.html, "html", "", "write one self-contained HTML page to this file")
	f.StringVar(&s.markdown, "markdown", "", "append Markdown to this file, such as a CI job's summary")
	f.BoolVar(&s.json, "json", false, "print one JSON object per line and nothing else")
	f.StringVar(&s.progress, "progress", "auto", "auto, live (a status line on a terminal), plain or quiet")
	if err := f.Parse(interleave(f, args)); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return s, err
		}
		return s, usageError("%w", err)
	}
	switch rest := f.Args(); {
	case slices.Contains([]string{"run", "explain", "report"}, s.command):
		if len(rest) != 1 {
			return s, usageError("%s needs one argument: rescue-stack %s %s", s.command, s.command, map[string]string{"run": "FILE", "explain": "FOLDER", "report": "FOLDER"}[s.command])
		}
		s.file = rest[0]
	case len(rest) > 0:
		return s, usageError("unexpected argument %q", rest[0])
	case s.demo && s.stack != "":
		return s, usageError("-demo has a stack of its own: leave -stack out")
	case !s.demo && s.stack == "":
		return s, usageError("which stack? -stack NAME, or -demo")
	}
	for stack, file := range templates {
		body, err := os.ReadFile(file)
		if err != nil {
			return s, usageError("-template: %w", err)
		}
		if s.choices.Templates == nil {
			s.choices.Templates = map[string][]byte{}
		}
		s.choices.Templates[stack] = body
	}
	s.choices.Direction = rescue.Direction(*direction)
	for k, v := range asserted {
		s.choices.Assert[k] = rescue.UserState(v)
	}
	s.choices.Until = rescue.Kind(*until)
	for _, c := range []struct{ flag, is, of string }{
		{"-direction", *direction, "serve forward hold back"}, {"-until", *until, strings.ReplaceAll(kinds(), ", ", " ")},
		{"-migration", *tool, "alembic"}, {"-progress", s.progress, "auto live plain quiet"},
	} {
		if c.is != "" && !slices.Contains(strings.Fields(c.of), c.is) {
			return s, usageError("%s %s: one of %s", c.flag, c.is, strings.ReplaceAll(c.of, " ", ", "))
		}
	}
	for k, v := range limits {
		limit, err := time.ParseDuration(v)
		if err != nil || limit <= 0 || !slices.Contains(strings.Split(kinds()+", proof, verify", ", "), k) {
			return s, usageError("-limit %s=%s: one of %s, proof, verify, and a time such as 2h", k, v, kinds())
		}
		if s.choices.Limits == nil {
			s.choices.Limits = map[rescue.Kind]time.Duration{}
		}
		s.choices.Limits[rescue.Kind(k)] = limit
	}
	for k, v := range asserted {
		if states := []string{"served", "partly-served", "not-served", "scaled-to-zero"}; !slices.Contains(states, v) {
			return s, usageError("-assert %s=%s: one of %s", k, v, strings.Join(states, ", "))
		}
	}
	switch {
	case s.apply && s.command != "finish":
		return s, usageError("-apply belongs to rescue-stack finish")
	case s.out != "" && s.command != "plan":
		return s, usageError("-out belongs to rescue-stack plan")
	case s.policy != "" && s.command != "plan":
		return s, usageError("-policy belongs to rescue-stack plan")
	case s.out+s.policy != "" && *direction == "" && !s.demo:
		return s, usageError("-out and -policy need a direction: one of serve, forward, hold, back")
	case (*verify != "" || *of != "") && *tool == "" && *up == "":
		return s, usageError("-verify and -migration-service belong to -migration or -migrate")
	}
	if *tool != "" || *up != "" {
		s.choices.Migration = &rescue.Migration{Run: strings.Fields(*up), Service: *of}
		if *tool != "" {
			s.choices.Migration.Tool = toolcmd.Alembic()
		}
		if *verify != "" {
			s.choices.Migration.Verify = [][]string{strings.Fields(*verify)}
		}
	}
	return s, nil
}

// interleave puts what is no flag behind the flags, so that run FILE -yes is
// what it looks like.
func interleave(f *flag.FlagSet, args []string) []string {
	var flags, rest []string
	for i := 0; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			rest = append(rest, args[i+1:]...)
			break
		}
		if !strings.HasPrefix(a, "-") || a == "-" {
			rest = append(rest, a)
			continue
		}
		flags = append(flags, a)
		name := strings.TrimLeft(a, "-")
		if strings.Contains(name, "=") {
			continue
		}
		if fl := f.Lookup(name); fl != nil && i+1 < len(args) {
			if b, ok := fl.Value.(interface{ IsBoolFlag() bool }); !ok || !b.IsBoolFlag() {
				i++
				flags = append(flags, args[i])
			}
		}
	}
	return append(append(flags, "--"), rest...)
}

func pair(into map[string]string, want string) func(string) error {
	return func(v string) error {
		k, x, ok := strings.Cut(v, "=")
		if !ok || k == "" || x == "" {
			return errors.New("want " + want)
		}
		into[k] = x
		return nil
	}
}

func kinds() string {
	return "freeze, restore, stamp, migrate, redeploy, stand-in, unlock, savepoint"
}

var errUsage = errors.New("usage")

func usageError(format string, a ...any) error {
	return fmt.Errorf("%w: %w (see rescue-stack -help)", errUsage, fmt.Errorf(format, a...))
}

// goesOn says what AWS does when this program no longer looks.
func (s *settings) goesOn() string {
	what := map[rescue.Kind]string{
		"redeploy":  "ECS goes on with the deployment",
		"stand-in":  "ECS goes on with the deployment, if it has begun",
		"restore":   "ECR goes on with what it brings out of the archive; a copy of an image has ended",
		"import":    "CloudFormation goes on with the import, if it has begun",
		"proof":     "a canary goes on running, and so does a deployment",
		"unlock":    "CloudFormation goes on with the rollback",
		"savepoint": "CloudFormation goes on with the update, if it has begun",
		"stamp":     "a one-off task that was started runs to its end",
		"migrate":   "the migration task runs to its end",
	}[s.step]
	if what == "" {
		return "nothing is under way in AWS because of this run"
	}
	return what + "; run the same command again to wait for it and go on"
}

// Command rescue-stack gets a CloudFormation stack with ECS services out of
// UPDATE_ROLLBACK_FAILED. Run it with -help for its subcommands and flags, and
// with -demo to see it work on a simulated account.
//
// Exit codes: 0 rescued, planned or shown; 1 a step failed; 2 wrong usage;
// 3 nothing to rescue; 4 no such stack here; 5 no access, or no credentials;
// 6 an operation is in progress; 7 this tool cannot help; 8 not confirmed;
// 9 rescued in part; 10 refused, because of the fact that the message names;
// 11 the situation is no longer that of the plan; 12 guard: a rollback would
// fail; 13 guard: not everything could be looked at; 130 interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"golang.org/x/term"

	"github.com/stackrescue/stackrescue/internal/neutral"
	"github.com/stackrescue/stackrescue/internal/redact"
	"github.com/stackrescue/stackrescue/rescue/report"
)

func main() {
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, env: os.Getenv}
	if term.IsTerminal(int(os.Stderr.Fd())) {
		a.terminal = true
	}
	a.width = func() int {
		for _, f := range []*os.File{os.Stderr, os.Stdout} {
			if w, _, err := term.GetSize(int(f.Fd())); err == nil {
				return w
			}
		}
		return 0
	}
	a.asks = term.IsTerminal(int(os.Stdin.Fd()))
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		_, _ = fmt.Fprintln(os.Stderr, "\ninterrupted: stopping; once more leaves at once")
		cancel()
		<-signals
		os.Exit(130)
	}()
	os.Exit(a.main(ctx, os.Args[1:]))
}

// app is the program with what it reads from and writes to.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            func(string) string
	width          func() int
	// terminal is whether stderr is one, asks whether somebody can answer.
	terminal, asks bool
	// account replaces the account of the credentials; nil takes that.
	account func(context.Context, *settings) (*account, error)
}

// main runs the program and returns its exit code.
func (a *app) main(ctx context.Context, args []string) int {
	s, err := parse(args, a.stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err == nil {
		err = a.run(ctx, s)
	}
	code, word := exitCode(ctx, err)
	if err == nil {
		return 0
	}
	if s != nil && s.json {
		l := &report.Lines{W: a.stdout}
		l.Fail(err, code, word)
		return code
	}
	_, _ = fmt.Fprintf(a.stderr, "rescue-stack: %s\n", neutral.Line(redact.Text(strings.ReplaceAll(err.Error(), "\n", "; "))))
	if ctx.Err() != nil && s != nil {
		_, _ = fmt.Fprintln(a.stderr, "rescue-stack: "+s.goesOn())
	}
	_, _ = fmt.Fprintf(a.stderr, "exit %d: %s\n", code, word)
	return code
}

func (a *app) run(ctx context.Context, s *settings) error {
	switch s.command {
	case "diagnose":
		return a.diagnose(ctx, s)
	case "plan":
		return a.plan(ctx, s)
	case "run":
		return a.runPlan(ctx, s)
	case "guard":
		return a.guard(ctx, s)
	case "explain":
		return a.explain(s)
	case "report":
		return a.report(s)
	}
	return a.all(ctx, s)
}

// program is the name and the version of what runs.
func program() string {
	version := "devel"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		version = info.Main.Version
	}
	return "rescue-stack " + version
}

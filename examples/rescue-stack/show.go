package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/report"
)

// screen shows what happens, in the form that was asked for.
type screen struct {
	a       *app
	s       *settings
	console *report.Console
	lines   *report.Lines
}

// show begins to show progress. The screen must be closed.
func (a *app) show(s *settings, x *account) *screen {
	out := &screen{a: a, s: s}
	if s.json {
		out.lines = &report.Lines{W: a.stdout}
		return out
	}
	actions := a.env("GITHUB_ACTIONS") == "true"
	ci := actions
	for _, name := range []string{"CI", "GITLAB_CI", "CODEBUILD_BUILD_ID"} {
		ci = ci || a.env(name) != ""
	}
	// NO_COLOR asks for text without escapes that draw; the status line is one.
	live := s.progress == "live" || s.progress == "auto" && a.terminal && !ci && a.env("TERM") != "dumb" && a.env("NO_COLOR") == ""
	var w io.Writer = a.stderr
	if s.progress == "quiet" {
		w, live = io.Discard, false
	}
	if actions {
		w = a.stdout // the runner reads commands there
	}
	width := a.width
	if !a.terminal {
		width = nil
	}
	o := report.ConsoleOptions{Width: width, Live: live && a.terminal, Actions: actions}
	if x != nil {
		o.Now = x.now
	}
	out.console = report.NewConsole(w, o)
	return out
}

// began notes what the step is of which the event is.
func (v *screen) began(e rescue.Event) {
	if _, kind, is := strings.Cut(e.Step, "-"); is { // such as 5-unlock
		v.s.step = rescue.Kind(kind)
	}
}

func (v *screen) event(e rescue.Event) {
	v.began(e)
	if v.lines != nil {
		v.lines.Event(e)
		return
	}
	v.console.Event(e)
}

func (v *screen) plan(p *rescue.Plan) {
	if v.console != nil {
		v.console.Plan(p)
	}
}

// close ends the progress.
func (v *screen) close() error {
	if v.console != nil {
		return v.console.Close()
	}
	return v.lines.Err()
}

// tell writes the story to everything that was asked for.
func (a *app) tell(in report.Input, s *settings) error {
	in.Program, in.Evidence = program(), s.evidence
	story := report.Tell(in)
	var errs []error
	if !s.json {
		width := 0
		if a.terminal {
			width = a.width()
		}
		errs = append(errs, story.Text(a.stdout, report.TextOptions{Width: width, Verbose: s.verbose}))
		if a.env("GITHUB_ACTIONS") == "true" {
			errs = append(errs, story.Annotations(a.stdout))
		}
	}
	for _, file := range []string{s.markdown, a.env("GITHUB_STEP_SUMMARY")} {
		if file != "" {
			errs = append(errs, into(file, os.O_APPEND, story.Markdown))
		}
	}
	if s.html != "" {
		errs = append(errs, into(s.html, os.O_TRUNC, story.HTML))
	}
	return errors.Join(errs...)
}

func into(file string, how int, write func(io.Writer) error) error {
	f, err := os.OpenFile(file, how|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// stepsOf are the results of a plan's runs so far, from the folder's journal.
func stepsOf(s *settings, p *rescue.Plan) ([]rescue.StepResult, error) {
	if s.evidence == "" {
		return nil, nil
	}
	all, err := (&report.Folder{Path: s.evidence}).Journal()
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []rescue.StepResult
	for _, r := range all {
		if r.Plan == p.Hash {
			out = append(out, r)
		}
	}
	return out, nil
}

// confirmed asks before a step where nobody has confirmed all of them.
func (v *screen) confirmed(ctx context.Context, typed *answers) func(rescue.Step) bool {
	return func(step rescue.Step) bool {
		if v.s.yes {
			return true
		}
		if v.console != nil {
			v.console.Pause()
		}
		return typed.ask(ctx, v.a.stderr, step)
	}
}

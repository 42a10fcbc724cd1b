package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/report"
)

// look diagnoses the stack, and waits for an operation in progress where that
// was asked for.
func (a *app) look(ctx context.Context, s *settings, x *account, v *screen) (*rescue.Diagnosis, error) {
	options := func(o *rescue.Options) {
		x.options(o)
		o.Evidence, o.Observe, o.Ledger = s.evidence, v.event, s.ledger
	}
	for {
		d, err := rescue.Diagnose(ctx, x.cfg, s.stack, options)
		if err != nil || d.Situation != "in-progress" || !s.wait {
			return d, err
		}
		v.event(rescue.Event{Version: 1, At: x.now(), Text: "an operation is in progress: " + d.Advice})
		var o rescue.Options
		x.options(&o)
		_, err = cfnx.Wait(ctx, cloudformation.NewFromConfig(x.cfg), d.StackID, func(w *cfnx.WaitOptions) { w.Interval = max(o.Interval, 5*time.Second/100) })
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			// How the operation ended is what the next look reads.
			v.event(rescue.Event{Version: 1, At: x.now(), Text: "it ended: " + err.Error()})
		}
	}
}

func (a *app) diagnose(ctx context.Context, s *settings) error {
	x, err := a.open(ctx, s)
	if err != nil {
		return err
	}
	v := a.show(s, x)
	d, err := a.look(ctx, s, x, v)
	if cerr := v.close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if s.json {
		v.lines.Diagnosis(d)
	}
	return errors.Join(v.errOf(), a.tell(report.Input{Diagnosis: d, By: x.caller(ctx), At: x.now()}, s))
}

func (v *screen) errOf() error {
	if v.lines != nil {
		return v.lines.Err()
	}
	return nil
}

// decide makes the plan, or compares the directions where none was given; nil
// without an error means that they were only compared.
func (a *app) decide(s *settings, d *rescue.Diagnosis, in *report.Input, v *screen) (*rescue.Plan, error) {
	if s.choices.Direction == "" {
		in.Proposals = d.Compare(s.choices)
		if v.lines != nil {
			v.lines.Proposals(in.Proposals)
		}
		if d.Situation == "healthy" || d.Situation == "not-rescuable" || d.Situation == "child-stuck" {
			_, err := rescue.MakePlan(d, rescue.Choices{Direction: rescue.Hold})
			in.Refused = err
			return nil, err
		}
		return nil, nil
	}
	p, err := rescue.MakePlan(d, s.choices)
	if err != nil {
		in.Refused = err
		in.Proposals = d.Compare(s.choices)
		return nil, err
	}
	in.Plan = p
	if v.lines != nil {
		v.lines.Plan(p)
	}
	v.plan(p)
	return p, nil
}

func (a *app) plan(ctx context.Context, s *settings) error {
	x, err := a.open(ctx, s)
	if err != nil {
		return err
	}
	v := a.show(s, x)
	d, err := a.look(ctx, s, x, v)
	if err != nil {
		return errors.Join(err, v.close())
	}
	if v.lines != nil {
		v.lines.Diagnosis(d)
	}
	in := report.Input{Diagnosis: d, By: x.caller(ctx), At: x.now()}
	p, err := a.decide(s, d, &in, v)
	err = errors.Join(err, v.close())
	if p != nil {
		err = errors.Join(err, a.keep(s, p))
	}
	err = errors.Join(err, a.tell(in, s))
	if err == nil && p != nil && s.out != "" && !s.json {
		_, err = fmt.Fprintf(a.stdout, "\nplan %s is in %s: have it reviewed, then\n  rescue-stack run %s\n", p.Hash[:12], s.out, s.out)
	}
	return err
}

// keep writes the plan to where it was asked for.
func (a *app) keep(s *settings, p *rescue.Plan) error {
	if s.evidence != "" {
		if err := (&report.Folder{Path: s.evidence}).SavePlan(p); err != nil {
			return err
		}
	}
	if s.policy != "" {
		if err := os.WriteFile(s.policy, []byte(p.Policy()+"\n"), 0o600); err != nil {
			return err
		}
	}
	if s.out == "" {
		return nil
	}
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(s.out, append(data, '\n'), 0o600)
}

func (a *app) runPlan(ctx context.Context, s *settings) error {
	data, err := os.ReadFile(s.file)
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	p := new(rescue.Plan)
	if err := json.Unmarshal(data, p); err != nil {
		return fmt.Errorf("%w: %s is no plan: %w", rescue.ErrPlan, s.file, err)
	}
	if s.evidence == "" {
		// Running it again must find what this run has done.
		s.evidence = s.file + ".evidence"
	}
	x, err := a.open(ctx, s)
	if err != nil {
		return err
	}
	v := a.show(s, x)
	v.plan(p)
	in := report.Input{Plan: p, By: x.caller(ctx)}
	return a.carryOut(ctx, s, x, v, p, in)
}

// carryOut runs a plan, takes up what an earlier run has done of it, looks once
// more, and tells all of it.
func (a *app) carryOut(ctx context.Context, s *settings, x *account, v *screen, p *rescue.Plan, in report.Input) error {
	done, err := stepsOf(s, p)
	if err != nil {
		return errors.Join(err, v.close())
	}
	if err := a.keep(s, p); err != nil {
		return errors.Join(err, v.close())
	}
	asking, stop := context.WithCancel(ctx)
	defer stop()
	typed := newAnswers(asking, a.stdin)
	r, err := rescue.Run(ctx, x.cfg, p, func(o *rescue.Options) {
		x.options(o)
		o.Shield = x.shield()
		o.Evidence, o.Observe, o.Done, o.Confirm, o.Ledger, o.Templates = s.evidence, v.event, done, v.confirmed(ctx, typed), s.ledger, s.choices.Templates
	})
	if ctx.Err() != nil && errors.Is(err, rescue.ErrDeclined) {
		err = ctx.Err()
	}
	if s.evidence != "" && r != nil {
		err = errors.Join(err, (&report.Folder{Path: s.evidence}).SaveReport(r))
	}
	in.Report, in.Steps, in.At = r, done, x.now()
	if ctx.Err() == nil && r != nil && len(r.Steps) > 0 {
		// What is there afterwards belongs to the evidence, and to the picture.
		d, lerr := rescue.Diagnose(ctx, x.cfg, p.StackID, func(o *rescue.Options) {
			x.options(o)
			o.Evidence, o.Settle, o.Ledger = s.evidence, -1, s.ledger
		})
		if lerr != nil {
			v.event(rescue.Event{Version: 1, At: x.now(), Text: "the last look failed: " + lerr.Error()})
		} else {
			in.Captures = append(in.Captures, d.Evidence())
		}
	}
	if s.evidence != "" {
		if read, rerr := (&report.Folder{Path: s.evidence}).Read(); rerr == nil {
			in.Captures = read.Captures
			if in.Diagnosis == nil {
				in.Diagnosis = read.Diagnosis
			}
		} else if !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
	}
	if v.lines != nil && r != nil {
		v.lines.Report(r)
	}
	err = errors.Join(err, v.close())
	if r == nil || len(r.Steps) == 0 && ctx.Err() == nil && err != nil {
		return err
	}
	return errors.Join(err, a.tell(in, s))
}

// all diagnoses, plans and runs.
func (a *app) all(ctx context.Context, s *settings) error {
	x, err := a.open(ctx, s)
	if err != nil {
		return err
	}
	v := a.show(s, x)
	d, err := a.look(ctx, s, x, v)
	if err != nil {
		return errors.Join(err, v.close())
	}
	if v.lines != nil {
		v.lines.Diagnosis(d)
	}
	in := report.Input{Diagnosis: d, Captures: []*rescue.Bundle{d.Evidence()}, By: x.caller(ctx), At: x.now()}
	p, err := a.decide(s, d, &in, v)
	if p == nil || s.planOnly {
		err = errors.Join(err, v.close())
		if p != nil {
			err = errors.Join(err, a.keep(s, p))
		}
		err = errors.Join(err, a.tell(in, s))
		if p == nil && err == nil && !s.planOnly {
			err = fmt.Errorf("%w: choose one of the ways out with -direction", rescue.ErrDirection)
		}
		return err
	}
	if !s.json {
		if err := a.tell(in, quietly(s)); err != nil {
			return errors.Join(err, v.close())
		}
	}
	return a.carryOut(ctx, s, x, v, p, in)
}

// quietly is without the files: what is shown before the run is shown again after
// it.
func quietly(s *settings) *settings {
	c := *s
	c.html, c.markdown = "", ""
	return &c
}

func (a *app) explain(s *settings) error {
	b, err := rescue.OpenBundle(s.file)
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	d := b.Explain()
	s.evidence = s.file
	in := report.Input{Diagnosis: d, Captures: []*rescue.Bundle{b}, At: b.At}
	v := a.show(s, nil)
	if v.lines != nil {
		v.lines.Diagnosis(d)
	}
	if d.Situation != "healthy" {
		_, err = a.decide(s, d, &in, v)
	}
	return errors.Join(err, v.close(), a.tell(in, s))
}

func (a *app) report(s *settings) error {
	in, err := (&report.Folder{Path: s.file}).Read()
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	s.evidence = filepath.Clean(s.file)
	if s.json {
		in.Program, in.Evidence = program(), s.evidence
		l := &report.Lines{W: a.stdout}
		l.Story(report.Tell(in))
		if err := l.Err(); err != nil {
			return err
		}
	}
	return a.tell(in, s)
}

// finish pays what a rescue has left, once the pipeline has succeeded again;
// without -apply it says what it would do.
func (a *app) finish(ctx context.Context, s *settings) error {
	x, err := a.open(ctx, s)
	if err != nil {
		return err
	}
	v := a.show(s, x)
	f, err := rescue.Finish(ctx, x.cfg, s.stack, func(o *rescue.FinishOptions) {
		o.Evidence, o.DryRun, o.Now, o.Observe = s.evidence, !s.apply, x.now, v.event
		if s.choices.Shield {
			o.Shield = x.shield()
		}
	})
	if v.lines != nil && f != nil {
		v.lines.Finished(f)
	}
	err = errors.Join(err, v.close())
	if f == nil || s.json {
		return err
	}
	out := f.String()
	if !s.apply && len(f.Done) > 0 {
		out += "\nnothing was changed: -apply does it\n"
	}
	_, werr := io.WriteString(a.stdout, out)
	return errors.Join(err, werr)
}

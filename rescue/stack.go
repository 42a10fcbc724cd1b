package rescue

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Stack does the whole: it diagnoses, plans, and, unless mode is
// [PlanOnly], runs, printing each to p. What it returns is the first error of
// [Diagnose], [MakePlan] or [Run].
//
// A stack that is still busy is diagnosed all the same, evidence and causes so
// far included, before the error is returned.
func Stack(ctx context.Context, cfg aws.Config, stack string, c Choices, mode Mode, p *Printer, optFns ...func(*Options)) error {
	d, err := Diagnose(ctx, cfg, stack, optFns...)
	if err != nil {
		return err
	}
	if err := p.Diagnosis(d); err != nil {
		return err
	}
	plan, err := MakePlan(d, c)
	if err != nil {
		return err
	}
	if err := p.Plan(plan); err != nil || mode == PlanOnly {
		return err
	}
	r, err := Run(ctx, cfg, plan, optFns...)
	if r != nil {
		err = errors.Join(err, p.Report(r))
	}
	return err
}

// Mode is how far [Stack] goes.
type Mode int

const (
	// PlanAndRun carries the plan out.
	PlanAndRun Mode = iota
	// PlanOnly stops after the plan.
	PlanOnly
)

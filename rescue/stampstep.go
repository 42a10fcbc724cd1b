package rescue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/toolcmd"
)

// stampStep records a migration that was applied.
type stampStep struct {
	Task      ecsx.TaskSpec `json:"task"`
	Container string        `json:"container"`
	// Tool and Verify are the commands that it runs, Unproven whether it may do
	// without any in Verify.
	Tool     toolcmd.Tool `json:"tool"`
	Verify   [][]string   `json:"verify,omitempty"`
	Unproven bool         `json:"unproven,omitempty"`
}

// stamp records a migration that was applied, through one-off tasks of the new
// image: the database is usually private.
func (r *runner) stamp(ctx context.Context, c clients, s Step, res *StepResult) error {
	m := s.Stamp
	if gone, err := r.doneAndGone(ctx, c, s, m.Task, res); gone || err != nil {
		return err
	}
	wait := func(o *ecsx.StoppedOptions) { o.Interval, o.Settle = r.o.Interval, r.o.Settle }
	tasks := &oneOff{Client: c.ecs}
	run := func(ctx context.Context, args []string) ([]string, error) {
		spec := m.Task
		spec.Overrides = []ecsx.ContainerOverride{{Container: m.Container, Command: args}}
		if !writes(args, m.Tool.Stamp) {
			task, err := spec.RunTask(ctx, tasks, c.logs, wait)
			return answer(task, m.Container, args, err)
		}
		spec.Token = token(r.p.Fingerprint, s.ID)
		arn, err := spec.AdoptTask(ctx, c.ecs)
		if err != nil {
			return nil, err
		}
		task, err := spec.WaitTask(ctx, tasks, c.logs, arn, wait)
		return answer(task, m.Container, args, err)
	}
	out, err := toolcmd.Stamp(ctx, run, m.Tool, func(o *toolcmd.StampOptions) {
		o.Verify, o.Unproven, o.Parallel = m.Verify, m.Unproven, true
		o.Observe = func(commands [][]string) {
			for _, args := range commands {
				r.o.tell(s.ID, "one-off task: "+strings.Join(args, " "))
			}
		}
	})
	if err != nil {
		return err
	}
	res.Outcome, res.From, res.To = outcomeDone, out.From, out.To
	res.Text = fmt.Sprintf("the table of %s held %s and holds %s", m.Tool.Name, out.From, out.To)
	if !out.Changed {
		res.Outcome, res.Text = outcomeHeld, fmt.Sprintf("the table of %s holds %s", m.Tool.Name, out.To)
	}
	return nil
}

// doneAndGone reports whether a step was done by an earlier run of the plan, and
// its revision can no longer be run because the clean-up after the unlock has
// deregistered it. What it brought about was verified when it was done.
func (r *runner) doneAndGone(ctx context.Context, c clients, s Step, task ecsx.TaskSpec, res *StepResult) (bool, error) {
	if !r.doneBefore(s) {
		return false, nil
	}
	td, err := describe(ctx, c, task.TaskDefinition)
	if err != nil || td.Status == ecstypes.TaskDefinitionStatusActive {
		return false, err
	}
	res.Outcome, res.Text = outcomeHeld, "an earlier run has done and verified it; "+short(task.TaskDefinition)+" is "+string(td.Status)+" by now"
	return true, nil
}

// writes reports whether a command is the one that stamps.
func writes(args, stamp []string) bool {
	return len(args) > len(stamp) && slices.Equal(args[:len(stamp)], stamp)
}

// answer is what one container printed. A task whose command exited with 0 has
// succeeded even though sidecars of the image were stopped with it.
func answer(task *ecsx.StoppedTask, container string, args []string, err error) ([]string, error) {
	x := task.Container(container)
	switch {
	case x == nil && err != nil:
		return nil, err
	case x == nil:
		return nil, fmt.Errorf("task has no container %s", container)
	case x.ExitCode == nil:
		return nil, err
	case *x.ExitCode != 0:
		return x.Log.Messages(), &toolcmd.CommandError{Args: args, Code: *x.ExitCode, Lines: x.Log.Messages()}
	case x.Log.State != "complete" && x.Log.State != "empty":
		return nil, fmt.Errorf("%s: log is %s: %w", strings.Join(args, " "), x.Log.State, migrate.ErrOutput)
	}
	return x.Log.Messages(), nil
}

// token makes a client token from what must not be done twice.
func token(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return "stackrescue-" + hex.EncodeToString(sum[:20])
}

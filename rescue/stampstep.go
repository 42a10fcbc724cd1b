package rescue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/toolcmd"
)

// StampStep records a migration that was applied.
type StampStep struct {
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
	n := 0
	run := func(ctx context.Context, args []string) ([]string, error) {
		n++
		spec := s.Stamp.Task
		spec.Token = token(r.p.Fingerprint, s.ID, fmt.Sprint(n), r.o.Now().Format("2006-01-02T15"), strings.Join(args, " "))
		spec.Overrides = []ecsx.ContainerOverride{{Container: s.Stamp.Container, Command: args}}
		r.o.tell(s.ID, "one-off task: "+strings.Join(args, " "))
		task, err := ecsx.RunTask(ctx, c.ecs, c.logs, spec, func(o *ecsx.StoppedOptions) { o.Interval, o.Settle = r.o.Interval, r.o.Settle })
		return answer(task, s.Stamp.Container, args, err)
	}
	out, err := toolcmd.Stamp(ctx, run, m.Tool, func(o *toolcmd.StampOptions) { o.Verify, o.Unproven = m.Verify, m.Unproven })
	if err != nil {
		return err
	}
	res.Outcome, res.From, res.To = Done, out.From, out.To
	res.Text = fmt.Sprintf("the table of %s held %s and holds %s", m.Tool.Name, out.From, out.To)
	if !out.Changed {
		res.Outcome, res.Text = Held, fmt.Sprintf("the table of %s holds %s", m.Tool.Name, out.To)
	}
	return nil
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
	case x.Log.State != ecsx.LogComplete && x.Log.State != ecsx.LogEmpty:
		return nil, fmt.Errorf("%s: log is %s: %w", strings.Join(args, " "), x.Log.State, migrate.ErrOutput)
	}
	return x.Log.Messages(), nil
}

// token makes a client token from what must not be done twice.
func token(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return "stackrescue-" + hex.EncodeToString(sum[:20])
}

package rescue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/toolcmd"
)

// MigrateStep runs a migration that has not run.
type MigrateStep struct {
	Task      ecsx.TaskSpec `json:"task"`
	Container string        `json:"container"`
	// Run is the command, Tool and Verify what it is verified with.
	Run    []string     `json:"run"`
	Tool   toolcmd.Tool `json:"tool"`
	Verify [][]string   `json:"verify,omitempty"`
}

// migration gets the database to where the new code needs it.
func (p *planner) migration(s *ServiceFacts, target, container string, m *Migration) {
	spec := ecsx.TaskSpec{
		Cluster: s.Service.Cluster, TaskDefinition: target, Placement: s.Placement,
		StartedBy: "stackrescue",
	}
	like := func(command []string) string {
		return fmt.Sprintf("aws ecs run-task --cluster %s --task-definition %s --overrides '…%s'", s.Service.Cluster, short(target), strings.Join(command, " "))
	}
	if len(m.Run) > 0 {
		p.add(Step{
			Kind: KindMigrate, Subject: "migration in container " + container, Why: "replicas wait for a migration that has not run",
			Actions: []string{"ecs:RunTask", "ecs:DescribeTasks", "ecs:DescribeTaskDefinition", "logs:FilterLogEvents", "iam:PassRole"},
			Command: like(m.Run), Before: "every image of " + short(target) + " exists", After: "the database is verified to be where the image needs it",
			Undo: "restore a snapshot of the database", Takes: time.Hour,
			Migrate: &MigrateStep{Task: spec, Container: container, Run: m.Run, Tool: m.Tool, Verify: m.Verify},
		})
		return
	}
	p.add(Step{
		Kind: KindStamp, Subject: m.Tool.Name + " in container " + container, Why: "replicas wait for a migration that was applied and not recorded",
		Actions: []string{"ecs:RunTask", "ecs:DescribeTasks", "ecs:ListTasks", "ecs:DescribeTaskDefinition", "logs:FilterLogEvents", "iam:PassRole"},
		Command: like(m.Tool.Stamp),
		Before:  "the checks prove that the migration was applied", After: "the tool's table holds the revision that the image brings",
		Undo: "stamp the earlier revision, which the result names", Takes: 10 * time.Minute,
		Stamp: &StampStep{Task: spec, Container: container, Tool: m.Tool, Verify: m.Verify, Unproven: m.Unproven},
	})
}

// migrate runs a migration that has not run, as a one-off task of the new
// image, before anything of it is deployed. A task that an earlier run of the
// plan left in flight is waited for.
func (r *runner) migrate(ctx context.Context, c clients, s Step, res *StepResult) error {
	m := s.Migrate
	n, from := 0, ""
	run := func(ctx context.Context, args []string) ([]string, error) {
		n++
		spec := s.Migrate.Task
		spec.Token = token(r.p.Fingerprint, s.ID, fmt.Sprint(n))
		spec.Overrides = []ecsx.ContainerOverride{{Container: s.Migrate.Container, Command: args}}
		r.o.tell(s.ID, "one-off task: "+strings.Join(args, " "))
		arn, err := ecsx.AdoptTask(ctx, c.ecs, spec)
		if err != nil {
			return nil, err
		}
		task, err := ecsx.WaitTask(ctx, c.ecs, c.logs, spec.Cluster, arn, func(o *ecsx.StoppedOptions) { o.Interval, o.Settle = r.o.Interval, r.o.Settle })
		return answer(task, s.Migrate.Container, args, err)
	}
	probe, report := migrate.ReportedState()
	handed := m.Tool.Name == "" && len(m.Verify) == 0
	if !handed {
		probe = applied(run, m)
	}
	first := true
	watched := func(ctx context.Context) (migrate.State, error) {
		state, err := probe(ctx)
		if first {
			from, first = state.Version, false
		}
		return state, err
	}
	ran := false
	state, err := migrate.OneOff(ctx, watched, func(ctx context.Context) error {
		ran = true
		lines, err := run(ctx, s.Migrate.Run)
		if err != nil || !handed {
			return err
		}
		out, err := migrate.ReadHandback[migrate.Result](lines, migrate.KindResult)
		if err != nil {
			return fmt.Errorf("%w: %w", migrate.ErrUnverified, err)
		}
		report(out.State)
		return nil
	}, func(o *migrate.OneOffOptions) { o.Tries = 1 }) // the task and its waiting ride out what may pass
	if err != nil {
		return err
	}
	res.Outcome, res.From, res.To = Done, from, state.Version
	res.Text = "the database was migrated: " + state.String()
	if !ran {
		res.Outcome, res.Text = Held, "the database is where it should be: "+state.String()
	}
	return nil
}

// applied probes with the tool's table and the checks, as far as there are any.
func applied(run toolcmd.Command, m *MigrateStep) migrate.Probe {
	return func(ctx context.Context) (migrate.State, error) {
		var s migrate.State
		if m.Tool.Name != "" {
			table, err := toolcmd.Inspect(ctx, run, m.Tool)
			if err != nil {
				return s, err
			}
			s.Version = table.Revision
			if !table.Current() {
				return s, nil
			}
		}
		for _, check := range m.Verify {
			_, err := run(ctx, check)
			if _, no := errors.AsType[*toolcmd.CommandError](err); no {
				return s, nil
			}
			if err != nil {
				return s, err
			}
		}
		s.Done = true
		return s, nil
	}
}

package rescue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/toolcmd"
)

// migrateStep runs a migration that has not run.
type migrateStep struct {
	Task      ecsx.TaskSpec `json:"task"`
	Container string        `json:"container"`
	// Run is the command, Tool and Verify what it is verified with.
	Run    []string     `json:"run"`
	Tool   toolcmd.Tool `json:"tool"`
	Verify [][]string   `json:"verify,omitempty"`
}

// owner is the service whose image brings the migration, and the container.
func (p *planner) owner(todo []*ServiceFacts, keep map[string]string) (*ServiceFacts, string, error) {
	m := p.c.Migration
	has := func(s *ServiceFacts) string {
		for _, c := range s.Definitions[keep[s.Service.String()]].Containers {
			if m.Container == "" || c.Name == m.Container {
				return c.Name
			}
		}
		return ""
	}
	var brings, updated []*ServiceFacts
	for i := range p.b.Services {
		s := &p.b.Services[i]
		target := keep[s.Service.String()]
		if m.Service != "" && s.Service.String() != m.Service || m.Service == "" && !slices.Contains(todo, s) || has(s) == "" {
			continue
		}
		brings = append(brings, s)
		if target == s.Forward && target != s.Back {
			updated = append(updated, s)
		}
	}
	if len(updated) == 1 {
		brings = updated
	}
	switch {
	case len(brings) == 1:
		return brings[0], has(brings[0]), nil
	case len(brings) == 0:
		return nil, "", refuse("name another service or container for it", "no service that the plan keeps a revision for has what the migration is run in: service %q, container %q", m.Service, m.Container)
	}
	names := make([]string, len(brings))
	for i, s := range brings {
		names[i] = s.Service.String()
	}
	return nil, "", refuse("name the service of the migration", "more than one service could bring the migration: %s", strings.Join(names, ", "))
}

// migration gets the database to where the new code needs it.
func (p *planner) migration(s *ServiceFacts, target, container string, m *Migration) {
	spec := ecsx.TaskSpec{
		Cluster: s.Service.Cluster, TaskDefinition: target, Placement: s.Placement,
		StartedBy: "stackrescue",
	}
	like := func(command []string) string {
		return runTask(spec, container, command)
	}
	if len(m.Run) > 0 {
		p.add(Step{
			Kind: kindMigrate, Subject: "migration in container " + container, Why: "replicas wait for a migration that has not run",
			Command: like(m.Run), Before: "every image of " + short(target) + " exists", After: "the database is verified to be where the image needs it",
			Undo: "restore a snapshot of the database", Takes: time.Hour,
			Migrate: &migrateStep{Task: spec, Container: container, Run: m.Run, Tool: m.Tool, Verify: m.Verify},
		})
		return
	}
	p.add(Step{
		Kind: kindStamp, Subject: m.Tool.Name + " in container " + container, Why: "replicas wait for a migration that was applied and not recorded",
		Command: like(m.Tool.Stamp),
		Before:  "the checks prove that the migration was applied", After: "the tool's table holds the revision that the image brings",
		Undo: "stamp the earlier revision, which the result names", Takes: 10 * time.Minute,
		Stamp: &stampStep{Task: spec, Container: container, Tool: m.Tool, Verify: m.Verify, Unproven: m.Unproven},
	})
}

// migrate runs a migration that has not run, as a one-off task of the new
// image, before anything of it is deployed. A task that an earlier run of the
// plan left in flight is waited for.
func (r *runner) migrate(ctx context.Context, c clients, s Step, res *StepResult) error {
	m := s.Migrate
	if gone, err := r.doneAndGone(ctx, c, s, m.Task, res); gone || err != nil {
		return err
	}
	n, from := 0, ""
	run := func(ctx context.Context, args []string) ([]string, error) {
		n++
		spec := s.Migrate.Task
		spec.Token = token(r.p.Fingerprint, s.ID, fmt.Sprint(n))
		spec.Overrides = []ecsx.ContainerOverride{{Container: s.Migrate.Container, Command: args}}
		r.o.tell(s.ID, "one-off task: "+strings.Join(args, " "))
		arn, err := spec.AdoptTask(ctx, c.ecs)
		if err != nil {
			return nil, err
		}
		task, err := spec.WaitTask(ctx, c.ecs, c.logs, arn, func(o *ecsx.StoppedOptions) { o.Interval, o.Settle = r.o.Interval, r.o.Settle })
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
		out, err := migrate.ReadHandback[migrate.Result](lines)
		if err != nil {
			return fmt.Errorf("%w: %w", migrate.ErrUnverified, err)
		}
		report(out.State)
		return nil
	}, func(o *migrate.OneOffOptions) { o.Tries = 1 }) // the task and its waiting ride out what may pass
	if err != nil {
		return err
	}
	res.Outcome, res.From, res.To = outcomeDone, from, state.Version
	res.Text = "the database was migrated: " + state.String()
	if !ran {
		res.Outcome, res.Text = outcomeHeld, "the database is where it should be: "+state.String()
	}
	return nil
}

// applied probes with the tool's table and the checks, as far as there are any.
func applied(run toolcmd.Command, m *migrateStep) migrate.Probe {
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

// runTask is the command that runs a container's other command once.
func runTask(t ecsx.TaskSpec, container string, command []string) string {
	overrides, err := json.Marshal(map[string]any{"containerOverrides": []any{map[string]any{"name": container, "command": command}}})
	if err != nil {
		return "" // texts can be written
	}
	out := fmt.Sprintf("aws ecs run-task --cluster %s --task-definition %s --overrides %s", t.Cluster, short(t.TaskDefinition), quoted(string(overrides)))
	if n := t.Network; n != nil {
		network := "awsvpcConfiguration={subnets=[" + strings.Join(n.Subnets, ",") + "]"
		if len(n.SecurityGroups) > 0 {
			network += ",securityGroups=[" + strings.Join(n.SecurityGroups, ",") + "]"
		}
		if n.AssignPublicIP != "" {
			network += ",assignPublicIp=" + string(n.AssignPublicIP)
		}
		out += " --network-configuration " + quoted(network+"}")
	}
	if t.LaunchType != "" {
		out += " --launch-type " + string(t.LaunchType)
	}
	for i, c := range t.CapacityProviders {
		if i == 0 {
			out += " --capacity-provider-strategy"
		}
		out += fmt.Sprintf(" capacityProvider=%s,weight=%d,base=%d", c.Name, c.Weight, c.Base)
	}
	return out
}

// quoted is one word for a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

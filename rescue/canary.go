package rescue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/internal/awsretry"
	"github.com/stackrescue/stackrescue/internal/poll"
)

// canaryPatience is how long a canary may take to run and to become healthy.
const canaryPatience = 20 * time.Minute

// canaryHeld is the reason with which a canary is stopped that has proven its revision:
// a task that stopped with it is no evidence of a failure.
const canaryHeld = "stackrescue: the canary has stayed up"

// canary starts one task of a revision, and stops it once it has run, healthy where it
// has a health check, for the soak. One that an earlier run has started is gone on
// with.
func (r *runner) canary(ctx context.Context, c clients, s Step, td *registered) error {
	x := s.Proof
	spec := x.Task
	spec.TaskDefinition, spec.Token = td.arn, token(r.p.Fingerprint, s.ID)
	if !td.at.IsZero() { // one that was proven long ago: that task is not meant
		spec.Token = token(r.p.Fingerprint, s.ID, td.at.String())
	}
	arn, err := r.canaryBefore(ctx, c, spec, x.Rendered.Again)
	if err != nil {
		return err
	}
	if arn == "" {
		if err := r.begun(s, short(x.Rendered.From), short(td.arn)); err != nil {
			return err
		}
		if arn, err = spec.AdoptTask(ctx, c.ecs); err != nil {
			if _, ok := errors.AsType[*ecsx.StartError](err); ok {
				return &Error{Stack: r.p.Stack, Err: fmt.Errorf("service %s: no canary of %s could be placed, and nothing was unlocked: %w", x.Service, short(td.arn), err), Next: "give the cluster room for one more task, and run the same plan again"}
			}
			return err
		}
		r.o.tell(s.ID, "canary of "+short(td.arn)+": task "+short(arn))
	}
	why, err := r.watch(ctx, c, s, spec.Cluster, arn, td)
	if err != nil {
		return err
	}
	if why == nil {
		if err := r.note(ctx, c, td.arn, proofHeld); err != nil {
			return err
		}
		return r.stopCanaries(ctx, c, spec.Cluster, td.arn)
	}
	if e, ok := errors.AsType[*interruptedError](why); ok {
		return &Error{Stack: r.p.Stack, Err: fmt.Errorf("service %s: the canary of %s: %w", x.Service, short(td.arn), e), Next: "nothing was unlocked: run the same plan again, which starts another"}
	}
	if err := r.note(ctx, c, td.arn, proofFailed); err != nil {
		return err
	}
	return r.refuted(ctx, x.Service, &x.Rendered, td.arn, why)
}

// interruptedError is a canary that was ended by something else than itself.
type interruptedError struct{ reason string }

func (e *interruptedError) Error() string { return "it was stopped: " + e.reason }

// canaryBefore is a canary of an earlier run that has ended by itself, before that run
// could say so; "" where there is none.
func (r *runner) canaryBefore(ctx context.Context, c clients, spec ecsx.TaskSpec, again bool) (string, error) {
	if again {
		return "", nil
	}
	tasks, err := canaries(ctx, c, spec.Cluster, familyOf(spec.TaskDefinition), ecstypes.DesiredStatusStopped)
	for _, t := range tasks {
		if aws.ToString(t.TaskDefinitionArn) == spec.TaskDefinition && !interrupted(t.StopCode) {
			return aws.ToString(t.TaskArn), nil
		}
	}
	return "", err
}

// familyOf is the family of a revision's ARN.
func familyOf(arn string) string { family, _, _ := strings.Cut(short(arn), ":"); return family }

// canaries are the tasks of a family that prove a revision.
func canaries(ctx context.Context, c clients, cluster, family string, status ecstypes.DesiredStatus) ([]ecstypes.Task, error) {
	var arns []string
	for p := ecs.NewListTasksPaginator(c.ecs, &ecs.ListTasksInput{Cluster: &cluster, Family: &family, DesiredStatus: status}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		arns = append(arns, page.TaskArns...)
	}
	var out []ecstypes.Task
	for len(arns) > 0 {
		n := min(len(arns), describedTasks)
		tasks, err := c.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &cluster, Tasks: arns[:n]})
		if err != nil {
			return nil, err
		}
		for _, t := range tasks.Tasks {
			if aws.ToString(t.StartedBy) == proofMark {
				out = append(out, t)
			}
		}
		arns = arns[n:]
	}
	return out, nil
}

// interrupted reports whether a task was stopped by somebody, or by what it ran on.
func interrupted(code ecstypes.TaskStopCode) bool {
	switch code {
	case ecstypes.TaskStopCodeUserInitiated, ecstypes.TaskStopCodeSpotInterruption, ecstypes.TaskStopCodeTerminationNotice, "InfrastructureHealth":
		return true
	}
	return false
}

// watch follows a canary until it has stayed up for the soak: then why is nil. Else it
// is why it has not.
func (r *runner) watch(ctx context.Context, c clients, s Step, cluster, arn string, td *registered) (why, err error) {
	began, ready, said := r.o.Now(), time.Time{}, ""
	for unseen := 0; ; {
		out, err := awsretry.Read(ctx, r.o.Interval, awsretry.Tries, func(ctx context.Context) (*ecs.DescribeTasksOutput, error) {
			return c.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &cluster, Tasks: []string{arn}})
		})
		if err != nil {
			return nil, err
		}
		if len(out.Tasks) == 0 {
			// A new task may not be visible yet (docs/aws/ecs.md 1.1).
			if unseen++; unseen > verifyLooks*4 {
				return &interruptedError{"ECS does not know it any more"}, nil
			}
		} else {
			t := out.Tasks[0]
			switch now, up := r.o.Now(), aws.ToString(t.LastStatus) == "RUNNING"; {
			case aws.ToString(t.DesiredStatus) == "STOPPED" || aws.ToString(t.LastStatus) == "STOPPED":
				return r.ended(ctx, c, cluster, arn)
			case t.HealthStatus == ecstypes.HealthStatusUnhealthy:
				return r.end(ctx, c, cluster, arn, "its container is unhealthy")
			case up && (t.HealthStatus == ecstypes.HealthStatusHealthy || !checked(td.definition)):
				if ready.IsZero() {
					ready = now
				}
				if now.Sub(ready) >= max(r.o.Soak, 0) {
					return nil, nil
				}
			case now.Sub(began) > canaryPatience:
				return r.end(ctx, c, cluster, arn, fmt.Sprintf("it was %s, health %s, for %s", aws.ToString(t.LastStatus), t.HealthStatus, canaryPatience))
			}
			if is := fmt.Sprintf("canary %s: %s, health %s", short(arn), aws.ToString(t.LastStatus), t.HealthStatus); is != said {
				said = is
				r.o.tell(s.ID, is)
			}
		}
		if err := poll.Sleep(ctx, r.o.Interval); err != nil {
			return nil, err
		}
	}
}

// end stops a canary that has failed.
func (r *runner) end(ctx context.Context, c clients, cluster, arn, why string) (error, error) {
	if err := r.stopTask(ctx, c, cluster, arn, "stackrescue: the canary has failed: "+why); err != nil {
		return nil, err
	}
	said, err := r.ended(ctx, c, cluster, arn)
	if err != nil {
		return nil, err
	}
	if _, ok := errors.AsType[*interruptedError](said); ok || said == nil {
		return errors.New(why), nil
	}
	return fmt.Errorf("%s: %w", why, said), nil
}

// ended is why a canary has stopped, from its exit codes and logs.
func (r *runner) ended(ctx context.Context, c clients, cluster, arn string) (why, err error) {
	task, err := ecsx.TaskSpec{Cluster: cluster}.WaitTask(ctx, c.ecs, c.logs, arn, func(o *ecsx.StoppedOptions) { o.Interval, o.Settle = r.o.Interval, r.o.Settle })
	switch _, told := errors.AsType[*ecsx.TaskError](err); {
	case task != nil && task.Expired:
		return &interruptedError{"ECS has forgotten it"}, nil // whatever it was, it has not stayed up under our eyes
	case err != nil && !told:
		return nil, err
	case task == nil:
		return &interruptedError{"ECS does not know it"}, nil
	case strings.HasPrefix(task.Reason, canaryHeld):
		return nil, nil
	case interrupted(task.StopCode):
		return &interruptedError{task.Reason}, nil
	case err == nil:
		return errors.New("it ended by itself, with success"), nil
	}
	return err, nil
}

// stopTask stops a task, which may be done twice.
func (r *runner) stopTask(ctx context.Context, c clients, cluster, arn, reason string) error {
	reason = reason[:min(len(reason), 255)] // https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopTask.html
	_, err := awsretry.Read(ctx, r.o.Interval, awsretry.Tries, func(ctx context.Context) (*ecs.StopTaskOutput, error) {
		return c.ecs.StopTask(ctx, &ecs.StopTaskInput{Cluster: &cluster, Task: &arn, Reason: &reason})
	})
	return err
}

// stopCanaries stops what runs of a proven revision beside its service.
func (r *runner) stopCanaries(ctx context.Context, c clients, cluster, revision string) error {
	tasks, err := canaries(ctx, c, cluster, familyOf(revision), ecstypes.DesiredStatusRunning)
	if err != nil {
		return err
	}
	for _, t := range tasks {
		if aws.ToString(t.TaskDefinitionArn) != revision {
			continue
		}
		if err := r.stopTask(ctx, c, cluster, aws.ToString(t.TaskArn), canaryHeld); err != nil {
			return err
		}
	}
	return nil
}

// canaries stops those of a revision that a run which died has left running.
func (p *payer) canaries(cluster, revision string) error {
	tasks, err := canaries(p.ctx, p.c, cluster, familyOf(revision), ecstypes.DesiredStatusRunning)
	if err != nil {
		return err
	}
	for _, t := range tasks {
		if aws.ToString(t.TaskDefinitionArn) != revision {
			continue
		}
		if !p.f.DryRun {
			if _, err := p.c.ecs.StopTask(p.ctx, &ecs.StopTaskInput{Cluster: &cluster, Task: t.TaskArn, Reason: aws.String("stackrescue: the rescue is over")}); err != nil {
				return err
			}
		}
		p.done("task %s, with which the rescue has proven %s, is stopped", short(aws.ToString(t.TaskArn)), short(revision))
	}
	return nil
}

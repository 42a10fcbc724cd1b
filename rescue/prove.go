package rescue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/internal/awsretry"
)

// tagProof is on a revision that was proven, or has failed; it outlives the tasks,
// which ECS forgets within the hour, and whoever ran them.
const tagProof = "stackrescue:proof"

// Values of tagProof; after the first is when that was.
const (
	proofHeld   = "proven"
	proofFailed = "failed"
)

// proofLasts is for how long a stack that is still locked need not be proven once more:
// what a revision needs besides itself may be gone by then.
const proofLasts = 24 * time.Hour

// proof proves what the savepoint renders for a service. One that an earlier run has
// proven, or has begun to, is not begun again.
func (r *runner) proof(ctx context.Context, c clients, s Step, res *StepResult) error {
	x := s.Proof
	arn, err := r.provenBefore(ctx, c, s, &x.Rendered)
	if err != nil {
		return err
	}
	var edit func(*ecs.RegisterTaskDefinitionInput) error
	var td *registered
	if arn == "" {
		if edit, err = r.rendering(ctx, c, &x.Rendered); err != nil {
			return err
		}
		if td, err = r.register(ctx, c, s, x.Service, &x.Rendered, edit); err != nil {
			return err
		}
		arn = td.arn
	}
	if td != nil && td.outcome == proofHeld && r.o.Now().Sub(td.at) > proofLasts {
		r.o.tell(s.ID, short(arn)+" was proven "+td.at.Format(time.RFC3339)+": once more")
		td.outcome = ""
	}
	held := td == nil || td.outcome == proofHeld
	if !held && x.By == byCanary && len(r.o.Done) > 0 { // nothing of the plan is started beside what is newer
		svc, err := r.service(ctx, c, x.Service)
		if err == nil {
			err = r.overtaken(ctx, c, x.Service, svc, nil)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case !held && td.outcome == proofFailed && !x.Rendered.Again:
		return r.failedAlready(x.Service, &x.Rendered, arn)
	case x.By == byCanary && held:
		err = r.stopCanaries(ctx, c, x.Task.Cluster, arn)
	case x.By == byCanary:
		err = r.canary(ctx, c, s, td)
	case !held:
		_, err = r.deployProof(ctx, c, s, x.Service, &x.Rendered, td, edit, x.Found)
	}
	if err != nil {
		return err
	}
	r.hold(&x.Rendered, arn)
	res.Outcome, res.From, res.To = outcomeDone, short(x.Rendered.From), short(arn)
	res.Text = fmt.Sprintf("one task of %s, which the savepoint renders for service %s, has stayed up, and is stopped", short(arn), x.Service)
	if x.By == byDeployment {
		res.Text = fmt.Sprintf("the deployment of %s, which the savepoint renders for service %s, has succeeded and stayed up", short(arn), x.Service)
	}
	if held {
		res.Outcome, res.Text = outcomeHeld, fmt.Sprintf("%s, which the savepoint renders for service %s, was proven before", short(arn), x.Service)
	}
	return nil
}

// hold notes what the savepoint is compared with.
func (r *runner) hold(x *renderedRevision, arn string) {
	if r.proven == nil {
		r.proven = map[string]string{}
	}
	r.proven[x.key()] = arn
}

// registered is the revision that a proof is about.
type registered struct {
	arn, outcome string
	// at is when it was proven; zero where that is not known.
	at         time.Time
	definition *ecstypes.TaskDefinition
}

// provenBefore is the revision that an earlier run of the plan has proven; "" where
// none has. The templates may be the savepoint's own by then.
func (r *runner) provenBefore(ctx context.Context, c clients, s Step, x *renderedRevision) (string, error) {
	if arn := r.proven[x.key()]; arn != "" {
		return arn, nil
	}
	for _, d := range slices.Backward(r.o.Done) {
		if d.ID != s.ID || d.Outcome != outcomeDone && d.Outcome != outcomeHeld || d.To == "" {
			continue
		}
		td, err := r.tagged(ctx, c, d.To)
		if err != nil {
			return "", err
		}
		if td.outcome != proofHeld {
			continue
		}
		if r.o.Now().Sub(td.at) > proofLasts {
			out, err := c.cfn.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &r.p.StackID})
			if err != nil {
				return "", err
			}
			if len(out.Stacks) == 1 && out.Stacks[0].StackStatus == cfntypes.StackStatusUpdateRollbackFailed {
				continue
			}
		}
		return td.arn, nil
	}
	return "", nil
}

// tagged reads a revision and what became of its proof.
func (r *runner) tagged(ctx context.Context, c clients, name string) (*registered, error) {
	out, err := awsretry.Read(ctx, r.o.Interval, awsretry.Tries, func(ctx context.Context) (*ecs.DescribeTaskDefinitionOutput, error) {
		return c.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &name, Include: []ecstypes.TaskDefinitionField{ecstypes.TaskDefinitionFieldTags}})
	})
	if err != nil {
		return nil, err
	}
	td := &registered{arn: aws.ToString(out.TaskDefinition.TaskDefinitionArn), definition: out.TaskDefinition}
	var at string
	td.outcome, at, _ = strings.Cut(tagValue(out.Tags, tagProof), " ")
	td.at, _ = time.Parse(time.RFC3339, at) // whatever else is there says nothing
	return td, nil
}

// rendering is what makes the kept revision the one that the plan's savepoint renders:
// the templates as they are now are what it will change.
func (r *runner) rendering(ctx context.Context, c clients, x *renderedRevision) (func(*ecs.RegisterTaskDefinitionInput) error, error) {
	i := slices.IndexFunc(r.p.Steps, func(s Step) bool { return s.Savepoint != nil })
	if i < 0 {
		return nil, fmt.Errorf("%w: it proves what no step of it renders", ErrPlan)
	}
	step := r.p.Steps[i].Savepoint
	t, err := r.snapshot(ctx, c)
	if err != nil {
		return nil, err
	}
	d, err := t.NewDraft(ctx, c.s3)
	if err != nil {
		return nil, err
	}
	d.Recorded = recordedImages(step.Recorded)
	if err := r.target(ctx, c, step, d); err != nil {
		return nil, err
	}
	if _, err := d.PatchImages(ctx, step.resolver(c.ecr)); err != nil {
		return nil, err
	}
	if _, err := step.carry(ctx, c, d, func(_ context.Context, y carriedRevision, serving, recorded any) (any, error) {
		return d.RenderRevision(d.Tree.Stack(y.StackID), y.LogicalID, serving, recorded, y.Lost)
	}); err != nil {
		return nil, fmt.Errorf("%w: the savepoint no longer renders what the plan says: %w", ErrChanged, err)
	}
	stack := d.Tree.Stack(x.StackID)
	serving, err := describe(ctx, c, x.From)
	if err != nil {
		return nil, err
	}
	recorded, err := step.recordedNow(ctx, c, d, stack, x.LogicalID, serving)
	if err != nil {
		return nil, err
	}
	left, err := d.ServiceDifferences(stack, x.LogicalID, serving, recorded)
	if err != nil {
		return nil, err
	}
	for _, y := range left {
		if !slices.ContainsFunc(x.Lost, func(l cfnx.Difference) bool {
			return l.Container == y.Container && strings.EqualFold(l.Property, y.Property)
		}) {
			return nil, fmt.Errorf("%w: the savepoint would give up more of %s than the plan says: %s", ErrChanged, short(x.From), y)
		}
	}
	return func(in *ecs.RegisterTaskDefinitionInput) error {
		document, err := d.RenderRevision(stack, x.LogicalID, in, recorded, x.Lost)
		if err != nil {
			return err
		}
		out, err := registration(document)
		if err != nil {
			return err
		}
		out.Tags = in.Tags
		*in = *out
		return nil
	}, nil
}

// register registers the revision that the savepoint renders, or finds an equal one.
func (r *runner) register(ctx context.Context, c clients, s Step, service ecsx.Service, x *renderedRevision, edit func(*ecs.RegisterTaskDefinitionInput) error) (*registered, error) {
	if err := r.begun(s, short(x.From), ""); err != nil {
		return nil, err
	}
	d, err := ecsx.ForceDeployLatest(ctx, c.ecs, service, resolver(c.ecr, nil), func(o *ecsx.ForceDeployOptions) {
		o.From, o.Interval, o.RegisterOnly, o.Edit = x.From, r.o.Interval, true, edit
		o.Observe = func(e ecsx.Event) { r.o.tell(s.ID, e.Text) }
	})
	if err != nil {
		return nil, err
	}
	return r.tagged(ctx, c, d.TaskDefinition)
}

// note tags the revision with what became of its proof.
func (r *runner) note(ctx context.Context, c clients, arn, outcome string) error {
	if outcome == proofHeld {
		outcome += " " + r.o.Now().UTC().Format(time.RFC3339)
	}
	_, err := awsretry.Read(ctx, r.o.Interval, awsretry.Tries, func(ctx context.Context) (*ecs.TagResourceOutput, error) {
		return c.ecs.TagResource(ctx, &ecs.TagResourceInput{ResourceArn: &arn, Tags: []ecstypes.Tag{{Key: aws.String(tagProof), Value: &outcome}}})
	})
	return err
}

// refuted is the end of a run whose proof has failed. Its evidence is in the folder
// then.
func (r *runner) refuted(ctx context.Context, service ecsx.Service, x *renderedRevision, arn string, why error) error {
	if err := r.witness(ctx); err != nil {
		if ctx.Err() != nil {
			return err
		}
		why = errors.Join(why, fmt.Errorf("its evidence: %w", err))
	}
	return &Error{
		Stack: r.p.Stack, Err: fmt.Errorf("service %s: %s, which the savepoint renders, has failed, and nothing was unlocked: %w", service, short(arn), why),
		Next: fmt.Sprintf("diagnose, and give a template that keeps what it lacks (Choices.Templates): %s; or mend the cause and say so (Choices.Mended, -mended %s); or plan without Choices.Prove", lostNames(x.Lost), service),
	}
}

// failedAlready refuses to start once more what has failed.
func (r *runner) failedAlready(service ecsx.Service, x *renderedRevision, arn string) error {
	return &Error{
		Stack: r.p.Stack, Err: fmt.Errorf("service %s: %s, which the savepoint renders, has failed in an earlier run, and is not started again; nothing was unlocked", service, short(arn)),
		Next: fmt.Sprintf("diagnose: it says why; give a template that keeps what it lacks (Choices.Templates): %s; or mend the cause, say so (Choices.Mended, -mended %s), and plan again", lostNames(x.Lost), service),
	}
}

func lostNames(lost []cfnx.Difference) string {
	var out []string
	for _, l := range lost {
		out = append(out, strings.TrimPrefix(l.Container+": "+l.Property, ": "))
	}
	return strings.Join(out, ", ")
}

// witness adds what is there now to the folder: the tasks that have just stopped, and
// their logs.
func (r *runner) witness(ctx context.Context) error {
	if r.o.Evidence == "" {
		return nil
	}
	o := r.o
	o.Observe = nil
	b, err := capture(ctx, r.cfg, r.p.StackID, o)
	if err != nil {
		return err
	}
	return b.Write(o.Evidence)
}

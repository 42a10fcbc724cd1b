package rescue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/internal/redact"
)

// savepointStep brings the stack to where the next rollback can return.
type savepointStep struct {
	// Images are what each image in the templates becomes.
	Images map[string]string `json:"images,omitempty"`
	// Recorded are the images, by container, that the stacks have recorded for
	// their task definitions, by the ARN of the stack and the logical id with a
	// space between, for images that cannot be computed from the template.
	Recorded map[string]map[string]string `json:"recorded,omitempty"`
	// Carry are the revisions whose settings are written into the templates, and
	// Revisions the services whose template is given its revision as a value.
	Carry     []carriedRevision `json:"carry,omitempty"`
	Revisions []givenRevision   `json:"revisions,omitempty"`
	// Settings are those of services in which the template differs from what is live.
	Settings []carriedSetting `json:"settings,omitempty"`
	// Raise are the services whose minimumHealthyPercent is raised to 100.
	Raise []raisedMinimum `json:"raise,omitempty"`
	// Needed are the images that the services' revisions have: those must be there.
	// Nobody asked to change any other, and Left are those among them that are
	// missing or not known.
	Needed []string `json:"needed,omitempty"`
	Left   []string `json:"left,omitempty"`
	// Hidden are outputs, as "stack.key", whose values are secrets that no plan
	// holds: without a ledger they stay lost.
	Hidden []string `json:"hidden,omitempty"`
	// Outputs are lost ones that are restored.
	Outputs []cfnx.LostOutput `json:"outputs,omitempty"`
	// Target is whose templates the savepoint brings: "" the stacks' own, "attempted"
	// those of the update that failed, "given" the operator's.
	Target string `json:"target,omitempty"`
	// Given are, by the ARN of their stacks, the SHA-256 digests of the operator's
	// templates.
	Given map[string]string `json:"given,omitempty"`
	// TemplateURL is beside which object in S3 a large template is put.
	TemplateURL string `json:"templateUrl,omitempty"`
	// Import takes what the clean-up has left behind, and what the templates name, into
	// the stack again.
	Import bool `json:"import,omitempty"`
}

// carriedRevision is a revision that serves and differs, in more than its images,
// from what a service's template renders.
type carriedRevision struct {
	StackID   string `json:"stackId"`
	LogicalID string `json:"logicalId"`
	// Revision is the one that serves.
	Revision string `json:"revision"`
	// Differences are what is carried, without values. Nothing else is.
	Differences []cfnx.Difference `json:"differences"`
	// Lost are what the template decides in place of Revision: a step before the unlock
	// has proven the revision that is so rendered, which the savepoint is compared with.
	Lost []cfnx.Difference `json:"lost,omitempty"`
}

// givenRevision is the revision that a template's service is given.
type givenRevision struct {
	StackID   string `json:"stackId"`
	LogicalID string `json:"logicalId"`
	Revision  string `json:"revision"`
}

// raisedMinimum is a service that goes on serving while it is deployed.
type raisedMinimum struct {
	StackID   string `json:"stackId"`
	LogicalID string `json:"logicalId"`
}

// savepoint adds the step.
func (p *planner) savepoint(step *savepointStep) {
	for _, ref := range step.Left {
		p.p.Debt = append(p.p.Debt, fmt.Sprintf("image %s, which no service of the stack runs, is %s: it is left as it is", ref, strings.ReplaceAll(string(p.b.Images[ref].State), "-", " ")))
	}
	for _, x := range step.Settings {
		if !x.Left {
			p.p.Warnings = append(p.p.Warnings, fmt.Sprintf("the savepoint writes what service %s has into the template: %s: the team's own template needs the same", x.Service, x.Difference))
		}
	}
	for _, c := range step.Carry {
		for _, d := range c.Differences {
			p.p.Warnings = append(p.p.Warnings, fmt.Sprintf("the savepoint writes what %s has into the %s: %s: the team's own template needs the same", short(c.Revision), cmp.Or(d.Where, "template"), d))
		}
	}
	p.add(Step{
		Kind: kindSavepoint, Subject: "stack " + p.d.Stack, Why: "the next rollback would return to images that are gone, and lost outputs break the next update",
		Before: "stack " + p.d.Stack + " rests", After: "stack " + p.d.Stack + " is UPDATE_COMPLETE with images that exist and all its outputs",
		Undo: "the update rolls itself back when it fails", Takes: time.Hour,
		Savepoint: step,
	})
}

// savepointOf renders the savepoint of a target.
func (p *planner) savepointOf(keep map[string]string, target string) (*savepointStep, error) {
	if target == targetGiven && p.authored() {
		target = targetOwn
	}
	for i := range p.b.Services {
		s := &p.b.Services[i]
		if to := keep[s.Service.String()]; to != "" && target == targetOwn {
			if err := p.renders(s, to); err != nil {
				return nil, err
			}
		}
	}
	step := &savepointStep{Recorded: p.recorded(), Outputs: p.d.Lost, Needed: p.needed(keep), Target: target, Given: p.given()}
	if bucket := p.c.TemplateBucket; bucket != "" {
		step.TemplateURL = "https://" + bucket + ".s3." + p.d.Region + "." + dnsSuffix(p.d.Region) + "/stackrescue/template"
	}
	if target == targetAttempted && len(p.b.Tree.Root.Children) == 0 {
		step.Import = slices.ContainsFunc(p.b.Tree.Deletes(), func(d cfnx.Deletion) bool { return d.Kept })
	}
	var err error
	if step.Images, err = p.savepointImages(step, keep); err != nil {
		return nil, err
	}
	// First, because whether it is known who imports an export decides on the unlock.
	if err := p.exported(keep); err != nil {
		return nil, err
	}
	return step, p.savepointRenders(step, keep)
}

// savepoint brings the stack to where a rollback can return: images that exist
// and every output, in one change set. Outputs that are lost only because of
// a skip, and come back when their resource is updated, are looked at again
// afterwards.
func (r *runner) savepoint(ctx context.Context, c clients, s Step, res *StepResult) error {
	if _, err := r.settled(ctx, c, s.ID); err != nil {
		return err
	}
	changed := false
	for range 2 { // the second round is for outputs that did not come back
		t, err := r.snapshot(ctx, c)
		if err != nil {
			return err
		}
		d, err := t.NewDraft(ctx, c.s3)
		if err != nil {
			return err
		}
		d.Recorded = recordedImages(s.Savepoint.Recorded)
		if err := r.target(ctx, c, s.Savepoint, d); err != nil {
			return err
		}
		if err := r.carry(ctx, c, s.ID, d); err != nil {
			return err
		}
		images, err := d.PatchImages(ctx, s.Savepoint.resolver(c.ecr))
		if err != nil {
			return err
		}
		carried, err := s.Savepoint.carry(ctx, c, d, func(ctx context.Context, x carriedRevision, _, _ any) (any, error) { return r.renderedNow(ctx, c, x) })
		if err != nil {
			if _, ok := errors.AsType[*cfnx.DraftError](err); ok && len(s.Savepoint.lost()) > 0 {
				return &Error{Stack: r.p.Stack, Err: fmt.Errorf("%w: the savepoint would not render the revision that was proven: %w", ErrChanged, err), Next: "diagnose and plan again"}
			}
			return err
		}
		if _, err := d.Pin(nil); err != nil {
			return err
		}
		// Before the settings are compared: a proof may have raised it on the service.
		for _, before := range []bool{true, false} {
			for _, x := range s.Savepoint.Raise {
				if r.raisedBefore(x) != before {
					continue
				}
				raised, err := raise(d, d.Tree.Stack(x.StackID), x.LogicalID)
				if err != nil {
					return err
				}
				if raised {
					carried = append(carried, "minimumHealthyPercent 100 of "+x.LogicalID)
				}
			}
			if before {
				set, err := s.Savepoint.carrySettings(ctx, c, d)
				if err != nil {
					return err
				}
				carried = append(carried, set...)
			}
		}
		for _, x := range carried {
			r.o.tell(s.ID, "carried: "+x)
		}
		lost := d.LostOutputs(r.ledger())
		outputs, err := d.RestoreOutputs(ctx, lost, r.source(c))
		if err != nil {
			return err
		}
		for _, i := range images {
			r.o.tell(s.ID, fmt.Sprintf("image of %s in %s.%s: %s -> %s", i.Container, i.Stack, i.Resource, i.From, i.To))
		}
		for _, o := range outputs {
			r.o.tell(s.ID, fmt.Sprintf("output %s of %s: %s", o.Key, o.Stack, redact.Value(o.Key, o.Value)))
			res.Outputs = append(res.Outputs, Restored{o.Stack, o.Key, redact.Value(o.Key, o.Value)})
		}
		out, err := d.Apply(ctx, c.cfn, c.s3, func(o *cfnx.ApplyOptions) {
			o.Interval, o.TemplateURL, o.ImportExisting, o.RoleARN = r.o.Interval, s.Savepoint.TemplateURL, s.Savepoint.Import, s.RoleARN
			o.Observe = func(p cfnx.Progress) { r.o.tell(s.ID, p.String()) }
		})
		if errors.Is(err, cfnx.ErrNothingToChange) {
			break
		}
		if err != nil {
			return err
		}
		changed = true
		r.follow = append(append(r.follow, carried...), s.Savepoint.lost()...)
		for _, x := range d.Literals() {
			r.follow = append(r.follow, "a literal was written: "+x.String())
		}
		res.From, res.To = string(t.Root.Status), string(out.Status)
		res.Text = fmt.Sprintf("stack %s is %s: %d images, %d outputs", out.Stack, out.Status, len(images), len(outputs))
		if len(carried) > 0 {
			res.Text += fmt.Sprintf(", %d settings", len(carried))
		}
		if lost := len(s.Savepoint.lost()); lost > 0 {
			res.Text += fmt.Sprintf("; as it was proven, the template decides %d more", lost)
		}
		left, err := r.stillLost(ctx, c, lost, outputs)
		if err != nil {
			return err
		}
		if left <= len(r.lost) {
			break // none is left that could come back by itself
		}
	}
	res.Outcome = outcomeDone
	if !changed {
		res.Outcome, res.Text = outcomeHeld, "images and outputs are as they should be"
	}
	return nil
}

// stillLost counts the outputs that were lost before the update, were not restored by
// it, and did not come back with it either.
func (r *runner) stillLost(ctx context.Context, c clients, lost []cfnx.LostOutput, restored []cfnx.RestoredOutput) (int, error) {
	has := map[string]map[string]bool{}
	n := 0
	for _, l := range lost {
		if slices.ContainsFunc(restored, func(o cfnx.RestoredOutput) bool { return o.Stack == l.Stack && o.Key == l.Key }) {
			continue
		}
		if has[l.StackID] == nil {
			out, err := c.cfn.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &l.StackID})
			if err != nil {
				return 0, err
			}
			has[l.StackID] = map[string]bool{}
			for _, s := range out.Stacks {
				for _, o := range s.Outputs {
					has[l.StackID][aws.ToString(o.OutputKey)] = true
				}
			}
		}
		if !has[l.StackID][l.Key] {
			n++
		}
	}
	return n, nil
}

// dnsSuffix is the domain of a region's services.
func dnsSuffix(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// resolver is that of a redeploy, but for the images that are left alone.
func (s *savepointStep) resolver(api ecr.DescribeImagesAPIClient) func(context.Context, string) (string, error) {
	resolve := resolver(api, s.Images)
	return func(ctx context.Context, ref string) (string, error) {
		if s.Images[ref] == "" && !slices.Contains(s.Needed, ref) {
			return ref, nil
		}
		return resolve(ctx, ref)
	}
}

// carry keeps the number of tasks that a service was scaled to, and refuses where
// somebody has deployed to it.
func (r *runner) carry(ctx context.Context, c clients, step string, d *cfnx.Draft) error {
	for st := range d.Tree.All() {
		for _, res := range st.Resources {
			if res.Type != serviceType || res.PhysicalID == "" {
				continue
			}
			svc := ecsx.ParseService(res.PhysicalID)
			out, err := c.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &svc.Cluster, Services: []string{svc.Name}})
			if err != nil {
				return err
			}
			if len(out.Services) == 0 {
				continue
			}
			if aws.ToString(out.Services[0].Status) != "ACTIVE" {
				continue // what is gone reads as 0
			}
			if err := r.overtaken(ctx, c, svc, &out.Services[0], d.Tree); err != nil {
				return err
			}
			if want, err := st.Declared(res.LogicalID, "DesiredCount"); out.Services[0].DesiredCount == 0 && err == nil && want.Known && want.Value != "0" {
				return fmt.Errorf("service %s was scaled to 0, and the template wants %s: scale it first: aws ecs update-service --cluster %s --service %s --desired-count %s", svc, want.Value, svc.Cluster, svc.Name, want.Value)
			}
			live := fmt.Sprint(out.Services[0].DesiredCount)
			changed, err := d.Carry(st, res.LogicalID, "DesiredCount", live)
			if err != nil {
				return err
			}
			if changed {
				r.o.tell(step, fmt.Sprintf("service %s stays scaled to %s tasks", svc, live))
			}
		}
	}
	return nil
}

// source finds the value of a lost output: what somebody still knows, proved
// where it can be, else what the resource itself is.
func (r *runner) source(c clients) func(context.Context, cfnx.LostOutput) (string, error) {
	return func(ctx context.Context, l cfnx.LostOutput) (string, error) {
		value := valueOf(l)
		if hiddenValue(value) {
			if name := l.Stack + "." + l.Key; !slices.Contains(r.lost, name) {
				r.lost = append(r.lost, name)
				r.o.tell("", hiddenOutput(l))
			}
			return "", nil // what can be put right is
		}
		if strings.Contains(value, ":secretsmanager:") {
			if _, err := c.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &value}); err != nil {
				return "", fmt.Errorf("secret %s: %w", value, err)
			}
		}
		return value, nil
	}
}

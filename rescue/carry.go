package rescue

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/cfnx"
)

// carries adds to the step what the template would render otherwise than what
// serves, and proves on the draft that it can be written. The draft has the
// step's images already.
func (p *planner) carries(d *cfnx.Draft, step *savepointStep, keep map[string]string) error {
	for i := range p.b.Services {
		s := &p.b.Services[i]
		kept := keep[s.Service.String()]
		stack := p.b.Tree.Stack(s.StackID)
		if kept == "" || kept == step.base(s, kept) && step.Target == targetOwn || stack == nil {
			continue
		}
		if s.Literal {
			if _, err := d.Carry(stack, s.LogicalID, "TaskDefinition", kept); err != nil {
				return err
			}
			step.Revisions = append(step.Revisions, givenRevision{s.StackID, s.LogicalID, kept})
			continue
		}
		if step.Target == targetOwn && len(s.Differences[kept]) == 0 {
			continue
		}
		serving, recorded := s.document(kept), s.document(step.base(s, kept))
		if serving == nil {
			return unknown("diagnose again", "service %s: the settings of %s are not in the evidence", s.Service, short(kept))
		}
		if step.Target != targetOwn {
			differences, err := d.ServiceDifferences(stack, s.LogicalID, serving, recorded)
			if err != nil {
				return err
			}
			if len(differences) == 0 {
				continue
			}
		}
		carried, err := d.CarryRevision(stack, s.LogicalID, serving, recorded)
		var lost []cfnx.Difference
		if err != nil && p.proving(s) {
			var rendered map[string]any
			if rendered, lost, carried, err = uncarried(d, stack, s.LogicalID, serving, recorded, err); err == nil {
				err = p.proves(d, stack, s, kept, rendered, lost, recorded)
			}
		}
		if err != nil {
			return err
		}
		c := carriedRevision{StackID: s.StackID, LogicalID: s.LogicalID, Revision: kept, Differences: carried, Lost: lost}
		step.Carry = append(step.Carry, c)
	}
	return nil
}

// document is the revision as it was read; nil where it was not.
func (f *ServiceFacts) document(arn string) any {
	var out map[string]any
	if err := json.Unmarshal(f.Definitions[arn].Document, &out); err != nil {
		return nil
	}
	return out
}

// carry writes into the draft what the plan carries, and nothing else. rendered is
// called with each revision of which the template decides a part, and returns what the
// draft is to render in its place.
func (s *savepointStep) carry(ctx context.Context, c clients, d *cfnx.Draft, rendered func(ctx context.Context, x carriedRevision, serving, recorded any) (any, error)) ([]string, error) {
	var out []string
	for _, g := range s.Revisions {
		if _, err := d.Carry(d.Tree.Stack(g.StackID), g.LogicalID, "TaskDefinition", g.Revision); err != nil {
			return nil, err
		}
		out = append(out, "revision "+short(g.Revision)+" of "+g.LogicalID)
	}
	for _, x := range s.Carry {
		kept, err := describe(ctx, c, x.Revision)
		if err != nil {
			return nil, err
		}
		recorded, err := s.recordedNow(ctx, c, d, d.Tree.Stack(x.StackID), x.LogicalID, kept)
		if err != nil {
			return nil, err
		}
		serving := any(kept)
		if len(x.Lost) > 0 {
			if serving, err = rendered(ctx, x, kept, recorded); err != nil {
				return nil, err
			}
		}
		carried, err := d.CarryRevision(d.Tree.Stack(x.StackID), x.LogicalID, serving, recorded)
		if err != nil {
			return nil, err
		}
		for _, is := range carried {
			if !slices.ContainsFunc(x.Differences, func(was cfnx.Difference) bool {
				return was.Resource == is.Resource && was.Container == is.Container && was.Property == is.Property
			}) {
				return nil, fmt.Errorf("%w: %s differs from the template in more than the plan says: %s", ErrChanged, short(x.Revision), is)
			}
			out = append(out, is.String())
		}
	}
	return out, nil
}

// lost are the settings that the template decides, and what was given up for that.
func (s *savepointStep) lost() []string {
	var out []string
	for _, x := range s.Carry {
		for _, l := range x.Lost {
			out = append(out, decided(x.Revision, "had", l))
		}
	}
	return out
}

// recordedNow is the revision that the stack has recorded by now, for a comparison: an
// earlier run may have come this far.
func (s *savepointStep) recordedNow(ctx context.Context, c clients, d *cfnx.Draft, stack *cfnx.Stack, logicalID string, serving *ecstypes.TaskDefinition) (any, error) {
	st, id, ok := d.TaskDefinitionOf(stack, logicalID)
	if !ok {
		return nil, nil
	}
	if s.Target != targetOwn {
		return serving, nil // those templates may never have been rendered
	}
	if r, ok := st.Resource(id); ok && isRevision(r.PhysicalID) {
		td, err := describe(ctx, c, r.PhysicalID)
		if err != nil {
			return nil, err
		}
		return td, nil
	}
	return nil, nil
}

// renderedNow is, after the unlock, the revision that a step before it has proven: the
// savepoint renders that, in each of its settings.
func (r *runner) renderedNow(ctx context.Context, c clients, x carriedRevision) (any, error) {
	arn := r.proven[recordedKey(x.StackID, x.LogicalID)]
	if arn == "" {
		return nil, fmt.Errorf("%w: no step of the plan has proven what %s.%s gets", ErrPlan, x.StackID, x.LogicalID)
	}
	return describe(ctx, c, arn)
}

func describe(ctx context.Context, c clients, arn string) (*ecstypes.TaskDefinition, error) {
	out, err := c.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &arn})
	if err != nil {
		return nil, err
	}
	return out.TaskDefinition, nil
}

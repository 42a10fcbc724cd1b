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
		if err != nil {
			return err
		}
		c := carriedRevision{StackID: s.StackID, LogicalID: s.LogicalID, Revision: kept, Differences: carried}
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

// carry writes into the draft what the plan carries, and nothing else.
func (s *savepointStep) carry(ctx context.Context, c clients, d *cfnx.Draft) ([]string, error) {
	var out []string
	for _, g := range s.Revisions {
		if _, err := d.Carry(d.Tree.Stack(g.StackID), g.LogicalID, "TaskDefinition", g.Revision); err != nil {
			return nil, err
		}
		out = append(out, "revision "+short(g.Revision)+" of "+g.LogicalID)
	}
	for _, x := range s.Carry {
		serving, err := describe(ctx, c, x.Revision)
		if err != nil {
			return nil, err
		}
		// What the stack has recorded by now: an earlier run may have come this far.
		var recorded any
		if st, id, ok := d.TaskDefinitionOf(d.Tree.Stack(x.StackID), x.LogicalID); ok {
			if s.Target != targetOwn {
				recorded = serving // those templates may never have been rendered
			} else if r, ok := st.Resource(id); ok && isRevision(r.PhysicalID) {
				if recorded, err = describe(ctx, c, r.PhysicalID); err != nil {
					return nil, err
				}
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

func describe(ctx context.Context, c clients, arn string) (*ecstypes.TaskDefinition, error) {
	out, err := c.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &arn})
	if err != nil {
		return nil, err
	}
	return out.TaskDefinition, nil
}

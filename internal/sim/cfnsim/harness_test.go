package cfnsim

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sim/clock"
	"github.com/stackrescue/stackrescue/internal/sim/door"
	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/world"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// sim is the service behind a real client, in a synctest bubble.
type sim struct {
	*cloudformation.Client
	t     *testing.T
	ctx   context.Context
	world *world.World
	svc   *Service
	cloud *fakes
	gone  string // the id of a deleted stack
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newSim(t *testing.T, sw *simtype.Switches) *sim {
	t.Helper()
	w := world.New(clock.New(start, 1), "111111111111", "eu-central-1", sw)
	f := newFakes(w)
	svc := New(w, Deps{ECS: f, ECR: f, Logs: f, Secrets: f, SSM: f, S3: f})
	var table op.Table
	svc.Register(&table)
	answer := func(ctx context.Context, c door.Call) (any, string, error) {
		time.Sleep(time.Millisecond) // virtual
		o, ok := table.ByInput(c.Input)
		if !ok {
			return nil, "", fmt.Errorf("%s: not simulated", c)
		}
		var out any
		var err error
		w.Do(func() {
			if out, err = o.Call(ctx, op.Copy(c.Input)); err == nil {
				out = op.Copy(out)
			}
		})
		if err != nil {
			return nil, "req", op.Response(err, "req")
		}
		return out, "req", nil
	}
	return &sim{Client: cloudformation.NewFromConfig(door.Config(w.Region, answer)), t: t, ctx: t.Context(), world: w, svc: svc, cloud: f}
}

// do runs fn inside the clock's Do.
func (s *sim) do(fn func()) { s.world.Do(fn) }

func (s *sim) put(key, body string) string {
	s.do(func() { s.cloud.objects["templates/"+key] = body })
	return "https://templates.s3.eu-central-1.amazonaws.com/" + key
}

func (s *sim) stack(name string) types.Stack {
	s.t.Helper()
	out, err := s.DescribeStacks(s.ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	require.NoError(s.t, err)
	require.Len(s.t, out.Stacks, 1)
	return out.Stacks[0]
}

// rest waits until the stack is at rest and returns its status.
func (s *sim) rest(name string) types.StackStatus {
	s.t.Helper()
	for range 5000 {
		if st := s.stack(name).StackStatus; !strings.HasSuffix(string(st), "IN_PROGRESS") {
			return st
		}
		time.Sleep(10 * time.Second) // virtual
	}
	s.t.Fatalf("stack %s: still %s", name, s.stack(name).StackStatus)
	return ""
}

func (s *sim) create(name, body string, params ...string) types.StackStatus {
	s.t.Helper()
	_, err := s.CreateStack(s.ctx, &cloudformation.CreateStackInput{StackName: &name, TemplateBody: &body, Parameters: pairs(params)})
	require.NoError(s.t, err)
	return s.rest(name)
}

func (s *sim) update(name, body string, params ...string) types.StackStatus {
	s.t.Helper()
	_, err := s.UpdateStack(s.ctx, &cloudformation.UpdateStackInput{StackName: &name, TemplateBody: &body, Parameters: pairs(params)})
	require.NoError(s.t, err)
	return s.rest(name)
}

func pairs(kv []string) []types.Parameter {
	var out []types.Parameter
	for i := 0; i+1 < len(kv); i += 2 {
		out = append(out, types.Parameter{ParameterKey: &kv[i], ParameterValue: &kv[i+1]})
	}
	return out
}

func (s *sim) outputs(name string) map[string]string {
	m := map[string]string{}
	for _, o := range s.stack(name).Outputs {
		m[*o.OutputKey] = *o.OutputValue
	}
	return m
}

// child is the physical name of a nested stack.
func (s *sim) child(parent, id string) string {
	s.t.Helper()
	return strings.Split(s.physical(parent, id), "/")[1]
}

func (s *sim) physical(stack, id string) string {
	s.t.Helper()
	out, err := s.DescribeStackResource(s.ctx, &cloudformation.DescribeStackResourceInput{StackName: &stack, LogicalResourceId: &id})
	require.NoError(s.t, err)
	return *out.StackResourceDetail.PhysicalResourceId
}

// skip continues the rollback without the resources and waits.
func (s *sim) skip(name string, ids ...string) types.StackStatus {
	s.t.Helper()
	_, err := s.ContinueUpdateRollback(s.ctx, &cloudformation.ContinueUpdateRollbackInput{StackName: &name, ResourcesToSkip: ids})
	require.NoError(s.t, err)
	return s.rest(name)
}

// events are "LogicalId STATUS reason", oldest first, from the nth on.
func (s *sim) events(name string, from int) []string {
	s.t.Helper()
	var all []string
	p := cloudformation.NewDescribeStackEventsPaginator(s.Client, &cloudformation.DescribeStackEventsInput{StackName: &name})
	for p.HasMorePages() {
		out, err := p.NextPage(s.ctx)
		require.NoError(s.t, err)
		for _, e := range out.StackEvents {
			all = append([]string{strings.TrimSpace(*e.LogicalResourceId + " " + string(e.ResourceStatus) + " " + str(e.ResourceStatusReason))}, all...)
		}
	}
	return all[from:]
}

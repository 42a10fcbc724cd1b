package ecssim

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/internal/sim/op"
)

// RunTask starts up to ten tasks; a client token that was used before returns
// its tasks, and a conflict when the parameters differ (docs/aws/ecs.md 1.7).
func (s *Service) RunTask(_ context.Context, in *ecs.RunTaskInput) (*ecs.RunTaskOutput, error) {
	c, err := s.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	count := 1
	if in.Count != nil {
		count = int(*in.Count)
	}
	if count < 1 || count > 10 {
		return nil, invalid("count must be between 1 and 10.")
	}
	if in.StartedBy != nil && len(*in.StartedBy) > 128 {
		return nil, invalid("startedBy must not be longer than 128 characters.")
	}
	token := ""
	if in.ClientToken != nil {
		token = c.name + "|" + *in.ClientToken
	}
	fingerprint := *in.TaskDefinition + "|" + itoa(count)
	if known := s.tokens[token]; token != "" && known != nil {
		if known[0] != fingerprint {
			return nil, &types.ConflictException{Message: new("The client token was used with different parameters."), ResourceIds: known[1:]}
		}
		out := &ecs.RunTaskOutput{Failures: []types.Failure{}}
		for _, arn := range known[1:] {
			if t := c.tasks[last(arn)]; t != nil {
				out.Tasks = append(out.Tasks, t.describe())
			}
		}
		return out, nil
	}
	r, err := s.startable(*in.TaskDefinition)
	if err != nil {
		return nil, err
	}
	if err := checkOverrides(r, in.Overrides); err != nil {
		return nil, err
	}
	out := &ecs.RunTaskOutput{Failures: []types.Failure{}}
	known := []string{fingerprint}
	for range count {
		if s.full() { // the reason: docs/aws/ecs.md 1.7
			out.Failures = append(out.Failures, types.Failure{Arn: &c.arn, Reason: new("RESOURCE:FARGATE")})
			continue
		}
		t := s.launch(c, r, op.Copy(in.Overrides), func(t *task) {
			if in.StartedBy != nil {
				t.startedBy = *in.StartedBy
			}
			if in.Group != nil {
				t.group = *in.Group
			}
			t.tags = slices.Clone(in.Tags)
		})
		known = append(known, t.arn)
		out.Tasks = append(out.Tasks, t.describe())
	}
	if token != "" {
		s.tokens[token] = known
	}
	return out, nil
}

func checkOverrides(r *revision, o *types.TaskOverride) error {
	if o == nil {
		return nil
	}
	for _, co := range o.ContainerOverrides {
		if !slices.ContainsFunc(r.def.ContainerDefinitions, func(d types.ContainerDefinition) bool {
			return co.Name != nil && *d.Name == *co.Name
		}) {
			return invalid("Override for container named " + deref(co.Name) + " is not a container in the TaskDefinition.")
		}
	}
	return nil
}

func deref(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

// StopTask asks a task to stop, with the caller's reason.
func (s *Service) StopTask(_ context.Context, in *ecs.StopTaskInput) (*ecs.StopTaskOutput, error) {
	c, err := s.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	t := c.tasks[last(*in.Task)]
	if t == nil {
		return nil, invalid("The referenced task was not found.")
	}
	reason := "Task stopped by user"
	if in.Reason != nil && strings.TrimSpace(*in.Reason) != "" {
		reason = *in.Reason
	}
	t.stop(types.TaskStopCodeUserInitiated, reason)
	return &ecs.StopTaskOutput{Task: new(t.describe())}, nil
}

package ecssim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/internal/sim/op"
)

type family struct {
	name      string
	revisions []*revision // revision n is at n-1
}

type revision struct {
	def  types.TaskDefinition
	tags []types.Tag
}

func (r *revision) arn() string  { return *r.def.TaskDefinitionArn }
func (r *revision) active() bool { return r.def.Status == types.TaskDefinitionStatusActive }

// revision finds a revision by ARN, "family:revision" or "family", which means
// the latest ACTIVE one.
func (s *Service) revision(ref string) (*revision, error) {
	name, number, ok := strings.Cut(last(ref), ":")
	f := s.families[name]
	if f == nil {
		return nil, clientError("Unable to describe task definition.")
	}
	if !ok {
		for _, r := range slices.Backward(f.revisions) {
			if r.active() {
				return r, nil
			}
		}
		return nil, clientError("Unable to describe task definition.")
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > len(f.revisions) {
		return nil, clientError("Unable to describe task definition.")
	}
	return f.revisions[n-1], nil
}

// startable is the revision that a service or a task is to run.
func (s *Service) startable(ref string) (*revision, error) {
	r, err := s.revision(ref)
	if err != nil {
		return nil, clientError("TaskDefinition not found.")
	}
	if !r.active() {
		// Seen in the field (docs/aws/ecs.md 1.4); the documented grace of up to
		// ten minutes after deregistration is not relied upon here.
		return nil, clientError("TaskDefinition is inactive")
	}
	return r, nil
}

// RegisterTaskDefinition makes the next revision of a family:
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
func (s *Service) RegisterTaskDefinition(_ context.Context, in *ecs.RegisterTaskDefinitionInput) (*ecs.RegisterTaskDefinitionOutput, error) {
	if !validName.MatchString(*in.Family) {
		return nil, clientError("Family contains invalid characters.")
	}
	if len(in.ContainerDefinitions) == 0 {
		return nil, clientError("Container list cannot be empty.")
	}
	if in.Tags != nil && len(in.Tags) == 0 {
		return nil, invalid("Tags can not be empty.") // docs/aws/ecs.md 1.5
	}
	for _, t := range in.Tags {
		if t.Key != nil && strings.HasPrefix(strings.ToLower(*t.Key), "aws:") {
			return nil, invalid("Some tags contain invalid keys. Tag keys starting with 'aws:' are reserved for internal use.")
		}
	}
	if err := checkFargate(in); err != nil {
		return nil, err
	}
	essential, seen := false, map[string]bool{}
	for i := range in.ContainerDefinitions {
		c := &in.ContainerDefinitions[i]
		if c.Image == nil || *c.Image == "" {
			return nil, clientError("Container.image should not be null or empty.")
		}
		if c.Name == nil || *c.Name == "" {
			return nil, clientError("Container.name should not be null or empty.")
		}
		if seen[*c.Name] {
			return nil, clientError("Container names must be unique: " + *c.Name + " is there twice.")
		}
		seen[*c.Name] = true
		if c.Essential == nil {
			c.Essential = new(true) // documented default
		}
		essential = essential || *c.Essential
		if err := checkNested(c, in.ContainerDefinitions); err != nil {
			return nil, err
		}
		for _, f := range []any{&c.Environment, &c.MountPoints, &c.VolumesFrom, &c.PortMappings} {
			emptyList(f)
		}
		fillPorts(c, in.NetworkMode)
		if lc := c.LogConfiguration; lc != nil && lc.LogDriver == types.LogDriverAwslogs {
			if lc.Options["awslogs-group"] == "" {
				return nil, clientError("Log driver awslogs requires options: awslogs-group")
			}
		}
	}
	if !essential {
		return nil, clientError("A task definition must have at least one essential container.")
	}
	f := s.families[*in.Family]
	if f == nil {
		f = &family{name: *in.Family}
		s.families[f.name] = f
	}
	n := len(f.revisions) + 1
	def := types.TaskDefinition{
		TaskDefinitionArn:       new(s.world.ARN("ecs", fmt.Sprintf("task-definition/%s:%d", f.name, n))),
		Family:                  &f.name,
		Revision:                int32(n),
		Status:                  types.TaskDefinitionStatusActive,
		RegisteredAt:            new(s.world.Now()),
		RegisteredBy:            new(s.world.IAM("root")),
		Compatibilities:         []types.Compatibility{types.CompatibilityEc2, types.CompatibilityFargate},
		ContainerDefinitions:    in.ContainerDefinitions,
		Cpu:                     in.Cpu,
		Memory:                  in.Memory,
		EnableFaultInjection:    in.EnableFaultInjection,
		EphemeralStorage:        in.EphemeralStorage,
		ExecutionRoleArn:        in.ExecutionRoleArn,
		TaskRoleArn:             in.TaskRoleArn,
		IpcMode:                 in.IpcMode,
		PidMode:                 in.PidMode,
		NetworkMode:             in.NetworkMode,
		PlacementConstraints:    append([]types.TaskDefinitionPlacementConstraint{}, in.PlacementConstraints...),
		ProxyConfiguration:      in.ProxyConfiguration,
		RequiresCompatibilities: in.RequiresCompatibilities,
		RuntimePlatform:         in.RuntimePlatform,
		Volumes:                 append([]types.Volume{}, in.Volumes...),
	}
	def.RequiresAttributes = requirements(&def)
	r := &revision{def: op.Copy(def), tags: in.Tags}
	f.revisions = append(f.revisions, r)
	return &ecs.RegisterTaskDefinitionOutput{TaskDefinition: new(op.Copy(r.def)), Tags: r.tags}, nil
}

// requirements are the agent's capabilities that a revision needs, as far as
// they are recorded (docs/aws/recordings.md placebo).
func requirements(def *types.TaskDefinition) []types.Attribute {
	names := map[string]bool{"com.amazonaws.ecs.capability.docker-remote-api.1.18": true}
	if def.NetworkMode == types.NetworkModeAwsvpc {
		names["ecs.capability.task-eni"] = true
	}
	if def.TaskRoleArn != nil {
		names["com.amazonaws.ecs.capability.task-iam-role"] = true
	}
	for _, c := range def.ContainerDefinitions {
		if lc := c.LogConfiguration; lc != nil && lc.LogDriver == types.LogDriverAwslogs {
			names["com.amazonaws.ecs.capability.logging-driver.awslogs"], names["com.amazonaws.ecs.capability.docker-remote-api.1.19"] = true, true
			if def.ExecutionRoleArn != nil {
				names["ecs.capability.execution-role-awslogs"] = true
			}
		}
		if c.ReadonlyRootFilesystem != nil && *c.ReadonlyRootFilesystem {
			names["com.amazonaws.ecs.capability.docker-remote-api.1.17"] = true
		}
		if def.ExecutionRoleArn != nil && strings.Contains(str(c.Image), ".dkr.ecr.") {
			names["ecs.capability.execution-role-ecr-pull"] = true
		}
		for _, s := range c.Secrets {
			names["ecs.capability.secrets."+map[string]string{"asm": "asm.environment-variables", "ssm": "ssm.environment-variables"}[secretStore(str(s.ValueFrom))]] = true
		}
	}
	var out []types.Attribute
	for _, n := range slices.Sorted(maps.Keys(names)) {
		out = append(out, types.Attribute{Name: &n})
	}
	return out
}

// checkNested refuses what a container lacks where the SDK's validation looks,
// and dependencies on what is not there.
func checkNested(c *types.ContainerDefinition, all []types.ContainerDefinition) error {
	for _, s := range c.Secrets {
		if s.Name == nil || s.ValueFrom == nil {
			return clientError("The secret name must be unique and not null or empty. SecretName or valueFrom is missing.")
		}
	}
	for _, d := range c.DependsOn {
		if d.ContainerName == nil || !slices.ContainsFunc(all, func(o types.ContainerDefinition) bool { return deref(o.Name) == *d.ContainerName }) {
			return clientError("Container dependency: '" + deref(d.ContainerName) + "' is not a container of the task definition.")
		}
	}
	return nil
}

// emptyList makes a nil list empty: the service answers lists that were left
// out as [].
func emptyList(p any) {
	switch p := p.(type) {
	case *[]types.KeyValuePair:
		*p = append([]types.KeyValuePair{}, *p...)
	case *[]types.MountPoint:
		*p = append([]types.MountPoint{}, *p...)
	case *[]types.VolumeFrom:
		*p = append([]types.VolumeFrom{}, *p...)
	case *[]types.PortMapping:
		*p = append([]types.PortMapping{}, *p...)
	}
}

// DescribeTaskDefinition answers INACTIVE revisions too (docs/aws/ecs.md 1.5).
func (s *Service) DescribeTaskDefinition(_ context.Context, in *ecs.DescribeTaskDefinitionInput) (*ecs.DescribeTaskDefinitionOutput, error) {
	r, err := s.revision(*in.TaskDefinition)
	if err != nil {
		return nil, err
	}
	out := &ecs.DescribeTaskDefinitionOutput{TaskDefinition: &r.def}
	if slices.Contains(in.Include, types.TaskDefinitionFieldTags) {
		out.Tags = append([]types.Tag{}, r.tags...)
	}
	return out, nil
}

// DeregisterTaskDefinition makes a revision INACTIVE; tasks and services that
// use it go on.
func (s *Service) DeregisterTaskDefinition(_ context.Context, in *ecs.DeregisterTaskDefinitionInput) (*ecs.DeregisterTaskDefinitionOutput, error) {
	if !strings.Contains(last(*in.TaskDefinition), ":") {
		return nil, clientError("Invalid revision number. Number: null")
	}
	r, err := s.revision(*in.TaskDefinition)
	if err != nil {
		return nil, clientError("The specified task definition does not exist.")
	}
	if r.active() {
		r.def.Status = types.TaskDefinitionStatusInactive
		s.world.Deleted("AWS::ECS::TaskDefinition", r.arn())
		r.def.DeregisteredAt = new(s.world.Now())
	}
	return &ecs.DeregisterTaskDefinitionOutput{TaskDefinition: &r.def}, nil
}

// ListTaskDefinitions takes a whole family name as its "prefix" and lists
// ACTIVE revisions unless told otherwise (docs/aws/ecs.md 1.5).
func (s *Service) ListTaskDefinitions(_ context.Context, in *ecs.ListTaskDefinitionsInput) (*ecs.ListTaskDefinitionsOutput, error) {
	status := in.Status
	if status == "" {
		status = types.TaskDefinitionStatusActive
	}
	arns := []string{}
	for _, name := range slices.Sorted(maps.Keys(s.families)) {
		if in.FamilyPrefix != nil && name != *in.FamilyPrefix {
			continue
		}
		for _, r := range s.families[name].revisions {
			if r.def.Status == status {
				arns = append(arns, r.arn())
			}
		}
	}
	if in.Sort == types.SortOrderDesc {
		slices.Reverse(arns)
	}
	items, next, err := paged(arns, in.NextToken, in.MaxResults, 100)
	if err != nil {
		return nil, err
	}
	return &ecs.ListTaskDefinitionsOutput{TaskDefinitionArns: items, NextToken: next}, nil
}

// ListTaskDefinitionFamilies lists families by prefix; status ACTIVE means
// families with an ACTIVE revision.
func (s *Service) ListTaskDefinitionFamilies(_ context.Context, in *ecs.ListTaskDefinitionFamiliesInput) (*ecs.ListTaskDefinitionFamiliesOutput, error) {
	names := []string{}
	for _, name := range slices.Sorted(maps.Keys(s.families)) {
		if in.FamilyPrefix != nil && !strings.HasPrefix(name, *in.FamilyPrefix) {
			continue
		}
		active := slices.ContainsFunc(s.families[name].revisions, (*revision).active)
		if in.Status == types.TaskDefinitionFamilyStatusActive && !active || in.Status == types.TaskDefinitionFamilyStatusInactive && active {
			continue
		}
		names = append(names, name)
	}
	items, next, err := paged(names, in.NextToken, in.MaxResults, 100)
	if err != nil {
		return nil, err
	}
	return &ecs.ListTaskDefinitionFamiliesOutput{Families: items, NextToken: next}, nil
}

package ecssim

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// ListTasks filters as docs/aws/ecs.md 1.1 says: RUNNING by default, never
// anything for PENDING, family and serviceName not together.
func (s *Service) ListTasks(_ context.Context, in *ecs.ListTasksInput) (*ecs.ListTasksOutput, error) {
	c, err := s.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	if in.Family != nil && in.ServiceName != nil {
		return nil, invalid("family and serviceName cannot be used together.")
	}
	if in.ServiceName != nil {
		if _, err := c.service(*in.ServiceName); err != nil {
			return nil, err
		}
	}
	status := in.DesiredStatus
	if status == "" {
		status = types.DesiredStatusRunning
	}
	arns := []string{}
	for _, t := range c.sortedTasks() {
		switch {
		case t.desiredStatus != string(status),
			in.Family != nil && *t.rev.def.Family != *in.Family,
			in.ServiceName != nil && t.group != "service:"+last(*in.ServiceName),
			in.StartedBy != nil && t.startedBy != *in.StartedBy,
			in.LaunchType != "" && in.LaunchType != types.LaunchTypeFargate,
			in.ContainerInstance != nil:
			continue
		}
		arns = append(arns, t.arn)
	}
	items, next, err := paged(arns, in.NextToken, in.MaxResults, 100)
	if err != nil {
		return nil, err
	}
	return &ecs.ListTasksOutput{TaskArns: items, NextToken: next}, nil
}

// DescribeTasks takes up to 100 tasks; what is gone is a failure with reason
// MISSING and HTTP status 200 (docs/aws/ecs.md 1.1).
func (s *Service) DescribeTasks(_ context.Context, in *ecs.DescribeTasksInput) (*ecs.DescribeTasksOutput, error) {
	c, err := s.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	if len(in.Tasks) == 0 {
		return nil, invalid("Tasks cannot be empty.")
	}
	if len(in.Tasks) > 100 {
		return nil, invalid("Tasks cannot have more than 100 elements.")
	}
	out := &ecs.DescribeTasksOutput{Tasks: []types.Task{}, Failures: []types.Failure{}}
	for _, ref := range in.Tasks {
		t := c.tasks[last(ref)]
		if t == nil || s.world.Now().Sub(t.created) < s.world.Switches.TaskLag {
			out.Failures = append(out.Failures, missing(s.world.ARN("ecs", "task/"+c.name+"/"+last(ref))))
			continue
		}
		d := t.describe()
		if slices.Contains(in.Include, types.TaskFieldTags) {
			d.Tags = append([]types.Tag{}, t.tags...)
		}
		out.Tasks = append(out.Tasks, d)
	}
	return out, nil
}

func (t *task) describe() types.Task {
	d := types.Task{
		Attachments: []types.Attachment{{
			Id: new(t.id[:8] + "-0000-4000-8000-" + t.id[:12]), Type: new("ElasticNetworkInterface"),
			Status: new(map[bool]string{true: "ATTACHED", false: "DELETED"}[t.stopped == nil]), Details: t.networkDetails(),
		}},
		Attributes:         []types.Attribute{{Name: new("ecs.cpu-architecture"), Value: new("x86_64")}},
		AvailabilityZone:   new(t.svc.world.Region + "a"),
		ClusterArn:         &t.cluster.arn,
		ConnectivityAt:     t.connectivityAt,
		Cpu:                t.rev.def.Cpu,
		CreatedAt:          &t.created,
		DesiredStatus:      &t.desiredStatus,
		EphemeralStorage:   &types.EphemeralStorage{SizeInGiB: 20},
		ExecutionStoppedAt: t.executionStopped,
		Group:              &t.group,
		HealthStatus:       t.health(),
		LastStatus:         &t.lastStatus,
		LaunchType:         types.LaunchTypeFargate,
		Memory:             t.rev.def.Memory,
		Overrides:          t.overrides,
		PlatformFamily:     new("Linux"),
		PlatformVersion:    new("1.4.0"),
		PullStartedAt:      t.pullStarted,
		PullStoppedAt:      t.pullStopped,
		StopCode:           t.stopCode,
		StoppedAt:          t.stopped,
		StoppingAt:         t.stopping,
		TaskArn:            &t.arn,
		TaskDefinitionArn:  t.rev.def.TaskDefinitionArn,
		Version:            t.version,
		Tags:               []types.Tag{},
	}
	if t.connectivityAt != nil {
		d.Connectivity = types.ConnectivityConnected
	}
	if !t.startedAt.IsZero() {
		d.StartedAt = &t.startedAt
	}
	if t.startedBy != "" {
		d.StartedBy = &t.startedBy
	}
	if t.stoppedReason != "" {
		d.StoppedReason = &t.stoppedReason
	}
	if d.Overrides == nil {
		//lint:ignore SA1019 answered still
		d.Overrides = &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{}, InferenceAcceleratorOverrides: []types.InferenceAcceleratorOverride{}} //nolint:staticcheck // answered still (docs/aws/recordings.md placebo)
	}
	for _, c := range t.containers {
		x := types.Container{
			ContainerArn:      new(strings.Replace(t.arn, ":task/", ":container/", 1) + "/" + c.Name()),
			Cpu:               new(itoa(int(c.def.Cpu))),
			ExitCode:          c.exit,
			HealthStatus:      c.health,
			Image:             &c.image,
			LastStatus:        &c.status,
			Name:              c.def.Name,
			NetworkBindings:   []types.NetworkBinding{},
			NetworkInterfaces: t.networkInterfaces(),
			TaskArn:           &t.arn,
		}
		if c.digest != "" {
			x.ImageDigest = &c.digest
		}
		if c.runtime != "" {
			x.RuntimeId = &c.runtime
		}
		if c.reason != "" {
			x.Reason = &c.reason
		}
		d.Containers = append(d.Containers, x)
	}
	return d
}

// address is the task's private address, made up from its order.
func (t *task) address() string {
	return fmt.Sprintf("10.0.%d.%d", t.order/200%250, 10+t.order%200)
}

// networkDetails and networkInterfaces are there once the network interface is
// (docs/aws/recordings.md placebo).
func (t *task) networkDetails() []types.KeyValuePair {
	if t.connectivityAt == nil {
		return []types.KeyValuePair{}
	}
	subnet := "subnet-00000000"
	if t.service != nil && t.service.spec.network != nil && t.service.spec.network.AwsvpcConfiguration != nil && len(t.service.spec.network.AwsvpcConfiguration.Subnets) > 0 {
		subnet = t.service.spec.network.AwsvpcConfiguration.Subnets[0]
	}
	pair := func(k, v string) types.KeyValuePair { return types.KeyValuePair{Name: &k, Value: &v} }
	return []types.KeyValuePair{pair("subnetId", subnet), pair("networkInterfaceId", "eni-"+t.id[:17]), pair("macAddress", fmt.Sprintf("0a:00:00:00:%02x:%02x", t.order/256%256, t.order%256)), pair("privateIPv4Address", t.address())}
}

func (t *task) networkInterfaces() []types.NetworkInterface {
	if t.connectivityAt == nil {
		return []types.NetworkInterface{}
	}
	return []types.NetworkInterface{{AttachmentId: new(t.id[:8] + "-0000-4000-8000-" + t.id[:12]), PrivateIpv4Address: new(t.address())}}
}

// health is the task's: that of its essential containers with a health check
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html).
func (t *task) health() types.HealthStatus {
	h := types.HealthStatusUnknown
	for _, c := range t.containers {
		if !c.essential() || c.def.HealthCheck == nil {
			continue
		}
		switch c.health {
		case types.HealthStatusUnhealthy, types.HealthStatusUnknown:
			return c.health
		}
		h = c.health
	}
	return h
}

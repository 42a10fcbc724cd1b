package elbsim

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// CreateTargetGroup implements https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html,
// with the defaults of an Application Load Balancer's group.
func (s *Service) CreateTargetGroup(_ context.Context, in *elasticloadbalancingv2.CreateTargetGroupInput) (*elasticloadbalancingv2.CreateTargetGroupOutput, error) {
	name := *in.Name
	if name == "" || len(name) > 32 {
		return nil, validation("Target group name '%s' cannot be longer than '32' characters", name)
	}
	if slices.ContainsFunc(s.groups, func(g *group) bool { return *g.d.TargetGroupName == name }) {
		return nil, &types.DuplicateTargetGroupNameException{Message: new("A target group with the same name '" + name + "' exists, but with different settings")}
	}
	d := types.TargetGroup{
		TargetGroupArn: new(s.w.ARN("elasticloadbalancing", fmt.Sprintf("targetgroup/%s/%s", name, s.w.Hex(16)))), TargetGroupName: &name,
		Port: in.Port, Protocol: in.Protocol, VpcId: in.VpcId, TargetType: in.TargetType, IpAddressType: in.IpAddressType, ProtocolVersion: in.ProtocolVersion,
		HealthCheckEnabled: new(true), HealthCheckIntervalSeconds: new(int32(30)), HealthCheckPath: new("/"), HealthCheckPort: new("traffic-port"),
		HealthCheckProtocol: types.ProtocolEnumHttp, HealthCheckTimeoutSeconds: new(int32(5)), HealthyThresholdCount: new(int32(5)), UnhealthyThresholdCount: new(int32(2)),
		Matcher: &types.Matcher{HttpCode: new("200")}, LoadBalancerArns: []string{},
	}
	if d.TargetType == "" {
		d.TargetType = types.TargetTypeEnumInstance
	}
	if err := change(&d, settings{in.HealthCheckPath, in.HealthCheckPort, in.HealthCheckProtocol, in.HealthCheckIntervalSeconds, in.HealthCheckTimeoutSeconds, in.HealthyThresholdCount, in.UnhealthyThresholdCount, in.Matcher}); err != nil {
		return nil, err
	}
	s.groups = append(s.groups, &group{d: d})
	return &elasticloadbalancingv2.CreateTargetGroupOutput{TargetGroups: []types.TargetGroup{d}}, nil
}

// settings are those of a health check that a request gives.
type settings struct {
	path, port                            *string
	protocol                              types.ProtocolEnum
	interval, timeout, healthy, unhealthy *int32
	matcher                               *types.Matcher
}

func change(d *types.TargetGroup, to settings) error {
	for what, n := range map[string]*int32{"health check interval": to.interval, "healthy threshold": to.healthy, "unhealthy threshold": to.unhealthy} {
		if n != nil && (*n < 2 || *n > 300) {
			return validation("%s '%d' is out of range", what, *n)
		}
	}
	set(&d.HealthCheckPath, to.path)
	set(&d.HealthCheckPort, to.port)
	set(&d.HealthCheckIntervalSeconds, to.interval)
	set(&d.HealthCheckTimeoutSeconds, to.timeout)
	set(&d.HealthyThresholdCount, to.healthy)
	set(&d.UnhealthyThresholdCount, to.unhealthy)
	if to.protocol != "" {
		d.HealthCheckProtocol = to.protocol
	}
	if to.matcher != nil && to.matcher.HttpCode != nil {
		d.Matcher = &types.Matcher{HttpCode: to.matcher.HttpCode}
	}
	return nil
}

func set[T any](old **T, to *T) {
	if to != nil {
		*old = to
	}
}

// ModifyTargetGroup implements https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyTargetGroup.html
func (s *Service) ModifyTargetGroup(_ context.Context, in *elasticloadbalancingv2.ModifyTargetGroupInput) (*elasticloadbalancingv2.ModifyTargetGroupOutput, error) {
	g, err := s.find(in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	if err := change(&g.d, settings{in.HealthCheckPath, in.HealthCheckPort, in.HealthCheckProtocol, in.HealthCheckIntervalSeconds, in.HealthCheckTimeoutSeconds, in.HealthyThresholdCount, in.UnhealthyThresholdCount, in.Matcher}); err != nil {
		return nil, err
	}
	return &elasticloadbalancingv2.ModifyTargetGroupOutput{TargetGroups: []types.TargetGroup{g.d}}, nil
}

// DeleteTargetGroup implements https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteTargetGroup.html
func (s *Service) DeleteTargetGroup(_ context.Context, in *elasticloadbalancingv2.DeleteTargetGroupInput) (*elasticloadbalancingv2.DeleteTargetGroupOutput, error) {
	g, err := s.find(in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	if len(s.balancersOf(*g.d.TargetGroupArn)) > 0 {
		return nil, &types.ResourceInUseException{Message: new("Target group '" + *g.d.TargetGroupArn + "' is currently in use by a listener or a rule")}
	}
	s.groups = slices.DeleteFunc(s.groups, func(o *group) bool { return o == g })
	s.w.Deleted("AWS::ElasticLoadBalancingV2::TargetGroup", *g.d.TargetGroupArn)
	return &elasticloadbalancingv2.DeleteTargetGroupOutput{}, nil
}

// DescribeTargetGroups implements https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetGroups.html
func (s *Service) DescribeTargetGroups(_ context.Context, in *elasticloadbalancingv2.DescribeTargetGroupsInput) (*elasticloadbalancingv2.DescribeTargetGroupsOutput, error) {
	if in.LoadBalancerArn != nil {
		if _, err := s.balancer(in.LoadBalancerArn); err != nil {
			return nil, err
		}
	}
	list := []types.TargetGroup{}
	for _, g := range s.groups {
		d := g.d
		d.LoadBalancerArns = s.balancersOf(*d.TargetGroupArn)
		if len(in.TargetGroupArns) > 0 && !slices.Contains(in.TargetGroupArns, *d.TargetGroupArn) || len(in.Names) > 0 && !slices.Contains(in.Names, *d.TargetGroupName) ||
			in.LoadBalancerArn != nil && !slices.Contains(d.LoadBalancerArns, *in.LoadBalancerArn) {
			continue
		}
		list = append(list, d)
	}
	if len(in.TargetGroupArns)+len(in.Names) > len(list) {
		return nil, &types.TargetGroupNotFoundException{Message: new("One or more target groups not found")}
	}
	part, next, err := cut(list, in.Marker, in.PageSize)
	return &elasticloadbalancingv2.DescribeTargetGroupsOutput{TargetGroups: part, NextMarker: next}, err
}

// DescribeTargetHealth implements https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetHealth.html
func (s *Service) DescribeTargetHealth(_ context.Context, in *elasticloadbalancingv2.DescribeTargetHealthInput) (*elasticloadbalancingv2.DescribeTargetHealthOutput, error) {
	g, err := s.find(in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	out := &elasticloadbalancingv2.DescribeTargetHealthOutput{TargetHealthDescriptions: []types.TargetHealthDescription{}}
	for _, t := range g.targets {
		if len(in.Targets) == 0 || slices.ContainsFunc(in.Targets, func(d types.TargetDescription) bool {
			return d.Id != nil && *d.Id == t.id && (d.Port == nil || *d.Port == t.port)
		}) {
			out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, g.describe(t))
		}
	}
	for _, d := range in.Targets {
		if !slices.ContainsFunc(g.targets, func(t *target) bool { return d.Id != nil && *d.Id == t.id }) {
			out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, types.TargetHealthDescription{Target: &d,
				TargetHealth: &types.TargetHealth{State: types.TargetHealthStateEnumUnused, Reason: types.TargetHealthReasonEnumNotRegistered, Description: new("Target is not registered to the target group")}})
		}
	}
	return out, nil
}

// describe uses the reasons and descriptions that the documentation lists.
func (g *group) describe(t *target) types.TargetHealthDescription {
	h := &types.TargetHealth{State: t.state}
	switch t.state {
	case types.TargetHealthStateEnumInitial:
		h.Reason, h.Description = types.TargetHealthReasonEnumInitialHealthChecking, new("Initial health checks in progress")
	case types.TargetHealthStateEnumUnhealthy:
		h.Reason, h.Description = types.TargetHealthReasonEnumResponseCodeMismatch, new("Health checks failed with these codes: ["+t.codes+"]")
	}
	return types.TargetHealthDescription{Target: &types.TargetDescription{Id: &t.id, Port: &t.port}, HealthCheckPort: new(fmt.Sprint(t.port)), TargetHealth: h}
}

package elbsim

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// CreateListener implements https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html
func (s *Service) CreateListener(_ context.Context, in *elasticloadbalancingv2.CreateListenerInput) (*elasticloadbalancingv2.CreateListenerOutput, error) {
	b, err := s.balancer(in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	if err := s.checkActions(in.DefaultActions); err != nil {
		return nil, err
	}
	application := b.d.Type == types.LoadBalancerTypeEnumApplication
	switch {
	case b.d.Type != types.LoadBalancerTypeEnumGateway && (in.Port == nil || in.Protocol == ""):
		return nil, validation("A listener port and protocol must be specified")
	case application && in.Protocol != types.ProtocolEnumHttp && in.Protocol != types.ProtocolEnumHttps:
		return nil, validation("Listener protocol '%s' must be one of 'HTTPS, HTTP'", in.Protocol)
	case (in.Protocol == types.ProtocolEnumHttps || in.Protocol == types.ProtocolEnumTls) && len(in.Certificates) == 0:
		return nil, validation("A certificate must be specified for %s listeners", in.Protocol)
	case slices.ContainsFunc(b.listeners, func(l *types.Listener) bool { return in.Port != nil && l.Port != nil && *l.Port == *in.Port }):
		return nil, &types.DuplicateListenerException{Message: new("A listener already exists on this port for this load balancer '" + *b.d.LoadBalancerArn + "'")}
	}
	l := &types.Listener{
		ListenerArn:     new(strings.Replace(*b.d.LoadBalancerArn, ":loadbalancer/", ":listener/", 1) + "/" + s.w.Hex(16)),
		LoadBalancerArn: b.d.LoadBalancerArn, Port: in.Port, Protocol: in.Protocol, AlpnPolicy: in.AlpnPolicy, Certificates: in.Certificates,
		DefaultActions: ordered(in.DefaultActions), SslPolicy: in.SslPolicy, MutualAuthentication: in.MutualAuthentication,
	}
	if l.SslPolicy == nil && len(l.Certificates) > 0 {
		l.SslPolicy = new("ELBSecurityPolicy-2016-08") // the API's default
	}
	b.listeners = append(b.listeners, l)
	return &elasticloadbalancingv2.CreateListenerOutput{Listeners: []types.Listener{*l}}, nil
}

// checkActions refuses what names a target group that there is not.
func (s *Service) checkActions(actions []types.Action) error {
	if len(actions) == 0 {
		return validation("A listener must have default actions")
	}
	for _, arn := range forwarded(actions) {
		if _, err := s.find(&arn); err != nil {
			return &types.TargetGroupNotFoundException{Message: new("Target groups '" + arn + "' not found")}
		}
	}
	return nil
}

// ordered completes actions as answers show them: a forward to one group is
// shown in both of its forms.
func ordered(actions []types.Action) []types.Action {
	out := slices.Clone(actions)
	for i := range out {
		a := &out[i]
		if a.Type == types.ActionTypeEnumForward && a.ForwardConfig == nil && a.TargetGroupArn != nil {
			a.ForwardConfig = &types.ForwardActionConfig{TargetGroups: []types.TargetGroupTuple{{TargetGroupArn: a.TargetGroupArn, Weight: new(int32(1))}}, TargetGroupStickinessConfig: &types.TargetGroupStickinessConfig{Enabled: new(false)}}
		}
		if a.Type == types.ActionTypeEnumForward && a.TargetGroupArn == nil && a.ForwardConfig != nil && len(a.ForwardConfig.TargetGroups) == 1 {
			a.TargetGroupArn = a.ForwardConfig.TargetGroups[0].TargetGroupArn
		}
	}
	return out
}

// forwarded are the target groups that actions send requests to.
func forwarded(actions []types.Action) (arns []string) {
	for _, a := range actions {
		if a.TargetGroupArn != nil {
			arns = append(arns, *a.TargetGroupArn)
		}
		if a.ForwardConfig != nil {
			for _, g := range a.ForwardConfig.TargetGroups {
				if g.TargetGroupArn != nil && !slices.Contains(arns, *g.TargetGroupArn) {
					arns = append(arns, *g.TargetGroupArn)
				}
			}
		}
	}
	return arns
}

// balancersOf are the load balancers that send requests to a target group.
func (s *Service) balancersOf(group string) []string {
	arns := []string{}
	for _, b := range s.balancers {
		if slices.ContainsFunc(b.listeners, func(l *types.Listener) bool { return slices.Contains(forwarded(l.DefaultActions), group) }) {
			arns = append(arns, *b.d.LoadBalancerArn)
		}
	}
	return arns
}

func (s *Service) listener(arn *string) (*balancer, *types.Listener, error) {
	for _, b := range s.balancers {
		for _, l := range b.listeners {
			if arn != nil && *l.ListenerArn == *arn {
				return b, l, nil
			}
		}
	}
	return nil, nil, &types.ListenerNotFoundException{Message: new("One or more listeners not found")}
}

// DescribeListeners implements https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeListeners.html
func (s *Service) DescribeListeners(_ context.Context, in *elasticloadbalancingv2.DescribeListenersInput) (*elasticloadbalancingv2.DescribeListenersOutput, error) {
	list := []types.Listener{}
	switch {
	case len(in.ListenerArns) > 0:
		for _, arn := range in.ListenerArns {
			_, l, err := s.listener(&arn)
			if err != nil {
				return nil, err
			}
			list = append(list, *l)
		}
	case in.LoadBalancerArn != nil:
		b, err := s.balancer(in.LoadBalancerArn)
		if err != nil {
			return nil, err
		}
		for _, l := range b.listeners {
			list = append(list, *l)
		}
	default:
		return nil, validation("You must specify either listener ARNs or a load balancer ARN")
	}
	part, next, err := cut(list, in.Marker, in.PageSize)
	return &elasticloadbalancingv2.DescribeListenersOutput{Listeners: part, NextMarker: next}, err
}

// ModifyListener implements https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyListener.html:
// what the request leaves out stays.
func (s *Service) ModifyListener(_ context.Context, in *elasticloadbalancingv2.ModifyListenerInput) (*elasticloadbalancingv2.ModifyListenerOutput, error) {
	b, l, err := s.listener(in.ListenerArn)
	if err != nil {
		return nil, err
	}
	if in.DefaultActions != nil {
		if err := s.checkActions(in.DefaultActions); err != nil {
			return nil, err
		}
	}
	if in.Port != nil && slices.ContainsFunc(b.listeners, func(o *types.Listener) bool { return o != l && o.Port != nil && *o.Port == *in.Port }) {
		return nil, &types.DuplicateListenerException{Message: new(fmt.Sprintf("A listener already exists on port %d for this load balancer", *in.Port))}
	}
	if in.DefaultActions != nil {
		l.DefaultActions = ordered(in.DefaultActions)
	}
	set(&l.Port, in.Port)
	set(&l.SslPolicy, in.SslPolicy)
	set(&l.MutualAuthentication, in.MutualAuthentication)
	if in.Protocol != "" {
		l.Protocol = in.Protocol
	}
	if in.Certificates != nil {
		l.Certificates = in.Certificates
	}
	if in.AlpnPolicy != nil {
		l.AlpnPolicy = in.AlpnPolicy
	}
	return &elasticloadbalancingv2.ModifyListenerOutput{Listeners: []types.Listener{*l}}, nil
}

// DeleteListener implements https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteListener.html
func (s *Service) DeleteListener(_ context.Context, in *elasticloadbalancingv2.DeleteListenerInput) (*elasticloadbalancingv2.DeleteListenerOutput, error) {
	b, l, err := s.listener(in.ListenerArn)
	if err != nil {
		return nil, err
	}
	b.listeners = slices.DeleteFunc(b.listeners, func(o *types.Listener) bool { return o == l })
	s.w.Deleted("AWS::ElasticLoadBalancingV2::Listener", *l.ListenerArn)
	return &elasticloadbalancingv2.DeleteListenerOutput{}, nil
}

package elbsim

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/page"
)

// A balancer is a load balancer; no traffic goes through it.
type balancer struct {
	d          types.LoadBalancer
	listeners  []*types.Listener // in the order they were made
	attributes map[string]string
}

var balancerName = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?$`)

// shorts are the words for types in ARNs.
var shorts = map[types.LoadBalancerTypeEnum]string{
	types.LoadBalancerTypeEnumApplication: "app", types.LoadBalancerTypeEnumNetwork: "net", types.LoadBalancerTypeEnumGateway: "gwy",
}

// CreateLoadBalancer implements https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
func (s *Service) CreateLoadBalancer(_ context.Context, in *elasticloadbalancingv2.CreateLoadBalancerInput) (*elasticloadbalancingv2.CreateLoadBalancerOutput, error) {
	name := *in.Name
	switch {
	case name == "" || len(name) > 32:
		return nil, validation("The load balancer name '%s' cannot be longer than '32' characters", name)
	case !balancerName.MatchString(name):
		return nil, validation("The load balancer name '%s' can only contain characters that are alphanumeric characters and hyphens(-), and can not start or end with a hyphen", name)
	case strings.HasPrefix(name, "internal-"):
		return nil, validation("The load balancer name '%s' cannot begin with 'internal-'", name)
	case len(in.Subnets)+len(in.SubnetMappings) == 0:
		return nil, validation("You must specify subnets")
	}
	if s.balancerNamed(name) != nil {
		return nil, &types.DuplicateLoadBalancerNameException{Message: new("A load balancer with the same name '" + name + "' exists, but with different settings")}
	}
	d := types.LoadBalancer{
		LoadBalancerName: &name, Type: in.Type, Scheme: in.Scheme, IpAddressType: in.IpAddressType, SecurityGroups: in.SecurityGroups,
		CreatedTime: new(s.w.Now()), State: &types.LoadBalancerState{Code: types.LoadBalancerStateEnumActive},
		CanonicalHostedZoneId: new("Z" + s.w.Name(13)), VpcId: new("vpc-" + s.w.Hex(17)),
	}
	if d.Type == "" {
		d.Type = types.LoadBalancerTypeEnumApplication
	}
	if d.Scheme == "" {
		d.Scheme = types.LoadBalancerSchemeEnumInternetFacing
	}
	if d.IpAddressType == "" {
		d.IpAddressType = types.IpAddressTypeIpv4
	}
	subnets := slices.Clone(in.Subnets)
	for _, m := range in.SubnetMappings {
		if m.SubnetId != nil {
			subnets = append(subnets, *m.SubnetId)
		}
	}
	for i, subnet := range subnets {
		d.AvailabilityZones = append(d.AvailabilityZones, types.AvailabilityZone{SubnetId: &subnet, ZoneName: new(s.w.Region + string(rune('a'+i%6))), LoadBalancerAddresses: []types.LoadBalancerAddress{}})
	}
	d.LoadBalancerArn = new(s.w.ARN("elasticloadbalancing", fmt.Sprintf("loadbalancer/%s/%s/%s", shorts[d.Type], name, s.w.Hex(16))))
	host := name
	if d.Scheme == types.LoadBalancerSchemeEnumInternal {
		host = "internal-" + name
	}
	d.DNSName = new(fmt.Sprintf("%s-%s.%s.elb.%s", host, s.w.Digits(10), s.w.Region, s.w.URLSuffix()))
	s.balancers = append(s.balancers, &balancer{d: d, attributes: map[string]string{
		"deletion_protection.enabled": "false", "access_logs.s3.enabled": "false", "access_logs.s3.bucket": "", "access_logs.s3.prefix": "",
		"idle_timeout.timeout_seconds": "60", "routing.http2.enabled": "true", "routing.http.drop_invalid_header_fields.enabled": "false",
		"load_balancing.cross_zone.enabled": "true",
	}})
	return &elasticloadbalancingv2.CreateLoadBalancerOutput{LoadBalancers: []types.LoadBalancer{d}}, nil
}

func (s *Service) balancerNamed(name string) *balancer {
	for _, b := range s.balancers {
		if *b.d.LoadBalancerName == name {
			return b
		}
	}
	return nil
}

func (s *Service) balancer(arn *string) (*balancer, error) {
	for _, b := range s.balancers {
		if arn != nil && *b.d.LoadBalancerArn == *arn {
			return b, nil
		}
	}
	if arn != nil && !strings.HasPrefix(*arn, "arn:") {
		return nil, validation("'%s' is not a valid load balancer ARN", *arn)
	}
	return nil, &types.LoadBalancerNotFoundException{Message: new("One or more load balancers not found")}
}

// DescribeLoadBalancers implements https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeLoadBalancers.html
func (s *Service) DescribeLoadBalancers(_ context.Context, in *elasticloadbalancingv2.DescribeLoadBalancersInput) (*elasticloadbalancingv2.DescribeLoadBalancersOutput, error) {
	list := []types.LoadBalancer{}
	for _, b := range s.balancers {
		if len(in.LoadBalancerArns)+len(in.Names) == 0 || slices.Contains(in.LoadBalancerArns, *b.d.LoadBalancerArn) || slices.Contains(in.Names, *b.d.LoadBalancerName) {
			list = append(list, b.d)
		}
	}
	for _, arn := range in.LoadBalancerArns {
		if _, err := s.balancer(&arn); err != nil {
			return nil, err
		}
	}
	for _, name := range in.Names {
		if s.balancerNamed(name) == nil {
			return nil, &types.LoadBalancerNotFoundException{Message: new("Load balancers '[" + name + "]' not found")}
		}
	}
	part, next, err := cut(list, in.Marker, in.PageSize)
	return &elasticloadbalancingv2.DescribeLoadBalancersOutput{LoadBalancers: part, NextMarker: next}, err
}

// cut is one page of at most 400 (the API reference's limit of PageSize).
func cut[T any](list []T, marker *string, size *int32) (part []T, next *string, err error) {
	n := int32(400)
	if size != nil {
		if n = *size; n < 1 || n > 400 {
			return nil, nil, validation("1 validation error detected: Value '%d' at 'pageSize' failed to satisfy constraint: Member must have value between 1 and 400, inclusive", n)
		}
	}
	part, next, ok := page.Of(list, marker, int(n))
	if !ok {
		return nil, nil, validation("The marker is not valid")
	}
	return part, next, nil
}

// DeleteLoadBalancer implements https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteLoadBalancer.html:
// its listeners go with it, and one that is not there is deleted already.
func (s *Service) DeleteLoadBalancer(_ context.Context, in *elasticloadbalancingv2.DeleteLoadBalancerInput) (*elasticloadbalancingv2.DeleteLoadBalancerOutput, error) {
	b, err := s.balancer(in.LoadBalancerArn)
	if err != nil {
		return &elasticloadbalancingv2.DeleteLoadBalancerOutput{}, nil //nolint:nilerr // documented: the call succeeds
	}
	if b.attributes["deletion_protection.enabled"] == "true" {
		return nil, &types.OperationNotPermittedException{Message: new("Load balancer '" + *b.d.LoadBalancerArn + "' cannot be deleted because deletion protection is enabled")}
	}
	s.balancers = slices.DeleteFunc(s.balancers, func(o *balancer) bool { return o == b })
	s.w.Deleted("AWS::ElasticLoadBalancingV2::LoadBalancer", *b.d.LoadBalancerArn)
	return &elasticloadbalancingv2.DeleteLoadBalancerOutput{}, nil
}

// DescribeLoadBalancerAttributes implements https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeLoadBalancerAttributes.html
func (s *Service) DescribeLoadBalancerAttributes(_ context.Context, in *elasticloadbalancingv2.DescribeLoadBalancerAttributesInput) (*elasticloadbalancingv2.DescribeLoadBalancerAttributesOutput, error) {
	b, err := s.balancer(in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	return &elasticloadbalancingv2.DescribeLoadBalancerAttributesOutput{Attributes: b.shown()}, nil
}

// ModifyLoadBalancerAttributes implements https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyLoadBalancerAttributes.html.
// Of the attributes only deletion protection does something.
func (s *Service) ModifyLoadBalancerAttributes(_ context.Context, in *elasticloadbalancingv2.ModifyLoadBalancerAttributesInput) (*elasticloadbalancingv2.ModifyLoadBalancerAttributesOutput, error) {
	b, err := s.balancer(in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	for _, a := range in.Attributes {
		if a.Key == nil || a.Value == nil {
			return nil, validation("Attribute key and value must be specified")
		}
		if *a.Key == "deletion_protection.enabled" && *a.Value != "true" && *a.Value != "false" {
			return nil, &types.InvalidConfigurationRequestException{Message: new("Load balancer attribute value '" + *a.Value + "' for key 'deletion_protection.enabled' is not valid")}
		}
	}
	for _, a := range in.Attributes {
		b.attributes[*a.Key] = *a.Value
	}
	return &elasticloadbalancingv2.ModifyLoadBalancerAttributesOutput{Attributes: b.shown()}, nil
}

func (b *balancer) shown() []types.LoadBalancerAttribute {
	list := []types.LoadBalancerAttribute{}
	for _, k := range slices.Sorted(maps.Keys(b.attributes)) {
		list = append(list, types.LoadBalancerAttribute{Key: new(k), Value: new(b.attributes[k])})
	}
	return list
}

func (s *Service) registerBalancers(t *op.Table) {
	op.On(t, s.CreateLoadBalancer)
	op.On(t, s.DescribeLoadBalancers)
	op.On(t, s.DeleteLoadBalancer)
	op.On(t, s.DescribeLoadBalancerAttributes)
	op.On(t, s.ModifyLoadBalancerAttributes)
	op.On(t, s.CreateListener)
	op.On(t, s.DescribeListeners)
	op.On(t, s.ModifyListener)
	op.On(t, s.DeleteListener)
}

package cfnsim

import (
	"strings"
	"time"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

const (
	balancerType = "AWS::ElasticLoadBalancingV2::LoadBalancer"
	listenerType = "AWS::ElasticLoadBalancingV2::Listener"
)

// balancerKind is a load balancer. Of its attributes deletion protection does
// something: it makes the deletion fail.
func balancerKind(api ELB) *kind {
	k := inertKind("Name", "Scheme", "Type")
	if isNil(api) {
		return k
	}
	k.created, k.removed = 2*time.Minute, 10*time.Second
	k.attributes = []string{"LoadBalancerArn", "LoadBalancerName", "LoadBalancerFullName", "DNSName", "CanonicalHostedZoneID", "SecurityGroups"}
	attributes := func(c *call) error {
		in := &elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: &c.physical}
		list, _ := c.new["LoadBalancerAttributes"].([]any)
		for _, v := range list {
			a, _ := v.(object)
			in.Attributes = append(in.Attributes, types.LoadBalancerAttribute{Key: ptr(text(a["Key"])), Value: ptr(text(a["Value"]))})
		}
		if len(in.Attributes) == 0 {
			return nil
		}
		_, err := api.ModifyLoadBalancerAttributes(c.ctx, in)
		return err
	}
	k.make = func(c *call) error {
		in := &elb.CreateLoadBalancerInput{}
		if err := fill(in, without(c.new, "Tags")); err != nil {
			return err
		}
		in.Name = ptr(c.shortName())
		out, err := api.CreateLoadBalancer(c.ctx, in)
		if err != nil {
			return err
		}
		d := out.LoadBalancers[0]
		c.physical = *d.LoadBalancerArn
		_, full, _ := strings.Cut(c.physical, ":loadbalancer/")
		groups := []any{}
		for _, g := range d.SecurityGroups {
			groups = append(groups, g)
		}
		c.set(object{"LoadBalancerArn": c.physical, "LoadBalancerName": *d.LoadBalancerName, "LoadBalancerFullName": full, "DNSName": *d.DNSName, "CanonicalHostedZoneID": *d.CanonicalHostedZoneId, "SecurityGroups": groups})
		return attributes(c)
	}
	k.change = attributes
	k.remove = func(c *call) error {
		_, err := api.DeleteLoadBalancer(c.ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: &c.physical})
		return gone(err, "LoadBalancerNotFound")
	}
	return k
}

// listenerKind is a listener.
func listenerKind(api ELB) *kind {
	k := inertKind("LoadBalancerArn")
	if isNil(api) {
		return k
	}
	k.attributes = []string{"ListenerArn"}
	k.make = func(c *call) error {
		in := &elb.CreateListenerInput{}
		if err := fill(in, without(c.new, "ListenerAttributes")); err != nil {
			return err
		}
		out, err := api.CreateListener(c.ctx, in)
		if err != nil {
			return err
		}
		c.physical = *out.Listeners[0].ListenerArn
		c.set(object{"ListenerArn": c.physical})
		return nil
	}
	k.change = func(c *call) error {
		in := &elb.ModifyListenerInput{}
		if err := fill(in, without(c.new, "ListenerAttributes")); err != nil {
			return err
		}
		in.ListenerArn = &c.physical
		_, err := api.ModifyListener(c.ctx, in)
		return err
	}
	k.remove = func(c *call) error {
		_, err := api.DeleteListener(c.ctx, &elb.DeleteListenerInput{ListenerArn: &c.physical})
		return gone(err, "ListenerNotFound")
	}
	return k
}

// shortName is the property Name, or a generated name cut to the 32 characters
// that load balancing allows.
func (c *call) shortName() string {
	if n := c.text("Name"); n != "" {
		return n
	}
	name := c.name("Name")
	return strings.Trim(name[:min(len(name), 19)], "-") + "-" + c.world().Name(12)
}

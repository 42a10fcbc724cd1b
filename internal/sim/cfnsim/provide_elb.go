package cfnsim

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
)

// targetGroupKind is a target group; its health check is updated in place.
func targetGroupKind(api ELB) *kind {
	k := inertKind("Name", "Port", "Protocol", "VpcId", "TargetType")
	if isNil(api) {
		return k
	}
	k.attributes = []string{"TargetGroupArn", "TargetGroupName", "TargetGroupFullName", "LoadBalancerArns"}
	// What a group has beside its health check is inert: its attributes, and the
	// targets that a template names.
	settings := func(c *call) object {
		m := object{}
		for k, v := range c.new {
			if k != "TargetGroupAttributes" && k != "Targets" && k != "Tags" && k != "Name" {
				m[k] = v
			}
		}
		return m
	}
	k.make = func(c *call) error {
		in := &elasticloadbalancingv2.CreateTargetGroupInput{}
		if err := fill(in, settings(c)); err != nil {
			return err
		}
		name := c.shortName()
		in.Name = &name
		out, err := api.CreateTargetGroup(c.ctx, in)
		if err != nil {
			return err
		}
		c.physical = *out.TargetGroups[0].TargetGroupArn
		_, full, _ := strings.Cut(c.physical, ":targetgroup/")
		c.set(object{"TargetGroupArn": c.physical, "TargetGroupName": name, "TargetGroupFullName": "targetgroup/" + full})
		return nil
	}
	k.change = func(c *call) error {
		in := &elasticloadbalancingv2.ModifyTargetGroupInput{}
		if err := fill(in, settings(c)); err != nil {
			return err
		}
		in.TargetGroupArn = &c.physical
		_, err := api.ModifyTargetGroup(c.ctx, in)
		return err
	}
	k.remove = func(c *call) error {
		_, err := api.DeleteTargetGroup(c.ctx, &elasticloadbalancingv2.DeleteTargetGroupInput{TargetGroupArn: &c.physical})
		return gone(err, "TargetGroupNotFound")
	}
	return k
}

package rescue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecsx"
)

// carriedSetting is a setting of a service, such as its network or the grace period of
// its health checks, in which the template differs from the live service: the savepoint
// would change it in passing.
type carriedSetting struct {
	Service ecsx.Service `json:"service"`
	// Difference is where, and what both have; its Where is where the savepoint writes
	// what is live.
	cfnx.Difference
	// Left is whether the template's value is let through: the operator accepts it, or
	// gives the template, or it is an expression that comes to what it was.
	Left bool `json:"left,omitempty"`
}

// accepts is the name under which the operator accepts it.
func (c carriedSetting) accepts() string {
	return c.Stack + "." + c.Resource + "." + c.Property
}

// settings is what is kept of a service's settings: no log configuration, which may
// hold secrets.
func settings(s ecstypes.Service) json.RawMessage {
	kept := map[string]any{
		"HealthCheckGracePeriodSeconds": s.HealthCheckGracePeriodSeconds, "DeploymentConfiguration": s.DeploymentConfiguration,
		"NetworkConfiguration": s.NetworkConfiguration, "LoadBalancers": s.LoadBalancers, "ServiceRegistries": s.ServiceRegistries,
		"CapacityProviderStrategy": s.CapacityProviderStrategy, "PlatformVersion": s.PlatformVersion, "EnableExecuteCommand": s.EnableExecuteCommand,
		"PlacementConstraints": s.PlacementConstraints, "PlacementStrategy": s.PlacementStrategy, "AvailabilityZoneRebalancing": s.AvailabilityZoneRebalancing,
		"PropagateTags": s.PropagateTags, "EnableECSManagedTags": s.EnableECSManagedTags, "SchedulingStrategy": s.SchedulingStrategy,
	}
	for _, d := range s.Deployments {
		if c := d.ServiceConnectConfiguration; c != nil && aws.ToString(d.Status) == "PRIMARY" {
			kept["Deployments"] = []any{map[string]any{"Status": "PRIMARY", "ServiceConnectConfiguration": map[string]any{"Enabled": c.Enabled}}}
		}
	}
	data, err := json.Marshal(kept)
	if err != nil {
		return nil // what the SDK has read can be written
	}
	return data
}

// settings adds to the step which settings of a service that it deploys the template
// would change in passing, and proves on the draft that they can be kept. What the
// operator accepts, or gives in a template, is changed.
func (p *planner) settings(d *cfnx.Draft, step *savepointStep, keep map[string]string) error {
	var problems []cfnx.Problem
	for i := range p.b.Services {
		s := &p.b.Services[i]
		kept, stack := keep[s.Service.String()], p.b.Tree.Stack(s.StackID)
		if kept == "" || stack == nil || s.Status != "ACTIVE" || kept == step.base(s, kept) && step.Target == targetOwn {
			continue // the savepoint sends it nothing
		}
		if s.Settings == nil {
			return unknown("diagnose again", "service %s: its settings are not in the evidence", s.Service)
		}
		differences, err := d.SettingDifferences(stack, s.LogicalID, s.Settings)
		if err != nil {
			return err
		}
		var left []string
		for _, x := range differences {
			c := carriedSetting{Service: s.Service, Difference: x, Left: true}
			switch {
			case slices.Contains(p.c.Accept, c.accepts()):
				p.p.Warnings = append(p.p.Warnings, "accepted: the savepoint sets service "+s.Service.String()+" to the template's value: "+x.String())
			case step.Target != targetOwn:
				p.p.Warnings = append(p.p.Warnings, fmt.Sprintf("the savepoint sets service %s as its new template says: %s", s.Service, x))
			default:
				continue
			}
			left = append(left, x.Property)
			step.Settings = append(step.Settings, c)
		}
		carried, err := d.CarrySettings(stack, s.LogicalID, s.Settings, left...)
		if e, ok := errors.AsType[*cfnx.DraftError](err); ok {
			for _, x := range e.Problems {
				x.Why += "; or accept that the savepoint changes it: " + carriedSetting{Difference: cfnx.Difference{Stack: x.Stack, Resource: x.Resource, Property: x.Property}}.accepts()
				problems = append(problems, x)
			}
			continue
		}
		if err != nil {
			return err
		}
		for _, x := range carried {
			c := carriedSetting{Service: s.Service, Difference: x, Left: x.Where == ""}
			if c.Left {
				p.p.Warnings = append(p.p.Warnings, fmt.Sprintf("service %s: whether the template has what is live is not known: %s: an update renders it as it was", s.Service, x))
			}
			step.Settings = append(step.Settings, c)
		}
	}
	if len(problems) > 0 {
		return &cfnx.DraftError{Problems: problems}
	}
	return nil
}

// carrySettings writes into the draft what the plan carries of the services' settings,
// and nothing else.
func (s *savepointStep) carrySettings(ctx context.Context, c clients, d *cfnx.Draft) ([]string, error) {
	var out []string
	done := map[string]bool{}
	for _, x := range s.Settings {
		key := recordedKey(x.StackID, x.Resource)
		if done[key] || s.Target != targetOwn {
			continue
		}
		done[key] = true
		planned, left := map[string]bool{}, []string(nil)
		for _, y := range s.Settings {
			if recordedKey(y.StackID, y.Resource) != key {
				continue
			}
			planned[y.Property] = true
			if y.Left {
				left = append(left, y.Property)
			}
		}
		live, err := c.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &x.Service.Cluster, Services: []string{x.Service.Name}})
		if err != nil {
			return nil, err
		}
		if len(live.Services) == 0 {
			return nil, fmt.Errorf("%w: service %s is gone", ErrChanged, x.Service)
		}
		carried, err := d.CarrySettings(d.Tree.Stack(x.StackID), x.Resource, settings(live.Services[0]), left...)
		if err != nil {
			return nil, err
		}
		for _, is := range carried {
			if is.Where == "" {
				continue
			}
			if !planned[is.Property] {
				return nil, fmt.Errorf("%w: service %s differs from the template in more than the plan says: %s", ErrChanged, x.Service, is)
			}
			out = append(out, fmt.Sprintf("setting of service %s: %s", x.Service, is))
		}
	}
	return out, nil
}

package ecsx

import (
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Placement is where and on what tasks run.
type Placement struct {
	// Network is needed on Fargate; nil leaves it to the task definition.
	Network *Network `json:"network,omitempty"`
	// LaunchType defaults to the cluster's strategy; CapacityProviders are set
	// instead of it, not together with it.
	LaunchType        types.LaunchType   `json:"launchType,omitempty"`
	CapacityProviders []CapacityProvider `json:"capacityProviders,omitempty"`
	// PlatformVersion is Fargate's; "" is the latest.
	PlatformVersion string `json:"platformVersion,omitempty"`
}

// Network is the network of tasks with network mode awsvpc.
type Network struct {
	Subnets        []string `json:"subnets,omitempty"`
	SecurityGroups []string `json:"securityGroups,omitempty"`
	// AssignPublicIP is ENABLED or DISABLED; "" is ECS's default.
	AssignPublicIP types.AssignPublicIp `json:"assignPublicIp,omitempty"`
}

// CapacityProvider is one of a strategy.
type CapacityProvider struct {
	Name   string `json:"capacityProvider"`
	Base   int    `json:"base,omitempty"`
	Weight int    `json:"weight,omitempty"`
}

// PlacementOf is where and on what the tasks of a service run. It is pure.
func PlacementOf(s types.Service) Placement {
	p := Placement{LaunchType: s.LaunchType, PlatformVersion: aws.ToString(s.PlatformVersion)}
	if p.PlatformVersion == "LATEST" {
		p.PlatformVersion = ""
	}
	if n := s.NetworkConfiguration; n != nil && n.AwsvpcConfiguration != nil {
		v := n.AwsvpcConfiguration
		p.Network = &Network{Subnets: v.Subnets, SecurityGroups: v.SecurityGroups, AssignPublicIP: v.AssignPublicIp}
	}
	for _, c := range s.CapacityProviderStrategy {
		p.CapacityProviders = append(p.CapacityProviders, CapacityProvider{aws.ToString(c.CapacityProvider), int(c.Base), int(c.Weight)})
	}
	return p
}

func (n *Network) sdk() *types.NetworkConfiguration {
	if n == nil {
		return nil
	}
	return &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{
		Subnets: n.Subnets, SecurityGroups: n.SecurityGroups, AssignPublicIp: n.AssignPublicIP,
	}}
}

func strategy(cs []CapacityProvider) []types.CapacityProviderStrategyItem {
	var out []types.CapacityProviderStrategyItem
	for _, c := range cs {
		out = append(out, types.CapacityProviderStrategyItem{CapacityProvider: &c.Name, Base: int32(c.Base), Weight: int32(c.Weight)})
	}
	return out
}

// UnmarshalJSON also reads the form of version 1 of this package's files, which
// held the SDK's structure.
func (n *Network) UnmarshalJSON(data []byte) error {
	type plain Network
	var v struct {
		plain
		AwsvpcConfiguration *plain
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	*n = Network(v.plain)
	if v.AwsvpcConfiguration != nil {
		*n = Network(*v.AwsvpcConfiguration)
	}
	return nil
}

// ContainerOverride overrides parts of a task definition for a one-off task.
type ContainerOverride struct {
	Container string `json:"container"`
	// Command is the container's; nil leaves it.
	Command []string `json:"command,omitempty"`
	// Environment is set in addition, by name. It is part of the specification
	// and stored with it: it is no place for secrets.
	Environment map[string]string `json:"environment,omitempty"`
}

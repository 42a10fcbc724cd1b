package rescue

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// attachedFacts are what the tasks of a service are to the rest of the account: with
// one of these a further task, which is not the service's own, is no copy of them.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html
type attachedFacts struct {
	LoadBalancers bool `json:"loadBalancers,omitempty"`
	Registries    bool `json:"registries,omitempty"`
	Connect       bool `json:"connect,omitempty"`
	Lattice       bool `json:"lattice,omitempty"`
	Volumes       bool `json:"volumes,omitempty"`
}

// attached reads them off a service; nil where it shows no deployment, of which some of
// them are.
func attached(s ecstypes.Service) *attachedFacts {
	if len(s.Deployments)+len(s.TaskSets) == 0 {
		return nil
	}
	out := &attachedFacts{LoadBalancers: len(s.LoadBalancers) > 0, Registries: len(s.ServiceRegistries) > 0}
	for _, d := range s.Deployments {
		out.Connect = out.Connect || d.ServiceConnectConfiguration != nil && d.ServiceConnectConfiguration.Enabled
		out.Lattice = out.Lattice || len(d.VpcLatticeConfigurations) > 0
		out.Volumes = out.Volumes || len(d.VolumeConfigurations) > 0
	}
	for _, t := range s.TaskSets {
		out.LoadBalancers, out.Registries = out.LoadBalancers || len(t.LoadBalancers) > 0, out.Registries || len(t.ServiceRegistries) > 0
	}
	return out
}

// String lists them.
func (a *attachedFacts) String() string {
	var out []string
	for _, x := range []struct {
		is   bool
		what string
	}{{a.LoadBalancers, "a load balancer"}, {a.Registries, "a service registry"}, {a.Connect, "Service Connect"}, {a.Lattice, "VPC Lattice"}, {a.Volumes, "volumes of its own"}} {
		if x.is {
			out = append(out, x.what)
		}
	}
	return strings.Join(out, ", ")
}

// fixedPort says what of a task definition two tasks on one host would share; "" where
// that is nothing: in the mode awsvpc each task has an interface of its own.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PortMapping.html
func fixedPort(document any) string {
	var def struct {
		NetworkMode          string
		ContainerDefinitions []struct {
			PortMappings []struct {
				HostPort json.Number
			}
		}
	}
	data, err := json.Marshal(document)
	if err != nil || json.Unmarshal(data, &def) != nil {
		return "ports that are not known"
	}
	switch {
	case strings.EqualFold(def.NetworkMode, "awsvpc"):
		return ""
	case strings.EqualFold(def.NetworkMode, "host"):
		return "the network of its host"
	}
	for _, c := range def.ContainerDefinitions {
		for _, m := range c.PortMappings {
			if m.HostPort != "" && m.HostPort != "0" {
				return "host port " + string(m.HostPort)
			}
		}
	}
	return ""
}

// single reports whether ECS is to run no two of a service's tasks at once, not even
// while it deploys.
func (f *ServiceFacts) single() bool {
	return f.Desired < 2 && (f.Maximum == nil || *f.Maximum <= 100)
}

// tagValue is a tag's value; "" where it is not there.
func tagValue(tags []ecstypes.Tag, key string) string {
	i := slices.IndexFunc(tags, func(t ecstypes.Tag) bool { return aws.ToString(t.Key) == key })
	if i < 0 {
		return ""
	}
	return aws.ToString(tags[i].Value)
}

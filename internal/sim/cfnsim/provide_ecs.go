package cfnsim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

func clusterKind(api ECS) *kind {
	k := baseKind(5*time.Second, 5*time.Second, 5*time.Second, "ClusterName")
	k.attributes = []string{"Arn"}
	k.make = func(c *call) error {
		c.physical = c.name("ClusterName")
		c.set(object{"Arn": c.world().ARN("ecs", "cluster/"+c.physical)})
		if isNil(api) {
			return nil
		}
		var in ecs.CreateClusterInput
		if err := fill(&in, c.new); err != nil {
			return err
		}
		in.ClusterName = &c.physical
		out, err := api.CreateCluster(c.ctx, &in)
		if err == nil && out.Cluster != nil && out.Cluster.ClusterArn != nil {
			c.set(object{"Arn": *out.Cluster.ClusterArn})
		}
		return err
	}
	if !isNil(api) {
		k.remove = func(c *call) error {
			_, err := api.DeleteCluster(c.ctx, &ecs.DeleteClusterInput{Cluster: &c.physical})
			return gone(err, "ClusterNotFoundException")
		}
	}
	return k
}

// taskDefinitionKind registers a new revision for any change: every property
// but Tags needs a replacement
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-taskdefinition.html).
func taskDefinitionKind(api ECS) *kind {
	k := baseKind(time.Second, time.Second, time.Second)
	k.anyReplaces, k.updating = true, []string{"Tags"}
	k.attributes = []string{"TaskDefinitionArn"}
	k.make = func(c *call) error {
		var in ecs.RegisterTaskDefinitionInput
		if err := fill(&in, c.new); err != nil {
			return err
		}
		family := c.text("Family")
		if family == "" {
			family = strings.ReplaceAll(c.st.name, "-", "") + c.id + c.world().Name(12)
		}
		in.Family = &family
		for _, t := range c.tags {
			in.Tags = append(in.Tags, types.Tag{Key: t.Key, Value: t.Value})
		}
		c.physical = c.world().ARN("ecs", "task-definition/"+family+":1")
		if isNil(api) {
			return nil
		}
		out, err := api.RegisterTaskDefinition(c.ctx, &in)
		if err != nil {
			return err
		}
		if out.TaskDefinition != nil {
			c.physical = str(out.TaskDefinition.TaskDefinitionArn)
		}
		c.set(object{"TaskDefinitionArn": c.physical})
		return nil
	}
	if !isNil(api) {
		k.remove = func(c *call) error {
			_, err := api.DeregisterTaskDefinition(c.ctx, &ecs.DeregisterTaskDefinitionInput{TaskDefinition: &c.physical})
			// A revision that is gone or INACTIVE already is as it should be.
			return gone(err, "ClientException", "InvalidParameterException")
		}
	}
	return k
}

// gone turns errors that say "there is no such thing" into success: deleting
// what is not there is done.
func gone(err error, codes ...string) error {
	if err != nil && slices.Contains(codes, errorCode(err)) {
		return nil
	}
	return err
}

func serviceKind(api ECS) *kind {
	k := baseKind(30*time.Second, 30*time.Second, 30*time.Second,
		"ServiceName", "Cluster", "LaunchType", "DeploymentController", "SchedulingStrategy", "Role")
	k.attributes = []string{"Name", "ServiceArn"}
	if isNil(api) {
		k.make = func(c *call) error {
			name := c.name("ServiceName")
			c.physical = c.world().ARN("ecs", "service/"+shortCluster(c.text("Cluster"))+"/"+name)
			c.set(object{"Name": name, "ServiceArn": c.physical})
			return nil
		}
		return k
	}
	p := serviceProvider{api}
	k.make, k.change, k.remove, k.settled = p.make, p.change, p.remove, p.settled
	return k
}

func shortCluster(s string) string {
	if s == "" {
		return "default"
	}
	return s[strings.LastIndexByte(s, '/')+1:]
}

type serviceProvider struct{ api ECS }

// waited is what the handler waits for: the deployment it started.
type waited struct {
	deployment, taskDefinition string
	breaker                    bool
}

func (p serviceProvider) make(c *call) error {
	var in ecs.CreateServiceInput
	if err := fill(&in, c.new); err != nil {
		return err
	}
	name := c.name("ServiceName")
	in.ServiceName = &name
	in.ClientToken = nil
	for _, t := range c.tags {
		in.Tags = append(in.Tags, types.Tag{Key: t.Key, Value: t.Value})
	}
	out, err := p.api.CreateService(c.ctx, &in)
	if err != nil {
		return err
	}
	p.started(c, out.Service)
	c.physical = c.world().ARN("ecs", "service/"+shortCluster(c.text("Cluster"))+"/"+name)
	if out.Service != nil && out.Service.ServiceArn != nil {
		c.physical = *out.Service.ServiceArn
	}
	c.set(object{"Name": name, "ServiceArn": c.physical})
	return nil
}

// change sends all properties but DesiredCount, which it sends only when the
// template's value changed (simtype.Switches.DesiredCount). A rollback sends the
// old task definition's revision.
func (p serviceProvider) change(c *call) error {
	var in ecs.UpdateServiceInput
	// Another controller replaces the service; the same one is not sent.
	if err := fill(&in, without(without(c.new, "ForceNewDeployment"), "DeploymentController")); err != nil {
		return err
	}
	in.Service = &c.physical
	if same(c.old["DesiredCount"], c.new["DesiredCount"]) && c.world().Switches.DesiredCount == "when-changed" {
		in.DesiredCount = nil
	}
	if same(c.old["DeploymentConfiguration"], c.new["DeploymentConfiguration"]) && c.world().Switches.DeploymentConfiguration == "when-changed" {
		in.DeploymentConfiguration = nil
	}
	if f, ok := c.new["ForceNewDeployment"].(object); ok && truth(f["EnableForceNewDeployment"]) && !same(c.old["ForceNewDeployment"], c.new["ForceNewDeployment"]) {
		in.ForceNewDeployment = true
	}
	out, err := p.api.UpdateService(c.ctx, &in)
	if err != nil {
		return err
	}
	p.started(c, out.Service)
	return nil
}

func without(m object, name string) object {
	c := object{}
	for k, v := range m {
		if k != name {
			c[k] = v
		}
	}
	return c
}

func (p serviceProvider) remove(c *call) error {
	in := &ecs.DeleteServiceInput{Service: &c.physical, Force: ptr(true)}
	if cl := c.text("Cluster"); cl != "" {
		in.Cluster = &cl
	}
	_, err := p.api.DeleteService(c.ctx, in)
	return gone(err, "ServiceNotFoundException", "ServiceNotActiveException", "ClusterNotFoundException")
}

func (p serviceProvider) started(c *call, s *types.Service) {
	w := &waited{taskDefinition: c.text("TaskDefinition")}
	c.state = w
	if s == nil {
		return
	}
	w.breaker = breaks(s)
	for _, d := range s.Deployments {
		if str(d.Status) == "PRIMARY" {
			w.deployment, w.taskDefinition = str(d.Id), str(d.TaskDefinition)
		}
	}
}

func breaks(s *types.Service) bool {
	return s.DeploymentConfiguration != nil && s.DeploymentConfiguration.DeploymentCircuitBreaker != nil && s.DeploymentConfiguration.DeploymentCircuitBreaker.Enable
}

var errBreaker = handlerError{"GeneralServiceException", "Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'."}

// settled looks at the deployment that the handler started: COMPLETED is done,
// FAILED is the circuit breaker's (docs/aws/cfn.md 1.5). Without a breaker
// nothing fails and the handler waits until its time is over.
func (p serviceProvider) settled(c *call) (bool, error) {
	w, _ := c.state.(*waited)
	in := &ecs.DescribeServicesInput{Services: []string{c.physical}}
	if cl := c.text("Cluster"); cl != "" {
		in.Cluster = &cl
	}
	out, err := p.api.DescribeServices(c.ctx, in)
	if err != nil {
		return false, err
	}
	if len(out.Services) == 0 || str(out.Services[0].Status) == "INACTIVE" {
		return false, handlerError{"NotFound", fmt.Sprintf("Resource of type '%s' with identifier '%s' was not found.", serviceType, c.physical)}
	}
	s := &out.Services[0]
	if w == nil || w.deployment == "" {
		return len(s.Deployments) <= 1 && s.RunningCount == s.DesiredCount, nil
	}
	for _, d := range s.Deployments {
		if str(d.Id) == w.deployment {
			return w.judge(s, d)
		}
	}
	return w.replaced(s)
}

func (w *waited) judge(s *types.Service, d types.Deployment) (bool, error) {
	switch d.RolloutState {
	case types.DeploymentRolloutStateCompleted:
		return true, nil
	case types.DeploymentRolloutStateFailed:
		return false, errBreaker
	case "":
		return len(s.Deployments) == 1 && s.RunningCount == s.DesiredCount, nil
	}
	return false, nil
}

// replaced judges a service whose primary deployment is no longer the one that
// was waited for: the breaker went back to another revision, or somebody
// deployed the same revision again.
func (w *waited) replaced(s *types.Service) (bool, error) {
	for _, d := range s.Deployments {
		if str(d.Status) != "PRIMARY" {
			continue
		}
		if str(d.TaskDefinition) == w.taskDefinition {
			w.deployment = str(d.Id)
			return w.judge(s, d)
		}
		if w.breaker {
			return false, errBreaker
		}
	}
	return false, nil
}

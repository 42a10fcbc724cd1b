package rescuetest

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// pieces are the resources that random templates are put together from; those
// that a piece refers to come along.
var pieces = map[string]string{
	"Topic":     `{Type: AWS::SNS::Topic, Properties: {DisplayName: !Ref V}}`,
	"Named":     `{Type: AWS::SNS::Topic, Properties: {TopicName: !Sub "${AWS::StackName}-${V}"}, UpdateReplacePolicy: Retain}`,
	"Queue":     `{Type: AWS::SQS::Queue, DeletionPolicy: Retain, DependsOn: Topic}`,
	"Param":     `{Type: AWS::SSM::Parameter, Properties: {Name: !Sub "/walk/${AWS::StackName}", Type: String, Value: !Ref V}}`,
	"Secret":    `{Type: AWS::SecretsManager::Secret, Properties: {Description: !Ref V, SecretString: !Ref W}}`,
	"Group":     `{Type: AWS::Logs::LogGroup, Properties: {RetentionInDays: 7}}`,
	"Bucket":    `{Type: AWS::S3::Bucket, DeletionPolicy: RetainExceptOnCreate}`,
	"Repo":      `{Type: AWS::ECR::Repository, Properties: {LifecyclePolicy: {LifecyclePolicyText: '{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}}]}'}}}`,
	"Database":  `{Type: AWS::RDS::DBInstance, Properties: {Engine: postgres, MasterUsername: app, ManageMasterUserPassword: true, AllocatedStorage: !If [Big, 20, 10]}}`,
	"Maybe":     `{Type: AWS::SNS::Topic, Condition: Big}`,
	"Cluster":   `{Type: AWS::ECS::Cluster}`,
	"Task":      `{Type: AWS::ECS::TaskDefinition, Properties: {Family: !Sub "walk-${AWS::StackName}", ContainerDefinitions: [{Name: web, Image: !Ref Image, Environment: [{Name: V, Value: !Ref V}]}]}}`,
	"Service":   `{Type: AWS::ECS::Service, Properties: {Cluster: !Ref Cluster, TaskDefinition: !Ref Task, DesiredCount: 2, DeploymentConfiguration: {MinimumHealthyPercent: 0, DeploymentCircuitBreaker: {Enable: true, Rollback: true}}}}`,
	"Slow":      `{Type: AWS::ECS::Service, Properties: {Cluster: prod, ServiceName: !Sub "slow-${AWS::StackName}", TaskDefinition: !Ref Task, DesiredCount: 1}}`,
	"Child":     `{Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: "https://templates.s3.amazonaws.com/child.yaml", Parameters: {V: !Ref V}}}`,
	"Second":    `{Type: AWS::CloudFormation::Stack, DependsOn: Child, Properties: {TemplateURL: "https://templates.s3.amazonaws.com/other.yaml", Parameters: {V: !GetAtt Child.Outputs.Seen}}}`,
	"Importer":  `{Type: AWS::SNS::Topic, Properties: {DisplayName: !ImportValue exported}}`,
	"Balancer":  `{Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: {Subnets: [subnet-1, subnet-2], LoadBalancerAttributes: [{Key: deletion_protection.enabled, Value: !If [Big, "true", "false"]}]}}`,
	"Targets":   `{Type: AWS::ElasticLoadBalancingV2::TargetGroup, Properties: {Port: 80, Protocol: HTTP, VpcId: vpc-1, TargetType: ip}}`,
	"Listener":  `{Type: AWS::ElasticLoadBalancingV2::Listener, Properties: {LoadBalancerArn: !Ref Balancer, Port: !If [Big, 81, 80], Protocol: HTTP, DefaultActions: [{Type: forward, TargetGroupArn: !Ref Targets}]}}`,
	"Handle":    `{Type: AWS::CloudFormation::WaitConditionHandle}`,
	"Wait":      `{Type: AWS::CloudFormation::WaitCondition, Properties: {Handle: !Ref Handle, Timeout: "300"}}`,
	"Resolving": `{Type: AWS::SNS::Topic, Properties: {DisplayName: "{{resolve:ssm:/walk/a}}"}}`,
}

var needs = map[string][]string{"Queue": {"Topic"}, "Service": {"Cluster", "Task"}, "Slow": {"Task"}, "Second": {"Child"}, "Listener": {"Balancer", "Targets"}, "Wait": {"Handle"}}

func (w *walk) ids() []string {
	ids := w.keys(pieces)
	return ids
}

// template is a random template.
func (w *walk) template() string {
	var pick []string
	for range 1 + w.IntN(6) {
		id := w.one(w.ids()...)
		pick = append(append(pick, id), needs[id]...)
	}
	slices.Sort(pick)
	return w.assemble(slices.Compact(pick))
}

func (w *walk) assemble(ids []string) string {
	var b strings.Builder
	b.WriteString("Parameters:\n  V: {Type: String, Default: one}\n  W: {Type: String, Default: w}\n")
	fmt.Fprintf(&b, "  Image: {Type: String, Default: \"%s/%s:%s\"}\n", w.c.Registry(), w.one("app", "web"), w.one("v1", "v2", "latest", "gone"))
	b.WriteString("Conditions:\n  Big: !Equals [!Ref V, two]\nResources:\n")
	for _, id := range ids {
		fmt.Fprintf(&b, "  %s: %s\n", id, pieces[id])
	}
	b.WriteString("Outputs:\n  Seen: {Value: !Ref V}\n")
	if slices.Contains(ids, "Topic") && w.chance(30) {
		b.WriteString("  Topic: {Value: !Ref Topic, Export: {Name: exported}}\n")
	}
	return b.String()
}

// putTemplates writes new templates of nested stacks.
func (w *walk) putTemplates() {
	_, _ = w.invokeInput(&s3.CreateBucketInput{Bucket: new("templates")})
	for _, key := range []string{"child.yaml", "other.yaml"} {
		ids := []string{}
		for range 1 + w.IntN(3) {
			id := w.one("Topic", "Named", "Secret", "Group", "Task", "Slow", "Database", "Maybe")
			ids = append(append(ids, id), needs[id]...)
		}
		slices.Sort(ids)
		body := w.assemble(slices.Compact(ids))
		_, _ = w.invokeInput(&s3.PutObjectInput{Bucket: new("templates"), Key: &key, Body: io.NopCloser(strings.NewReader(body))})
	}
}

func (w *walk) invokeInput(in any) (any, error) {
	o, ok := w.table.ByInput(in)
	if !ok {
		panic(fmt.Sprintf("no operation takes %T", in))
	}
	w.last = o.String()
	return w.invoke(o, reflect.ValueOf(in))
}

func (w *walk) parameters() []cfntypes.Parameter {
	var ps []cfntypes.Parameter
	for _, k := range []string{"V", "W"} {
		switch {
		case w.chance(40):
			ps = append(ps, cfntypes.Parameter{ParameterKey: &k, ParameterValue: new(w.one("one", "two", "three"))})
		case w.chance(10):
			ps = append(ps, cfntypes.Parameter{ParameterKey: &k, UsePreviousValue: new(true)})
		}
	}
	if w.chance(30) {
		ps = append(ps, cfntypes.Parameter{ParameterKey: new("Image"), ParameterValue: new(w.c.Registry() + "/" + w.one("app", "web") + ":" + w.one("v1", "v2", "latest", "gone"))})
	}
	return ps
}

// sensible is a call as a deployment or a rescue makes it.
func (w *walk) sensible() {
	name := new(w.one("a", "b", "c"))
	caps := []cfntypes.Capability{cfntypes.CapabilityCapabilityNamedIam, cfntypes.CapabilityCapabilityAutoExpand}
	cluster, service := new("prod"), new(w.one("web", "api"))
	switch w.IntN(21) {
	case 0, 1:
		_, _ = w.invokeInput(&cloudformation.CreateStackInput{StackName: name, TemplateBody: new(w.template()), Parameters: w.parameters(), Capabilities: caps, DisableRollback: new(w.chance(20))})
	case 2, 3, 4:
		in := &cloudformation.UpdateStackInput{StackName: name, Parameters: w.parameters(), Capabilities: caps, DisableRollback: new(w.chance(15))}
		if in.TemplateBody = new(w.template()); w.chance(50) {
			in.TemplateBody, in.UsePreviousTemplate = nil, new(true)
		}
		_, _ = w.invokeInput(in)
	case 5:
		_, _ = w.invokeInput(&cloudformation.ContinueUpdateRollbackInput{StackName: name, ForceRollback: new(w.chance(30))})
	case 6:
		_, _ = w.invokeInput(&cloudformation.ContinueUpdateRollbackInput{StackName: name, ResourcesToSkip: w.skips(*name)})
	case 7:
		in := &cloudformation.CreateChangeSetInput{StackName: name, ChangeSetName: new(w.one("x", "y")), TemplateBody: new(w.template()), Parameters: w.parameters(), Capabilities: caps, IncludeNestedStacks: new(w.chance(40))}
		if w.chance(30) {
			in.ChangeSetType = cfntypes.ChangeSetTypeCreate
		}
		_, _ = w.invokeInput(in)
	case 8:
		_, _ = w.invokeInput(&cloudformation.ExecuteChangeSetInput{StackName: name, ChangeSetName: new(w.one("x", "y"))})
	case 9:
		_, _ = w.invokeInput(&cloudformation.CancelUpdateStackInput{StackName: name})
	case 10:
		_, _ = w.invokeInput(&cloudformation.RollbackStackInput{StackName: name})
	case 11:
		_, _ = w.invokeInput(&cloudformation.DeleteStackInput{StackName: name})
	case 12:
		w.putTemplates()
	case 13:
		in := &ecs.RegisterTaskDefinitionInput{Family: new(w.one("web", "api")), ContainerDefinitions: []ecstypes.ContainerDefinition{{Name: new("web"), Image: new(w.c.Registry() + "/" + w.one("app", "web") + ":" + w.one("v1", "v2", "latest", "gone"))}}}
		if w.chance(50) {
			in.ContainerDefinitions[0].HealthCheck = &ecstypes.HealthCheck{Command: []string{"CMD", "true"}}
		}
		_, _ = w.invokeInput(in)
	case 14:
		in := &ecs.CreateServiceInput{Cluster: cluster, ServiceName: service, TaskDefinition: new(w.one("web", "api")), DesiredCount: new(int32(w.IntN(4)))}
		if w.chance(60) {
			in.DeploymentConfiguration = w.configuration()
		}
		_, _ = w.invokeInput(in)
	case 15, 16:
		in := &ecs.UpdateServiceInput{Cluster: cluster, Service: service, ForceNewDeployment: w.chance(30)}
		if w.chance(60) {
			in.TaskDefinition = new(w.one("web", "api", w.text("taskDefinition")))
		}
		if w.chance(40) {
			in.DesiredCount = new(int32(w.IntN(4)))
		}
		if w.chance(20) {
			in.DeploymentConfiguration = w.configuration()
		}
		_, _ = w.invokeInput(in)
	case 17:
		_, _ = w.invokeInput(&ecs.DeleteServiceInput{Cluster: cluster, Service: service, Force: new(w.chance(80))})
	case 19: // a deployment that waits for somebody
		in := &ecs.UpdateServiceInput{Cluster: cluster, Service: service, ForceNewDeployment: true, DeploymentConfiguration: &ecstypes.DeploymentConfiguration{
			Strategy: ecstypes.DeploymentStrategyBlueGreen, BakeTimeInMinutes: new(int32(w.IntN(10))),
			LifecycleHooks: []ecstypes.DeploymentLifecycleHook{{TargetType: ecstypes.DeploymentLifecycleHookTargetTypePause, LifecycleStages: []ecstypes.DeploymentLifecycleHookStage{ecstypes.DeploymentLifecycleHookStagePreScaleUp, ecstypes.DeploymentLifecycleHookStagePostScaleUp}}},
		}}
		_, _ = w.invokeInput(in)
	case 20:
		_, _ = w.call("DescribeServices", map[string]any{"Cluster": "prod", "Services": []string{"web", "api"}})
		arn := w.text("serviceDeploymentArn")
		_, _ = w.invokeInput(&ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{arn}})
		_, _ = w.invokeInput(&ecs.ContinueServiceDeploymentInput{ServiceDeploymentArn: &arn, HookId: new(w.text("hookId")), Action: ecstypes.DeploymentLifecycleHookAction(w.one("CONTINUE", "ROLLBACK"))})
	case 18:
		_, _ = w.call("DescribeServices", map[string]any{"Cluster": "prod", "Services": []string{"web", "api"}})
		_, _ = w.invokeInput(&ecs.StopServiceDeploymentInput{ServiceDeploymentArn: new(w.text("serviceDeploymentArn"))})
	}
}

func (w *walk) configuration() *ecstypes.DeploymentConfiguration {
	return &ecstypes.DeploymentConfiguration{
		MinimumHealthyPercent: new(int32(w.IntN(3) * 50)), MaximumPercent: new(int32(100 + w.IntN(3)*50)),
		DeploymentCircuitBreaker: &ecstypes.DeploymentCircuitBreaker{Enable: w.chance(70), Rollback: w.chance(70)},
	}
}

// lock updates a stack so that something fails on the way there and on the way
// back.
func (w *walk) lock() {
	stack := w.one("a", "b")
	w.c.FailResource(stack, w.one("Topic", "Param", "Secret", "Service", "Second", "Child"), simtype.OnUpdate, "scripted")
	for range 1 + w.IntN(2) {
		w.c.FailResource(w.one(stack, "Child"), w.one("Topic", "Param", "Secret", "Task", "Service"), simtype.OnRollback, "scripted")
	}
	_, _ = w.invokeInput(&cloudformation.UpdateStackInput{StackName: &stack, UsePreviousTemplate: new(true), Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityNamedIam},
		Parameters: []cfntypes.Parameter{{ParameterKey: new("V"), ParameterValue: new(w.one("four", "five", "two"))}, {ParameterKey: new("W"), ParameterValue: new(w.one("four", "five"))}}})
	w.c.Advance(time.Duration(w.IntN(90)) * time.Minute)
}

// skips names what failed, in the stack and in its nested ones.
func (w *walk) skips(stack string) (entries []string) {
	for _, in := range append([]string{stack}, w.seen["stackid"]...) {
		out, err := w.call("DescribeStackResources", map[string]any{"StackName": in})
		if err != nil {
			continue
		}
		for _, r := range out.(*cloudformation.DescribeStackResourcesOutput).StackResources {
			if r.ResourceStatus != cfntypes.ResourceStatusUpdateFailed || w.chance(20) {
				continue
			}
			if *r.StackName == stack {
				entries = append(entries, *r.LogicalResourceId)
			} else if strings.HasPrefix(*r.StackName, stack+"-") {
				entries = append(entries, *r.StackName+"."+*r.LogicalResourceId)
			}
		}
	}
	slices.Sort(entries)
	return slices.Compact(entries)
}

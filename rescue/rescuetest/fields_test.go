package rescuetest

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sim/fields"
	"github.com/stackrescue/stackrescue/internal/sim/op"
)

// TestEveryMemberIsDecided walks every input of every operation, nested
// structures included: a member that fields.txt does not mention is new, and
// one that it mentions and the SDK lacks is gone. It prints the figures.
func TestEveryMemberIsDecided(t *testing.T) {
	t.Parallel()
	c := New()
	var all []op.Operation
	c.clock.Do(func() { all = c.in(c.region).table.All() })
	counts := map[string]map[fields.Kind]int{}
	seen := map[reflect.Type]bool{}
	var walk func(typ reflect.Type)
	walk = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(typ.Elem())
		case reflect.Struct:
			if seen[typ] || typ == reflect.TypeFor[time.Time]() {
				return
			}
			seen[typ] = true
			service, _, _ := strings.Cut(strings.ReplaceAll(fields.Name(typ), "/", "."), ".")
			if counts[service] == nil {
				counts[service] = map[fields.Kind]int{}
			}
			for f := range typ.Fields() {
				if f.IsExported() && f.Name != "ResultMetadata" {
					d := fields.Of(typ, f.Name)
					counts[service][d.Kind]++
					assert.NotEqual(t, fields.Undecided, d.Kind, "%s.%s", fields.Name(typ), f.Name)
					walk(f.Type)
				}
			}
		}
	}
	for _, o := range all {
		walk(o.In)
	}
	assert.Empty(t, fields.Unknown(slices.Collect(maps.Keys(seen))), "fields.txt mentions what the SDK does not have")
	for _, service := range slices.Sorted(maps.Keys(counts)) {
		n := counts[service]
		t.Logf("%-15s %4d simulated %4d inert %4d refused", service, n[fields.Simulated], n[fields.Inert], n[fields.Refused])
	}
}

// What the cloud does not simulate is refused by name, at both doors and in
// templates.
func TestRefusedByName(t *testing.T) {
	t.Parallel()
	hook := func(h ecstypes.DeploymentLifecycleHook) *ecs.UpdateServiceInput {
		return &ecs.UpdateServiceInput{Service: new("s"), DeploymentConfiguration: &ecstypes.DeploymentConfiguration{LifecycleHooks: []ecstypes.DeploymentLifecycleHook{h}}}
	}
	for want, in := range map[string]any{
		"ecs.UpdateService.DeploymentConfiguration.LifecycleHooks.TargetType: AWS_LAMBDA is not simulated, only PAUSE": hook(ecstypes.DeploymentLifecycleHook{TargetType: ecstypes.DeploymentLifecycleHookTargetTypeAwsLambda}),
		"ecs.UpdateService.DeploymentConfiguration.EarlySuccessCriteria.Enable: true is not simulated, only false":     &ecs.UpdateServiceInput{Service: new("s"), DeploymentConfiguration: &ecstypes.DeploymentConfiguration{EarlySuccessCriteria: &ecstypes.DeploymentEarlySuccessCriteria{Enable: true}}},
		"ecs.UpdateService.DeploymentConfiguration.Strategy: CANARY is not simulated, only ROLLING and BLUE_GREEN":     &ecs.UpdateServiceInput{Service: new("s"), DeploymentConfiguration: &ecstypes.DeploymentConfiguration{Strategy: ecstypes.DeploymentStrategyCanary}},
		"ecs.CreateService.DeploymentController.Type: EXTERNAL is not simulated, only ECS and CODE_DEPLOY":             &ecs.CreateServiceInput{ServiceName: new("s"), DeploymentController: &ecstypes.DeploymentController{Type: ecstypes.DeploymentControllerTypeExternal}},
		"ecs.CreateService.ServiceConnectConfiguration.Enabled":                                                        &ecs.CreateServiceInput{ServiceName: new("s"), ServiceConnectConfiguration: &ecstypes.ServiceConnectConfiguration{Enabled: true}},
		"ecs.CreateService.VolumeConfigurations: volumes of services":                                                  &ecs.CreateServiceInput{ServiceName: new("s"), VolumeConfigurations: []ecstypes.ServiceVolumeConfiguration{{Name: new("v")}}},
		"cloudformation.CreateChangeSet.DeploymentMode: drift-aware change sets":                                       &cloudformation.CreateChangeSetInput{StackName: new("s"), ChangeSetName: new("c"), DeploymentMode: cfntypes.DeploymentModeRevertDrift},
		"cloudformation.CreateChangeSet.ImportExistingResources: imports":                                              &cloudformation.CreateChangeSetInput{StackName: new("s"), ChangeSetName: new("c"), ImportExistingResources: new(true)},
		"cloudformation.UpdateStack.DeploymentConfig.Mode: EXPRESS is not simulated, only STANDARD":                    &cloudformation.UpdateStackInput{StackName: new("s"), DeploymentConfig: &cfntypes.DeploymentConfig{Mode: cfntypes.DeploymentConfigModeExpress}},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := New()
			for door, cfg := range map[string]aws.Config{"typed": c.Config(), "wire": c.WireConfig()} {
				err := send(t, cfg, in)
				var e smithy.APIError
				require.ErrorAs(t, err, &e, door)
				assert.Equal(t, fields.NotSimulated, e.ErrorCode(), door)
				assert.Contains(t, e.ErrorMessage(), want, door)
			}
		})
	}
}

func TestRefusedInTemplates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := New()
		client := cloudformation.NewFromConfig(c.Config())
		for name, tc := range map[string]struct{ body, want string }{
			"property": {`
Resources:
  T: {Type: AWS::ECS::TaskDefinition, Properties: {ContainerDefinitions: [{Name: a, Image: b, RestartPolicy: {Enabled: true}}]}}
`, "ContainerDefinitions.RestartPolicy.Enabled: true is not simulated"},
			"macro": {`
Transform: AWS::Serverless-2016-10-31
Resources:
  T: {Type: AWS::SNS::Topic}
`, ""},
		} {
			_, err := client.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: &name, TemplateBody: &tc.body, Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityAutoExpand}})
			if name == "macro" {
				require.ErrorContains(t, err, "NotSimulated: the simulated cloud refuses the transform AWS::Serverless-2016-10-31")
				continue
			}
			require.NoError(t, err)
			c.Advance(time.Hour)
			events, err := client.DescribeStackEvents(t.Context(), &cloudformation.DescribeStackEventsInput{StackName: &name})
			require.NoError(t, err)
			assert.Contains(t, fmt.Sprint(reasons(events.StackEvents)), tc.want)
		}
	})
}

func reasons(events []cfntypes.StackEvent) (texts []string) {
	for _, e := range events {
		if e.ResourceStatusReason != nil {
			texts = append(texts, *e.ResourceStatusReason)
		}
	}
	return texts
}

// send sends an input with a client of the service it is for.
func send(t *testing.T, cfg aws.Config, in any) error {
	t.Helper()
	var client any = cloudformation.NewFromConfig(cfg)
	if strings.HasSuffix(reflect.TypeOf(in).Elem().PkgPath(), "/ecs") {
		client = ecs.NewFromConfig(cfg)
	}
	name := strings.TrimSuffix(reflect.TypeOf(in).Elem().Name(), "Input")
	out := reflect.ValueOf(client).MethodByName(name).Call([]reflect.Value{reflect.ValueOf(t.Context()), reflect.ValueOf(in)})
	err, _ := out[1].Interface().(error)
	return err
}

// A switch with a value that there is not makes every call fail.
func TestUnknownSwitchValue(t *testing.T) {
	t.Parallel()
	c := New(func(o *Options) { o.Switches.CleanUp = "sometimes" })
	require.ErrorContains(t, send(t, c.Config(), &ecs.UpdateServiceInput{Service: new("s")}), `switch CleanUp has no value "sometimes": there are deregisters, keeps`)
}

// A value that its enumeration does not have is refused as AWS refuses it, at both
// doors and in templates.
func TestUnknownEnumValues(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := New()
		in := &cloudformation.CreateStackInput{StackName: new("s"), TemplateBody: new("Resources: {T: {Type: AWS::SNS::Topic}}"), OnFailure: "EXPLODE"}
		for _, cfg := range []aws.Config{c.Config(), c.WireConfig()} {
			require.ErrorContains(t, send(t, cfg, in), "ValidationError: 1 validation error detected: Value 'EXPLODE' at 'onFailure' failed to satisfy constraint: Member must satisfy enum value set: [DELETE, DO_NOTHING, ROLLBACK]")
		}
		client := cloudformation.NewFromConfig(c.Config())
		_, err := client.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: new("p"), TemplateBody: new("Resources: {P: {Type: AWS::SSM::Parameter, Properties: {Type: Text, Value: x}}}")})
		require.NoError(t, err)
		c.Advance(time.Hour)
		events, err := client.DescribeStackEvents(t.Context(), &cloudformation.DescribeStackEventsInput{StackName: new("p")})
		require.NoError(t, err)
		assert.Contains(t, fmt.Sprint(reasons(events.StackEvents)), "Member must satisfy enum value set")
	})
}

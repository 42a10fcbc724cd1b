package rescuetest

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secretstypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// notReplayed are members of recorded answers that the cloud does not give,
// with why. A "*" at the end stands for what is below.
var notReplayed = map[string]string{
	"ecs.DescribeClusters.clusters.serviceConnectDefaults*":  "Service Connect",
	"ecs.DescribeClusters.clusters.configuration*":           "cluster configuration",
	"ecs.DescribeClusters.clusters.settings.*":               "cluster settings",
	"ecs.DescribeServices.services.launchType":               "recorded beside capacity providers only by accounts of 2018",
	"ecs.UpdateService.service.launchType":                   "as above",
	"ecs.DeleteService.service.launchType":                   "as above",
	"ecs.DescribeServices.services.placementStrategy.*":      "placement on EC2",
	"ecs.UpdateService.service.placementStrategy.*":          "placement on EC2",
	"ecs.DeleteService.service.taskSets*":                    "CODE_DEPLOY and EXTERNAL deployments",
	"ecs.DescribeServices.services.taskSets*":                "CODE_DEPLOY and EXTERNAL deployments",
	"ecs.UpdateService.service.taskSets*":                    "CODE_DEPLOY and EXTERNAL deployments",
	"ecs.DescribeTasks.tasks.capacityProviderName":           "capacity providers",
	"ecs.DescribeTasks.tasks.containers.memoryReservation":   "EC2 tasks",
	"ecs.DescribeTasks.tasks.containers.reason":              "EC2 tasks: on Fargate the task has the reason",
	"secretsmanager.DescribeSecret.LastRotatedDate":          "rotation",
	"secretsmanager.DescribeSecret.NextRotationDate":         "rotation",
	"secretsmanager.DescribeSecret.Rotation*":                "rotation",
	"secretsmanager.DescribeSecret.OwningService":            "secrets that RDS owns have it",
	"secretsmanager.DescribeSecret.PrimaryRegion":            "replicas",
	"secretsmanager.DescribeSecret.ReplicationStatus*":       "replicas",
	"secretsmanager.ListSecrets.SecretList.LastRotatedDate":  "rotation",
	"secretsmanager.ListSecrets.SecretList.NextRotationDate": "rotation",
	"secretsmanager.ListSecrets.SecretList.Rotation*":        "rotation",
	"secretsmanager.ListSecrets.SecretList.PrimaryRegion":    "replicas",
}

// TestRecordedShapes compares which members real answers had with those of the
// cloud's: every member of a recorded answer of an operation that is simulated
// has to occur in a simulated one.
func TestRecordedShapes(t *testing.T) {
	t.Parallel()
	recorded := recordedMembers(t)
	given := map[string]bool{}
	operations := map[string]bool{}
	synctest.Test(t, func(t *testing.T) { richAccount(t, given, operations) })

	used := map[string]bool{}
	var left, elsewhere []string
	for _, path := range slices.Sorted(maps.Keys(recorded)) {
		service, rest, _ := strings.Cut(path, ".")
		operation, _, _ := strings.Cut(rest, ".")
		switch {
		case !operations[service+"."+operation]:
			if name := service + "." + operation; !slices.Contains(elsewhere, name) {
				elsewhere = append(elsewhere, name)
			}
		case given[strings.ToLower(path)]:
		default:
			known := ""
			for p := range notReplayed {
				stem, below := strings.CutSuffix(p, "*")
				if path == p || below && strings.HasPrefix(path, stem) {
					known = p
				}
			}
			if used[known] = true; known == "" {
				left = append(left, path)
			}
		}
	}
	assert.Empty(t, strings.Join(left, "\n"), "members of recorded answers that the cloud never gives")
	for p := range notReplayed {
		assert.True(t, used[p], "%s is given or not recorded: take it off the list", p)
	}
	t.Logf("%d members recorded; not replayed: %d kinds of members; operations not called here: %s", len(recorded), len(notReplayed), strings.Join(elsewhere, " "))
}

// recordedMembers are the paths of the members in the answers, without indexes.
func recordedMembers(t *testing.T) map[string]bool {
	t.Helper()
	shared := os.Getenv("STACKRESCUE_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	files, err := filepath.Glob(filepath.Join(shared, "recordings", "placebo", "*", "*.json"))
	require.NoError(t, err)
	if len(files) == 0 && os.Getenv("STACKRESCUE_NO_SKIP") != "1" {
		t.Skip("no recordings at hand (STACKRESCUE_SHARED names their folder)")
	}
	require.NotEmpty(t, files)
	paths := map[string]bool{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		var calls []struct {
			Operation string
			Status    int
			Data      map[string]any
		}
		require.NoError(t, json.Unmarshal(b, &calls), f)
		for _, c := range calls {
			if c.Status == 200 {
				jsonMembers(c.Operation, c.Data, paths)
			}
		}
	}
	return paths
}

func jsonMembers(path string, v any, paths map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if k == "ResponseMetadata" || strings.HasSuffix(path, "Options") || strings.HasSuffix(path, "options") || strings.HasSuffix(path, "dockerLabels") || strings.HasSuffix(path, "ToStages") || path == "logs.ListTagsForResource.tags" || strings.HasSuffix(path, "TemplateBody") {
				continue
			}
			paths[path+"."+k] = true
			jsonMembers(path+"."+k, e, paths)
		}
	case []any:
		for _, e := range v {
			jsonMembers(path, e, paths)
		}
	}
}

// richAccount calls what is recorded and notes the members of the answers.
func richAccount(t *testing.T, given, operations map[string]bool) {
	t.Helper()
	ctx := t.Context()
	in, err := ExpiredRollbackImage(ctx, func(o *IncidentOptions) { o.NoRateLimits = true })
	require.NoError(t, err)
	cfg := in.Cloud.Config()
	e, l, s, c := ecs.NewFromConfig(cfg), cloudwatchlogs.NewFromConfig(cfg), secretsmanager.NewFromConfig(cfg), cloudformation.NewFromConfig(cfg)
	note := func(out any, err error) {
		t.Helper()
		require.NoError(t, err)
		v := reflect.ValueOf(out).Elem()
		service := filepath.Base(v.Type().PkgPath())
		if service == "cloudwatchlogs" {
			service = "logs"
		}
		operation := service + "." + strings.TrimSuffix(v.Type().Name(), "Output")
		operations[operation] = true
		structMembers(strings.ToLower(operation), v, given)
	}
	tags := []ecstypes.Tag{{Key: aws.String("team"), Value: aws.String("web")}}
	prod, cluster := &in.Stack, &in.Cluster
	_, err = e.TagResource(ctx, &ecs.TagResourceInput{ResourceArn: aws.String("arn:aws:ecs:us-east-1:123456789012:cluster/" + in.Cluster), Tags: tags})
	require.NoError(t, err)
	note(e.ListClusters(ctx, &ecs.ListClustersInput{}))
	note(e.DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: []string{*cluster, "none"}, Include: []ecstypes.ClusterField{ecstypes.ClusterFieldTags}}))
	note(e.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{Family: aws.String("web"), Cpu: aws.String("256"), Memory: aws.String("512"), NetworkMode: ecstypes.NetworkModeAwsvpc, RuntimePlatform: &ecstypes.RuntimePlatform{CpuArchitecture: ecstypes.CPUArchitectureX8664, OperatingSystemFamily: ecstypes.OSFamilyLinux},
		ExecutionRoleArn: aws.String("arn:aws:iam::123456789012:role/x"), TaskRoleArn: aws.String("arn:aws:iam::123456789012:role/t"), RequiresCompatibilities: []ecstypes.Compatibility{ecstypes.CompatibilityFargate}, Tags: tags,
		Volumes: []ecstypes.Volume{{Name: aws.String("v"), Host: &ecstypes.HostVolumeProperties{SourcePath: aws.String("/x")}, EfsVolumeConfiguration: &ecstypes.EFSVolumeConfiguration{FileSystemId: aws.String("fs-1"), RootDirectory: aws.String("/"), TransitEncryption: ecstypes.EFSTransitEncryptionEnabled}}},
		ContainerDefinitions: []ecstypes.ContainerDefinition{{Name: aws.String("web"), Image: aws.String("nginx"), Cpu: 1, Memory: aws.Int32(128), MemoryReservation: aws.Int32(64), Command: []string{"x"}, EntryPoint: []string{"y"},
			ReadonlyRootFilesystem: aws.Bool(true), PseudoTerminal: aws.Bool(false), DnsServers: []string{"d"}, DnsSearchDomains: []string{"d"}, ExtraHosts: []ecstypes.HostEntry{{Hostname: aws.String("h"), IpAddress: aws.String("10.0.0.1")}}, Links: []string{"l"}, DockerSecurityOptions: []string{"o"},
			EnvironmentFiles: []ecstypes.EnvironmentFile{{Type: ecstypes.EnvironmentFileTypeS3, Value: aws.String("arn:aws:s3:::b/e")}}, LinuxParameters: &ecstypes.LinuxParameters{Capabilities: &ecstypes.KernelCapabilities{Add: []string{"x"}}, Devices: []ecstypes.Device{{HostPath: aws.String("/dev/x")}}}, Privileged: aws.Bool(false), DockerLabels: map[string]string{"role": "web"}, Secrets: []ecstypes.Secret{{Name: aws.String("A"), ValueFrom: aws.String("/a")}},
			PortMappings: []ecstypes.PortMapping{{ContainerPort: aws.Int32(80), HostPort: aws.Int32(80), Name: aws.String("http"), AppProtocol: ecstypes.ApplicationProtocolHttp, Protocol: ecstypes.TransportProtocolTcp}}, Environment: []ecstypes.KeyValuePair{{Name: aws.String("A"), Value: aws.String("b")}},
			MountPoints: []ecstypes.MountPoint{{SourceVolume: aws.String("v"), ContainerPath: aws.String("/data"), ReadOnly: aws.Bool(true)}}, LogConfiguration: &ecstypes.LogConfiguration{LogDriver: ecstypes.LogDriverAwslogs, Options: map[string]string{"awslogs-group": "/prod/backend"}}}}}))
	note(e.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String("web"), Include: []ecstypes.TaskDefinitionField{ecstypes.TaskDefinitionFieldTags}}))
	note(e.ListTaskDefinitions(ctx, &ecs.ListTaskDefinitionsInput{MaxResults: aws.Int32(1)}))
	in.Cloud.AddImage("nginx", nil)
	in.Cloud.AddImage("none", nil)
	in.Cloud.RemoveImage("none")
	lb := []ecstypes.LoadBalancer{{TargetGroupArn: aws.String("arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/1"), ContainerName: aws.String("app"), ContainerPort: aws.Int32(80)}}
	net := &ecstypes.NetworkConfiguration{AwsvpcConfiguration: &ecstypes.AwsVpcConfiguration{Subnets: []string{"subnet-1"}, SecurityGroups: []string{"sg-1"}, AssignPublicIp: ecstypes.AssignPublicIpEnabled}}
	note(e.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{Family: aws.String("plain"), Cpu: aws.String("256"), Memory: aws.String("512"), ContainerDefinitions: []ecstypes.ContainerDefinition{{Name: aws.String("app"), Image: aws.String("nginx")}}}))
	_, err = e.CreateService(ctx, &ecs.CreateServiceInput{Cluster: cluster, ServiceName: aws.String("web"), TaskDefinition: aws.String("plain"), DesiredCount: aws.Int32(1), LoadBalancers: lb, NetworkConfiguration: net, Tags: tags,
		HealthCheckGracePeriodSeconds: aws.Int32(5), CapacityProviderStrategy: []ecstypes.CapacityProviderStrategyItem{{CapacityProvider: aws.String("FARGATE"), Weight: 1}}, PlatformVersion: aws.String("LATEST"), ServiceRegistries: []ecstypes.ServiceRegistry{{RegistryArn: aws.String("arn:aws:servicediscovery:us-east-1:123456789012:service/s")}}})
	require.NoError(t, err)
	in.Cloud.Advance(10 * time.Minute)
	note(e.ListServices(ctx, &ecs.ListServicesInput{Cluster: cluster, MaxResults: aws.Int32(1)}))
	note(e.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: cluster, Services: []string{"web", "none"}, Include: []ecstypes.ServiceField{ecstypes.ServiceFieldTags}}))
	note(e.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: cluster, Service: aws.String("web"), NetworkConfiguration: net, DesiredCount: aws.Int32(2)}))
	run, err := e.RunTask(ctx, &ecs.RunTaskInput{Cluster: cluster, TaskDefinition: aws.String("plain"), StartedBy: aws.String("me"), Tags: tags, Overrides: &ecstypes.TaskOverride{ContainerOverrides: []ecstypes.ContainerOverride{{Name: aws.String("app")}}}})
	require.NoError(t, err)
	in.Cloud.Advance(5 * time.Minute)
	tasks, err := e.ListTasks(ctx, &ecs.ListTasksInput{Cluster: cluster})
	note(tasks, err)
	note(e.StopTask(ctx, &ecs.StopTaskInput{Cluster: cluster, Task: run.Tasks[0].TaskArn, Reason: aws.String("because")}))
	in.Cloud.Advance(5 * time.Minute)
	tasks.TaskArns = append(tasks.TaskArns, *run.Tasks[0].TaskArn)
	note(e.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: cluster, Tasks: append(tasks.TaskArns, "none"), Include: []ecstypes.TaskField{ecstypes.TaskFieldTags}}))
	arn := aws.String("arn:aws:ecs:us-east-1:123456789012:service/" + *cluster + "/web")
	note(e.TagResource(ctx, &ecs.TagResourceInput{ResourceArn: arn, Tags: tags}))
	note(e.ListTagsForResource(ctx, &ecs.ListTagsForResourceInput{ResourceArn: arn}))
	note(e.DeregisterTaskDefinition(ctx, &ecs.DeregisterTaskDefinitionInput{TaskDefinition: aws.String("web:1")}))
	note(e.DeleteService(ctx, &ecs.DeleteServiceInput{Cluster: cluster, Service: aws.String("web"), Force: aws.Bool(true)}))

	note(l.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/kept"), KmsKeyId: aws.String("arn:aws:kms:us-east-1:123456789012:key/1"), Tags: map[string]string{"a": "b"}}))
	note(l.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: aws.String("/kept"), RetentionInDays: aws.Int32(7)}))
	note(l.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String("/kept"), LogStreamName: aws.String("s")}))
	note(l.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{LogGroupName: aws.String("/kept"), LogStreamName: aws.String("s"), LogEvents: []logstypes.InputLogEvent{{Message: aws.String("m"), Timestamp: aws.Int64(in.Cloud.Now().UnixMilli())}}}))
	note(l.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{Limit: aws.Int32(1)}))
	note(l.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{}))
	in.Cloud.Advance(time.Minute)
	note(l.DescribeLogStreams(ctx, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: aws.String("/kept")}))
	note(l.DescribeLogStreams(ctx, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: aws.String("/prod/backend")}))
	note(l.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/kept"), LogStreamName: aws.String("s"), StartFromHead: aws.Bool(true)}))
	note(l.ListTagsForResource(ctx, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: aws.String("arn:aws:logs:us-east-1:123456789012:log-group:/kept")}))
	note(l.DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: aws.String("/kept")}))

	_, err = s.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String("app"), Description: aws.String("d"), KmsKeyId: aws.String("k"), SecretString: aws.String("s"), Tags: []secretstypes.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
	require.NoError(t, err)
	_, err = s.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("app")})
	require.NoError(t, err)
	note(s.UpdateSecret(ctx, &secretsmanager.UpdateSecretInput{SecretId: aws.String("app"), SecretString: aws.String("t")}))
	note(s.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String("app")}))
	note(s.ListSecrets(ctx, &secretsmanager.ListSecretsInput{}))
	note(s.ListSecretVersionIds(ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: aws.String("app")}))
	note(s.TagResource(ctx, &secretsmanager.TagResourceInput{SecretId: aws.String("app"), Tags: []secretstypes.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}))
	note(s.UntagResource(ctx, &secretsmanager.UntagResourceInput{SecretId: aws.String("app"), TagKeys: []string{"a"}}))
	note(s.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: aws.String("app")}))
	note(s.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String("app")}))

	note(c.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{}))
	note(c.DescribeStackEvents(ctx, &cloudformation.DescribeStackEventsInput{StackName: prod}))
	note(c.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: prod}))
	body := aws.String("Description: d\nParameters: {P: {Type: String, Default: a}}\nResources: {T: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Ref P}}}\nOutputs: {O: {Value: !Ref P, Description: o, Export: {Name: e}}}\n")
	note(c.CreateStack(ctx, &cloudformation.CreateStackInput{StackName: aws.String("s"), TemplateBody: body, ClientRequestToken: aws.String("t"), RoleARN: aws.String("arn:aws:iam::123456789012:role/c"), TimeoutInMinutes: aws.Int32(5),
		Tags: []cfntypes.Tag{{Key: aws.String("a"), Value: aws.String("b")}}, NotificationARNs: []string{"arn:aws:sns:us-east-1:123456789012:t"}, Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityIam}}))
	in.Cloud.Advance(5 * time.Minute)
	note(c.UpdateStack(ctx, &cloudformation.UpdateStackInput{StackName: aws.String("s"), UsePreviousTemplate: aws.Bool(true), Parameters: []cfntypes.Parameter{{ParameterKey: aws.String("P"), ParameterValue: aws.String("b")}}, Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityIam}}))
	in.Cloud.Advance(5 * time.Minute)
	_, err = c.CreateChangeSet(ctx, &cloudformation.CreateChangeSetInput{StackName: aws.String("s"), ChangeSetName: aws.String("c"), UsePreviousTemplate: aws.Bool(true), Parameters: []cfntypes.Parameter{{ParameterKey: aws.String("P"), ParameterValue: aws.String("c")}}})
	require.NoError(t, err)
	in.Cloud.Advance(time.Minute)
	_, err = c.ExecuteChangeSet(ctx, &cloudformation.ExecuteChangeSetInput{StackName: aws.String("s"), ChangeSetName: aws.String("c")})
	require.NoError(t, err)
	in.Cloud.Advance(5 * time.Minute)
	note(c.UpdateTerminationProtection(ctx, &cloudformation.UpdateTerminationProtectionInput{StackName: aws.String("s"), EnableTerminationProtection: aws.Bool(false)}))
	note(c.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String("s")}))
	note(c.DescribeStackEvents(ctx, &cloudformation.DescribeStackEventsInput{StackName: aws.String("s")}))
	created, err := c.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String("s")})
	require.NoError(t, err)
	note(c.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: aws.String("s")}))
	in.Cloud.Advance(5 * time.Minute)
	note(c.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: created.Stacks[0].StackId}))
}

// structMembers notes the members that are set, by the names of the SDK.
func structMembers(path string, v reflect.Value, given map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			structMembers(path, v.Elem(), given)
		}
	case reflect.Slice:
		for i := range v.Len() {
			structMembers(path, v.Index(i), given)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			given[path+"."+strings.ToLower(it.Key().String())] = true
		}
	case reflect.Struct:
		for f, x := range v.Fields() {
			nothing := (x.Kind() == reflect.Pointer || x.Kind() == reflect.Slice || x.Kind() == reflect.Map || x.Kind() == reflect.Interface) && x.IsNil() || x.Kind() == reflect.String && x.Len() == 0
			if f.IsExported() && f.Name != "ResultMetadata" && !nothing {
				given[path+"."+strings.ToLower(f.Name)] = true
				structMembers(path+"."+strings.ToLower(f.Name), x, given)
			}
		}
	}
}

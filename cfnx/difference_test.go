package cfnx_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

const wide = `
Parameters:
  Tag: {Type: String}
  Mode: {Type: String, Default: plain}
  Hush: {Type: String, NoEcho: true}
Mappings: {Size: {prod: {mem: 512}}}
Conditions: {Debug: !Equals [!Ref Mode, debug]}
Resources:
  Cluster: {Type: AWS::ECS::Cluster, Properties: {ClusterName: wide}}
  Logs: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /wide}}
  Queue: {Type: AWS::SQS::Queue}
  Param: {Type: AWS::SSM::Parameter, Properties: {Type: String, Name: /wide/key, Value: x}}
  Role: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}}}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: wide
      Cpu: .5 vCPU
      Memory: 1 GB
      NetworkMode: awsvpc
      RequiresCompatibilities: [FARGATE]
      ExecutionRoleArn: !GetAtt Role.Arn
      TaskRoleArn: !GetAtt Role.Arn
      Volumes: [{Name: data, Host: {SourcePath: /data}}, {Name: scratch}]
      ContainerDefinitions:
        - Name: web
          Image: !Sub "${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/wide:${Tag}"
          Command: [serve, "--port", 8080]
          EntryPoint: !If [Debug, [/debug], [/run]]
          Memory: !FindInMap [Size, prod, mem]
          PortMappings: [{ContainerPort: 8080}, {ContainerPort: 9090, Protocol: udp}]
          Environment:
            - {Name: QUEUE_URL, Value: !Ref Queue}
            - {Name: REGION, Value: !Ref AWS::Region}
            - {Name: STACK, Value: !Sub "${AWS::StackName}-web"}
            - !If [Debug, {Name: DEBUG, Value: "1"}, !Ref AWS::NoValue]
            - {Name: HUSH, Value: !Ref Hush}
            - {Name: ROLE, Value: !GetAtt Role.Arn}
          Secrets: [{Name: KEY, ValueFrom: !Ref Param}]
          HealthCheck: {Command: [CMD, "true"], Interval: 10, Retries: 3}
          MountPoints: [{ContainerPath: /data, SourceVolume: data}]
          LogConfiguration:
            LogDriver: awslogs
            Options: {awslogs-group: !Ref Logs, awslogs-region: !Ref AWS::Region, awslogs-stream-prefix: w}
          DependsOn: [{ContainerName: side, Condition: START}]
          Ulimits: [{Name: nofile, SoftLimit: 1024, HardLimit: 4096}]
        - {Name: side, Image: 123456789012.dkr.ecr.us-east-1.amazonaws.com/side:1, Essential: false, StopTimeout: 30}
  Service:
    Type: AWS::ECS::Service
    Properties: {ServiceName: web, Cluster: !Ref Cluster, TaskDefinition: !Ref Task, DesiredCount: 1}
`

// A stack that rests: what its template renders is what serves. Then each
// property that ECS knows is changed on the serving side, and is the one
// difference that is reported.
func TestServiceDifferencesSeesEveryProperty(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.push("wide", "v1", rescuetest.Runs())
		s.push("side", "1", rescuetest.Runs())
		s.create("web", wide, "Tag", "v1", "Hush", "very secret")
		d := s.draft("web")
		root := d.Tree.Root
		arn := *s.service("wide", "web").TaskDefinition
		recorded := s.revision(arn)
		diffs, err := d.ServiceDifferences(root, "Service", s.revision(arn), recorded)
		require.NoError(t, err)
		require.Empty(t, diffs)

		// Without the recorded revision the attributes and the hidden parameter
		// are not known, and nothing else.
		diffs, err = d.ServiceDifferences(root, "Service", s.revision(arn), nil)
		require.NoError(t, err)
		var open []string
		for _, x := range diffs {
			assert.Equal(t, "not-known", x.Kind)
			open = append(open, strings.TrimPrefix(x.Container+"."+x.Property, "."))
		}
		assert.Equal(t, []string{"ExecutionRoleArn", "TaskRoleArn", "web.Environment.HUSH", "web.Environment.ROLE"}, open)

		// What the AWS CLI prints is the same, and so is a digest in the place of
		// a value.
		text, err := json.Marshal(recorded)
		require.NoError(t, err)
		var m map[string]any
		require.NoError(t, json.Unmarshal(text, &m))
		sum := sha256.Sum256([]byte("very secret"))
		for _, e := range m["ContainerDefinitions"].([]any)[0].(map[string]any)["Environment"].([]any) {
			if e := e.(map[string]any); e["Name"] == "HUSH" {
				delete(e, "Value")
				e["valueSha256"] = hex.EncodeToString(sum[:])
			}
		}
		diffs, err = d.ServiceDifferences(root, "Service", lower(m), recorded)
		require.NoError(t, err)
		require.Empty(t, diffs)

		for want, change := range changes() {
			td := s.revision(arn)
			change(td, &td.ContainerDefinitions[0])
			diffs, err := d.ServiceDifferences(root, "Service", td, recorded)
			require.NoError(t, err)
			var got []string
			for _, x := range diffs {
				line := x.Property + " " + x.Kind
				if x.Container != "" {
					line = x.Container + "." + line
				}
				got = append(got, line)
				assert.Equal(t, []string{"web", "Task"}, []string{x.Stack, x.Resource})
			}
			assert.Equal(t, want, strings.Join(got, ", "))
		}
	})
}

// changes are changes of a revision of the wide template, by the differences that
// they are reported as.
func changes() map[string]func(td *ecstypes.TaskDefinition, c *ecstypes.ContainerDefinition) {
	return map[string]func(td *ecstypes.TaskDefinition, c *ecstypes.ContainerDefinition){
		"Cpu other-value":              func(td *ecstypes.TaskDefinition, _ *ecstypes.ContainerDefinition) { td.Cpu = new("1024") },
		"Memory other-value":           func(td *ecstypes.TaskDefinition, _ *ecstypes.ContainerDefinition) { td.Memory = new("2048") },
		"TaskRoleArn other-value":      func(td *ecstypes.TaskDefinition, _ *ecstypes.ContainerDefinition) { td.TaskRoleArn = new("arn:x") },
		"ExecutionRoleArn not-serving": func(td *ecstypes.TaskDefinition, _ *ecstypes.ContainerDefinition) { td.ExecutionRoleArn = nil },
		"NetworkMode other-value":      func(td *ecstypes.TaskDefinition, _ *ecstypes.ContainerDefinition) { td.NetworkMode = "host" },
		"RequiresCompatibilities other-value": func(td *ecstypes.TaskDefinition, _ *ecstypes.ContainerDefinition) {
			td.RequiresCompatibilities = []ecstypes.Compatibility{"EC2"}
		},
		"Volumes.more not-rendered": func(td *ecstypes.TaskDefinition, _ *ecstypes.ContainerDefinition) {
			td.Volumes = append(td.Volumes, ecstypes.Volume{Name: new("more")})
		},
		"Volumes.data.Host.SourcePath other-value": func(td *ecstypes.TaskDefinition, _ *ecstypes.ContainerDefinition) {
			td.Volumes[0].Host = &ecstypes.HostVolumeProperties{SourcePath: new("/other")}
		},
		"EphemeralStorage.SizeInGiB not-rendered": func(td *ecstypes.TaskDefinition, _ *ecstypes.ContainerDefinition) {
			td.EphemeralStorage = &ecstypes.EphemeralStorage{SizeInGiB: 40}
		},
		"web.Command other-value": func(_ *ecstypes.TaskDefinition, c *ecstypes.ContainerDefinition) {
			c.Command = []string{"serve", "--port", "80"}
		},
		"web.EntryPoint not-serving": func(_ *ecstypes.TaskDefinition, c *ecstypes.ContainerDefinition) { c.EntryPoint = nil },
		"web.Memory other-value":     func(_ *ecstypes.TaskDefinition, c *ecstypes.ContainerDefinition) { c.Memory = new(int32(1024)) },
		"web.Cpu not-rendered":       func(_ *ecstypes.TaskDefinition, c *ecstypes.ContainerDefinition) { c.Cpu = 256 },
		"web.Essential not-rendered": func(_ *ecstypes.TaskDefinition, c *ecstypes.ContainerDefinition) { c.Essential = new(false) },
		"web.Environment.SMTP_HOST not-rendered": func(_ *ecstypes.TaskDefinition, c *ecstypes.ContainerDefinition) {
			c.Environment = append(c.Environment, ecstypes.KeyValuePair{Name: new("SMTP_HOST"), Value: new("smtp")})
		},
		"web.Environment.QUEUE_URL not-serving": func(_ *ecstypes.TaskDefinition, c *ecstypes.ContainerDefinition) { c.Environment = c.Environment[1:] },
		"web.Environment.QUEUE_URL other-value": func(_ *ecstypes.TaskDefinition, c *ecstypes.ContainerDefinition) { c.Environment[0].Value = new("x") },
		"web.Secrets.KEY other-value":           func(_ *ecstypes.TaskDefinition, c *ecstypes.ContainerDefinition) { c.Secrets[0].ValueFrom = new("x") },
		"web.HealthCheck.Interval not-serving": func(_ *ecstypes.TaskDefinition, c *ecstypes.ContainerDefinition) {
			c.HealthCheck.Interval = new(int32(30))
		},
		"web.HealthCheck.Retries not-rendered": func(_ *ecstypes.TaskDefinition, c *ecstypes.ContainerDefinition) {
			c.HealthCheck.Retries = new(int32(5))
		},
		"web.HealthCheck.Command other-value": func(_ *ecstypes.TaskDefinition, c *ecstypes.ContainerDefinition) {
			c.HealthCheck.Command = []string{"CMD", "false"}
		},
		"web.MountPoints./data not-serving": func(_ *ecstypes.TaskDefinition, c *ecstypes.ContainerDefinition) { c.MountPoints = nil },
		"web.PortMappings.8080 not-serving": func(_ *ecstypes.TaskDefinition, c *ecstypes.ContainerDefinition) { c.PortMappings = c.PortMappings[1:] },
		"web.LogConfiguration.Options.awslogs-group other-value": func(_ *ecstypes.TaskDefinition, c *ecstypes.ContainerDefinition) {
			c.LogConfiguration.Options["awslogs-group"] = "/other"
		},
		"web.LogConfiguration.LogDriver other-value": func(_ *ecstypes.TaskDefinition, c *ecstypes.ContainerDefinition) {
			c.LogConfiguration.LogDriver = "fluentd"
		},
		"web.DependsOn.side.Condition other-value": func(_ *ecstypes.TaskDefinition, c *ecstypes.ContainerDefinition) {
			c.DependsOn[0].Condition = "HEALTHY"
		},
		"web.Ulimits.nofile.SoftLimit other-value": func(_ *ecstypes.TaskDefinition, c *ecstypes.ContainerDefinition) { c.Ulimits[0].SoftLimit = 2048 },
		"web.User not-rendered":                    func(_ *ecstypes.TaskDefinition, c *ecstypes.ContainerDefinition) { c.User = new("root") },
		"web.Privileged not-rendered":              func(_ *ecstypes.TaskDefinition, c *ecstypes.ContainerDefinition) { c.Privileged = new(true) },
		"web.DockerLabels.team not-rendered": func(_ *ecstypes.TaskDefinition, c *ecstypes.ContainerDefinition) {
			c.DockerLabels = map[string]string{"team": "x"}
		},
		"side. not-serving": func(td *ecstypes.TaskDefinition, _ *ecstypes.ContainerDefinition) {
			td.ContainerDefinitions = td.ContainerDefinitions[:1]
		},
		"proxy. not-rendered": func(td *ecstypes.TaskDefinition, _ *ecstypes.ContainerDefinition) {
			td.ContainerDefinitions = append(td.ContainerDefinitions, ecstypes.ContainerDefinition{Name: new("proxy"), Image: new("x"), Cpu: 12})
		},
		"": func(_ *ecstypes.TaskDefinition, c *ecstypes.ContainerDefinition) { c.Image = new("another:image") },
	}
}

// lower writes keys as the AWS CLI does, but for those of the user's own.
func lower(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			if k == "Options" {
				out["options"] = x
				continue
			}
			out[strings.ToLower(k[:1])+k[1:]] = lower(x)
		}
		return out
	case []any:
		for i := range v {
			v[i] = lower(v[i])
		}
	}
	return v
}

// What the update brought beside the image is not in the template that the
// stack goes back to: the savepoint would not be what serves.
func TestDifferencesOfAStuckStack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.push("wide", "v1", rescuetest.Runs())
		s.push("side", "1", rescuetest.Runs())
		s.push("wide", "v2", rescuetest.Exits(1, 5*time.Second, "no"))
		body := strings.Replace(wide, "DesiredCount: 1}", "DesiredCount: 1, DeploymentConfiguration: {DeploymentCircuitBreaker: {Enable: true, Rollback: true}}}", 1)
		s.create("web", body, "Tag", "v1", "Hush", "very secret")
		s.cloud.FailResource("web", "Service", simtype.OnRollback, "Rate exceeded")
		next := strings.NewReplacer("{Name: REGION", "{Name: SMTP_HOST, Value: smtp.internal}\n            - {Name: REGION", "Memory: 1 GB", "Memory: 2 GB").Replace(body)
		require.Equal(t, "UPDATE_ROLLBACK_FAILED", s.update("web", next, "Tag", "v2", "Hush", "very secret"))
		d := s.draft("web")
		root := d.Tree.Root
		was, is := root.Recorded("Task"), ""
		for _, e := range root.Forward() {
			if e.LogicalID == "Task" {
				is = e.PhysicalID
			}
		}
		require.NotEqual(t, was, is)
		diffs, err := d.ServiceDifferences(root, "Service", s.revision(is), s.revision(was))
		require.NoError(t, err)
		var lines []string
		for _, x := range diffs {
			lines = append(lines, x.String())
			assert.NotContains(t, x.String(), "smtp.internal")
		}
		assert.Equal(t, []string{
			"stack web: Task: Memory: the template sets another value",
			"stack web: Task: container web: Environment.SMTP_HOST: the template does not set it",
		}, lines)

		// Were the template that of the failed update, it would render what
		// serves, but it is not what the stack goes back to.
		root.Template = []byte(next)
		d, err = d.Tree.NewDraft(t.Context(), nil)
		require.NoError(t, err)
		diffs, err = d.ServiceDifferences(root, "Service", s.revision(is), s.revision(was))
		require.NoError(t, err)
		require.Len(t, diffs, 2)
		for _, x := range diffs {
			assert.Equal(t, "not-known", x.Kind)
		}
	})
}

// A parameter of Systems Manager is read again by the update: what was recorded
// is no proof of what it will be.
func TestWhatIsReadAgainIsNotKnown(t *testing.T) {
	t.Parallel()
	body := `Parameters: {Level: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /level}}
Resources:
  Task: {Type: AWS::ECS::TaskDefinition, Properties: {ContainerDefinitions: [{Name: a, Image: x:1, Environment: [{Name: LEVEL, Value: !Ref Level}, {Name: ZONE, Value: !ImportValue zone}, {Name: PW, Value: '{{resolve:secretsmanager:pw}}'}]}]}}
  Service: {Type: AWS::ECS::Service, Properties: {TaskDefinition: !Ref Task}}
  Far: {Type: AWS::ECS::Service, Properties: {TaskDefinition: !ImportValue task}}
`
	d, err := flat(body).NewDraft(t.Context(), nil)
	require.NoError(t, err)
	env := func(kv ...string) map[string]any {
		var list []any
		for i := 0; i < len(kv); i += 2 {
			list = append(list, map[string]any{"name": kv[i], "value": kv[i+1]})
		}
		return map[string]any{"containerDefinitions": []any{map[string]any{"name": "a", "image": "x:1", "environment": list}}}
	}
	all := env("LEVEL", "info", "ZONE", "z", "PW", "p")
	diffs, err := d.ServiceDifferences(d.Tree.Root, "Service", all, all)
	require.NoError(t, err)
	require.Len(t, diffs, 2)
	assert.Equal(t, []string{"Environment.LEVEL", "Environment.PW"}, []string{diffs[0].Property, diffs[1].Property})
	assert.Equal(t, "ssm", diffs[0].Sources[0].Kind)
	assert.Equal(t, "/level", diffs[0].Sources[0].Name)
	diffs, err = d.ServiceDifferences(d.Tree.Root, "Far", all, all)
	require.NoError(t, err)
	require.Len(t, diffs, 1)
	assert.Equal(t, []string{"Far", "TaskDefinition"}, []string{diffs[0].Resource, diffs[0].Property})
}

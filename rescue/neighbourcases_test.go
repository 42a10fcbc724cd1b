package rescue_test

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// lock is [site.stuck] with any two templates.
func lock(old, next string, kv ...string) func(*site) {
	return func(s *site) {
		d := s.push("v1")
		s.push("w1")
		s.pushFailing("v2")
		s.create(old, kv...)
		s.deleteImage(d)
		require.EqualValues(s.t, "UPDATE_ROLLBACK_FAILED", s.update(next, kv...))
	}
}

// jam is lock for services that go on serving: the rollback of the service is
// refused.
func jam(old, next string, then ...func(*site)) func(*site) {
	return func(s *site) {
		s.push("v1")
		s.push("w1")
		s.pushFailing("v2")
		s.create(old)
		s.cloud.FailResource("prod", "Web", simtype.OnRollback, throttled)
		require.EqualValues(s.t, "UPDATE_ROLLBACK_FAILED", s.update(next))
		time.Sleep(20 * time.Minute)
		for _, f := range then {
			f(s)
		}
	}
}

// gone deletes the image of a tag.
func gone(tag string) func(*site) { return func(s *site) { s.deleteImage(s.push(tag)) } }

// beside is [web] with a second service on the same task definition.
func beside(tag string, edits ...string) string {
	body := web(tag, edits...)
	_, service, _ := strings.Cut(body, "  Web:\n")
	return body + strings.NewReplacer("ServiceName: web", "ServiceName: api").Replace("  Api:\n"+service)
}

// sharing is [web] and a worker whose images have the tag of one parameter.
func sharing() string {
	return "Parameters: {Tag: {Type: String}}" + strings.ReplaceAll(strings.ReplaceAll(web("v1")+worker(), "app:v1", "app:${Tag}"), "app:w1", "app:${Tag}")
}

// both is [beside] whose services keep serving while they are deployed.
func both(tag string) string {
	return strings.ReplaceAll(beside(tag), "MinimumHealthyPercent: 0, MaximumPercent: 100", "MinimumHealthyPercent: 100, MaximumPercent: 200")
}

func (s *site) skipByHand(logicalID string) {
	_, err := s.cfn.ContinueUpdateRollback(s.t.Context(), &cloudformation.ContinueUpdateRollbackInput{StackName: aws.String("prod"), ResourcesToSkip: []string{logicalID}})
	require.NoError(s.t, err)
	require.EqualValues(s.t, "UPDATE_ROLLBACK_COMPLETE", s.rest("prod"))
}

func (s *site) putTemplate(key, body string) {
	bucket := s3.NewFromConfig(s.cloud.Config())
	if _, err := bucket.CreateBucket(s.t.Context(), &s3.CreateBucketInput{Bucket: aws.String("templates")}); err != nil {
		s.t.Log(err)
	}
	_, err := bucket.PutObject(s.t.Context(), &s3.PutObjectInput{Bucket: aws.String("templates"), Key: &key, Body: strings.NewReader(body)})
	require.NoError(s.t, err)
}

func (s *site) deregisterNow(revision string) {
	_, err := s.ecs.DeregisterTaskDefinition(s.t.Context(), &ecs.DeregisterTaskDefinitionInput{TaskDefinition: &revision})
	require.NoError(s.t, err)
}

// split is a task definition in one nested stack and its service in another.
func split(s *site, tag string) string {
	head, service, _ := strings.Cut(web(tag), "  Web:\n")
	s.putTemplate("defs-"+tag+".yaml", head+"Outputs: {Task: {Value: !Ref Task}, Cluster: {Value: !Ref Cluster}}\n")
	s.putTemplate("app.yaml", "Parameters: {Task: {Type: String}, Cluster: {Type: String}}\nResources:\n  Web:\n"+service)
	url := "https://templates.s3.us-east-1.amazonaws.com/"
	return "Resources:\n  Defs: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: \"" + url + "defs-" + tag + ".yaml\"}}\n" +
		"  App: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: \"" + url + "app.yaml\", Parameters: {Task: !GetAtt Defs.Outputs.Task, Cluster: !GetAtt Defs.Outputs.Cluster}}}\n"
}

var sidecar = []string{"        - Name: web\n", "        - {Name: proxy, Essential: true, Image: !Sub \"${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/app:side1\"}\n        - Name: web\n"}

// neighbours are the incidents, by name.
func neighbours() map[string]neighbour {
	count := func(line string) []string { return []string{"DesiredCount: 2", line} }
	return map[string]neighbour{
		"split nested": {forward: "rescued", prepare: func(s *site) {
			old := s.push("v1")
			s.pushFailing("v2")
			s.create(split(s, "v1"))
			s.deleteImage(old)
			require.EqualValues(s.t, "UPDATE_ROLLBACK_FAILED", s.update(split(s, "v2")))
		}},
		"two on one definition":          {forward: "rescued", prepare: lock(beside("v1"), beside("v2"))},
		"two on one definition, rolling": {forward: "rescued", prepare: jam(both("v1"), both("v2"))},
		"one tag parameter": {forward: "rescued", prepare: func(s *site) {
			old := s.push("v1")
			s.pushFailing("v2")
			s.create(sharing(), "Tag", "v1")
			s.deleteImage(old)
			require.EqualValues(s.t, "UPDATE_ROLLBACK_FAILED", s.update(sharing(), "Tag", "v2"))
		}},
		"one tag parameter, one waits": {forward: "rescued", prepare: func(s *site) {
			old := s.push("v1")
			s.pushFailing("v2")
			body := strings.Replace(sharing(), "  Worker:\n    Type: AWS::ECS::Service\n", "  Worker:\n    Type: AWS::ECS::Service\n    DependsOn: Web\n", 1)
			s.create(body, "Tag", "v1")
			s.deleteImage(old)
			require.EqualValues(s.t, "UPDATE_ROLLBACK_FAILED", s.update(body, "Tag", "v2"))
		}},
		"count by mapping": {forward: "rescued", prepare: func(s *site) {
			lock("Mappings: {M: {a: {n: 2}}}"+web("v1", count("DesiredCount: !FindInMap [M, a, n]")...), "Mappings: {M: {a: {n: 2}}}"+web("v2", count("DesiredCount: !FindInMap [M, a, n]")...))(s)
			s.scale(3)
		}},
		"count by if": {forward: "rescued", prepare: func(s *site) {
			head := "Parameters: {Big: {Type: String, Default: 'no'}}\nConditions: {IsBig: !Equals [!Ref Big, 'yes']}"
			lock(head+web("v1", count("DesiredCount: !If [IsBig, 4, 2]")...), head+web("v2", count("DesiredCount: !If [IsBig, 4, 2]")...))(s)
			s.scale(3)
		}},
		"sidecar gone": {forward: "rescued", prepare: func(s *site) {
			side := s.push("side1")
			s.push("side2")
			s.push("v1")
			s.pushFailing("v2")
			s.create(web("v1", sidecar...))
			s.deleteImage(side)
			require.EqualValues(s.t, "UPDATE_ROLLBACK_FAILED", s.update(strings.ReplaceAll(web("v2", sidecar...), "side1", "side2")))
		}},
		"by digest": {forward: "rescued", prepare: func(s *site) {
			old := s.push("v1")
			next := s.pushFailing("v2")
			s.create(strings.ReplaceAll(web("v1"), "app:v1", "app@"+old))
			s.deleteImage(old)
			require.EqualValues(s.t, "UPDATE_ROLLBACK_FAILED", s.update(strings.ReplaceAll(web("v2"), "app:v2", "app@"+next)))
		}},
		"same tag, other variable": {forward: "rescued", prepare: func(s *site) {
			old := s.push("v2")
			s.create(web("v2"))
			s.deleteImage(old)
			s.pushFailing("v2")
			st := s.update(web("v2", with("Environment: [{Name: MODE, Value: x}]")...))
			require.EqualValues(s.t, "UPDATE_ROLLBACK_FAILED", st)
		}},
		"only a variable":               {forward: "served-with-debt", prepare: lock(web("v1"), web("v2", with("Environment: [{Name: PASSWORD, Value: hunter2}]")...))},
		"only a command":                {forward: "rescued", prepare: lock(web("v1"), web("v2", with("Command: [serve, --fast]")...))},
		"cluster by parameter":          {forward: "rescued", prepare: lock("Parameters: {C: {Type: String}}"+web("v1", "Cluster: !Ref Cluster", "Cluster: !Ref C", "    Type: AWS::ECS::Service\n", "    Type: AWS::ECS::Service\n    DependsOn: Cluster\n"), "Parameters: {C: {Type: String}}"+web("v2", "Cluster: !Ref Cluster", "Cluster: !Ref C", "    Type: AWS::ECS::Service\n", "    Type: AWS::ECS::Service\n    DependsOn: Cluster\n"), "C", "prod")},
		"rolling":                       {forward: "rescued", prepare: jam(web("v1", rolling...), web("v2", rolling...))},
		"rolling, gone":                 {forward: "refused", prepare: jam(web("v1", rolling...), web("v2", rolling...), gone("v1"))},
		"rolling, no rollback":          {forward: "refused", prepare: jam(web("v1", append(rolling[:2:2], "Rollback: true", "Rollback: false")...), web("v2", append(rolling[:2:2], "Rollback: true", "Rollback: false")...))},
		"rolling, no rollback, gone":    {forward: "refused", prepare: jam(web("v1", append(rolling[:2:2], "Rollback: true", "Rollback: false")...), web("v2", append(rolling[:2:2], "Rollback: true", "Rollback: false")...), gone("v1"))},
		"both on one, gone":             {forward: "refused", prepare: jam(both("v1"), both("v2"), gone("v1"))},
		"renamed family, rolling, gone": {forward: "refused", prepare: jam(web("v1", rolling...), web("v2", append(rolling[:2:2], "Family: web", "Family: shop")...), gone("v1"))},
		"no breaker, cancelled, rolling": {forward: "refused", prepare: func(s *site) {
			off := slices.Concat(rolling, []string{"DeploymentCircuitBreaker: {Enable: true, Rollback: true}", "DeploymentCircuitBreaker: {Enable: false, Rollback: false}"})
			s.push("v1")
			s.pushFailing("v2")
			s.create(web("v1", off...))
			s.cloud.FailResource("prod", "Web", simtype.OnRollback, throttled)
			s.begin(web("v2", off...))
			time.Sleep(20 * time.Minute)
			_, err := s.cfn.CancelUpdateStack(s.t.Context(), &cloudformation.CancelUpdateStackInput{StackName: aws.String("prod")})
			require.NoError(s.t, err)
			require.EqualValues(s.t, "UPDATE_ROLLBACK_FAILED", s.rest("prod"))
		}},
		"hung": {forward: "refused", prepare: func(s *site) {
			off := []string{"DeploymentCircuitBreaker: {Enable: true, Rollback: true}", "DeploymentCircuitBreaker: {Enable: false, Rollback: false}"}
			old := s.push("v1")
			s.pushFailing("v2")
			s.create(web("v1", off...))
			s.deleteImage(old)
			s.begin(web("v2", off...))
			time.Sleep(20 * time.Minute)
		}},
		"update failed, rolled back, skipped by hand": {forward: "rescued", prepare: func(s *site) {
			s.stuck()
			s.skipByHand("Web")
		}},
		"skipped by hand, then failed again": {forward: "rescued", prepare: func(s *site) {
			s.stuck()
			s.skipByHand("Web")
			s.pushFailing("v3")
			require.EqualValues(s.t, "UPDATE_ROLLBACK_FAILED", s.update(web("v3")))
		}},
		"two failed in turn": {forward: "refused", prepare: jam(web("v1", rolling...)+worker(rolling...), strings.Replace(strings.Replace(web("v2", rolling...), "    Type: AWS::ECS::Service\n", "    Type: AWS::ECS::Service\n    DependsOn: Worker\n", 1)+strings.ReplaceAll(worker(rolling...), "app:w1", "app:v1"), "!!", "", 1), gone("w1"))},
		"worker serves its new one": {forward: "refused", prepare: func(s *site) {
			s.push("w2")
			jam(web("v1", rolling...)+worker(rolling...), strings.Replace(web("v2", rolling...), "    Type: AWS::ECS::Service\n", "    Type: AWS::ECS::Service\n    DependsOn: Worker\n", 1)+strings.ReplaceAll(worker(rolling...), "app:w1", "app:w2"), gone("v1"))(s)
		}},
		"worker serves its new one, old gone": {forward: "refused", prepare: func(s *site) {
			s.push("w2")
			jam(web("v1", rolling...)+worker(rolling...), strings.Replace(web("v2", rolling...), "    Type: AWS::ECS::Service\n", "    Type: AWS::ECS::Service\n    DependsOn: Worker\n", 1)+strings.ReplaceAll(worker(rolling...), "app:w1", "app:w2"), gone("v1"), gone("w1"))(s)
		}},
		"scaled to zero by hand":                         {forward: "refused", prepare: func(s *site) { s.stuck(); s.scale(0) }},
		"deleted by hand":                                {forward: "refused", prepare: func(s *site) { s.stuck(); s.deleteService() }},
		"minimum zero, served by hand":                   {forward: "rescued", prepare: func(s *site) { s.stuck(); s.mended = true; s.serve("web:2") }},
		"minimum zero, served by hand, both images gone": {forward: "refused", prepare: func(s *site) { s.stuck(); s.mended = true; s.serve("web:2"); s.deleteImage(s.push("v2")) }},
		"moved tag": {forward: "rescued", prepare: func(s *site) {
			s.stuck()
			s.pushProgram("v2", func(c *simtype.Container) { c.SetHealthy(true); c.Print("other") })
		}},
		"days later":      {forward: "rescued", prepare: func(s *site) { s.stuck(); time.Sleep(5 * 24 * time.Hour) }},
		"capacity":        {forward: "rescued", prepare: func(s *site) { s.stuck(); s.cloud.SetCapacity(2) }},
		"new secret":      {forward: "served-with-debt", prepare: lock(web("v1"), web("v2", with("Secrets: [{Name: KEY, ValueFrom: !Ref Key}]")...)+"  Key: {Type: AWS::SecretsManager::Secret, Properties: {Name: app/key, SecretString: hunter2}}\n")},
		"balanced":        {forward: "refused", prepare: jam(balanced("v1"), balanced("v2"), gone("v1"))},
		"daemon":          {forward: "rescued", prepare: lock(web("v1", "      DesiredCount: 2\n", "      SchedulingStrategy: DAEMON\n"), web("v2", "      DesiredCount: 2\n", "      SchedulingStrategy: DAEMON\n"))},
		"old is inactive": {forward: "rescued", prepare: func(s *site) { s.stuck(); s.deregisterNow("web:1") }},
		"new is inactive": {forward: "rescued", prepare: func(s *site) { s.stuck(); s.deregisterNow("web:2") }},
		"renamed service, serves, a later one failed": {forward: "refused", prepare: func(s *site) {
			s.push("v1")
			s.push("v2")
			s.create(ordered("v1", "7", "a"))
			s.cloud.FailResource("prod", "Topic", simtype.OnUpdate, "Invalid parameter")
			s.cloud.FailResource("prod", "Db", simtype.OnRollback, "not in available state")
			require.EqualValues(s.t, "UPDATE_ROLLBACK_FAILED", s.update(strings.Replace(ordered("v2", "14", "b"), "ServiceName: web", "ServiceName: web2", 1)))
			s.deleteImage(s.push("v1"))
		}},
		"new cluster, serves, a later one failed": {forward: "refused", prepare: func(s *site) {
			s.push("v1")
			s.push("v2")
			s.create(ordered("v1", "7", "a"))
			s.cloud.FailResource("prod", "Topic", simtype.OnUpdate, "Invalid parameter")
			s.cloud.FailResource("prod", "Db", simtype.OnRollback, "not in available state")
			require.EqualValues(s.t, "UPDATE_ROLLBACK_FAILED", s.update(strings.Replace(ordered("v2", "14", "b"), "Cluster: !Ref Cluster", "Cluster: !Ref Cluster2", 1)+"  Cluster2: {Type: AWS::ECS::Cluster, Properties: {ClusterName: prod2}}\n"))
		}},
		"new service serves, a later one failed": {forward: "refused", prepare: func(s *site) {
			s.push("v1")
			s.push("w1")
			s.create(ordered("v1", "7", "a"))
			s.cloud.FailResource("prod", "Topic", simtype.OnUpdate, "Invalid parameter")
			s.cloud.FailResource("prod", "Db", simtype.OnRollback, "not in available state")
			body := strings.Replace(ordered("v1", "14", "b"), "DependsOn: Web", "DependsOn: Worker", 1)
			require.EqualValues(s.t, "UPDATE_ROLLBACK_FAILED", s.update(body+worker()))
		}},
		"scaled only, a later one failed": {forward: "rescued", prepare: func(s *site) {
			s.push("v1")
			s.create(ordered("v1", "7", "a"))
			s.cloud.FailResource("prod", "Topic", simtype.OnUpdate, "Invalid parameter")
			s.cloud.FailResource("prod", "Db", simtype.OnRollback, "not in available state")
			require.EqualValues(s.t, "UPDATE_ROLLBACK_FAILED", s.update(strings.Replace(ordered("v1", "14", "b"), "DesiredCount: 2", "DesiredCount: 4", 1)))
		}},
		"settings only, a later one failed": {forward: "rescued", prepare: func(s *site) {
			s.push("v1")
			s.create(ordered("v1", "7", "a"))
			s.cloud.FailResource("prod", "Topic", simtype.OnUpdate, "Invalid parameter")
			s.cloud.FailResource("prod", "Db", simtype.OnRollback, "not in available state")
			require.EqualValues(s.t, "UPDATE_ROLLBACK_FAILED", s.update(strings.Replace(ordered("v1", "14", "b"), "MinimumHealthyPercent: 0, MaximumPercent: 100", "MinimumHealthyPercent: 100, MaximumPercent: 200", 1)))
		}},
		"definition only, service not reached": {forward: "refused", prepare: func(s *site) {
			s.push("v1")
			s.push("v2")
			s.create(ordered("v1", "7", "a"))
			s.cloud.FailResource("prod", "Web", simtype.OnUpdate, "Rate exceeded")
			s.cloud.FailResource("prod", "Db", simtype.OnRollback, "not in available state")
			require.EqualValues(s.t, "UPDATE_ROLLBACK_FAILED", s.update(ordered("v2", "14", "b")))
			s.deleteImage(s.push("v1"))
		}},
		"served by hand from the old, rolling": {forward: "rescued", prepare: func(s *site) {
			jam(web("v1", rolling...), web("v2", rolling...))(s)
			s.push("v3")
			s.serve(s.handMade("web:1", func(c *ecstypes.ContainerDefinition) {
				c.Image = aws.String(strings.Replace(*c.Image, ":v1", ":v3", 1))
			}))
		}},
		"down, and a worker served on what is gone": {forward: "served-with-debt", prepare: func(s *site) {
			two := func(tag string) string { return web(tag) + worker(rolling...) }
			lock(two("v1"), two("v2"))(s)
			s.deleteImage(s.push("w1"))
		}},
		"down, worker scaled to zero": {forward: "served-with-debt", prepare: func(s *site) {
			two := func(tag string) string { return web(tag) + worker("DesiredCount: 2", "DesiredCount: 0") }
			lock(two("v1"), two("v2"))(s)
			s.deleteImage(s.push("w1"))
		}},
		"down, worker scaled to zero by hand": {forward: "partly", prepare: func(s *site) {
			two := func(tag string) string { return web(tag) + worker() }
			lock(two("v1"), two("v2"))(s)
			s.scaleOf("worker", 0)
		}},
		"down, worker deleted by hand": {forward: "partly", prepare: func(s *site) {
			two := func(tag string) string { return web(tag) + worker() }
			lock(two("v1"), two("v2"))(s)
			_, err := s.ecs.DeleteService(s.t.Context(), &ecs.DeleteServiceInput{Cluster: aws.String("prod"), Service: aws.String("worker"), Force: aws.Bool(true)})
			require.NoError(s.t, err)
			time.Sleep(2 * time.Hour)
		}},
		"scaled by hand, rolling": {forward: "rescued", prepare: func(s *site) { jam(web("v1", rolling...), web("v2", rolling...))(s); s.scale(5) }},
		"created with zero, update wants two, serves": {forward: "refused", prepare: func(s *site) {
			s.push("v1")
			s.create(strings.Replace(ordered("v1", "7", "a"), "DesiredCount: 2", "DesiredCount: 0", 1))
			s.cloud.FailResource("prod", "Topic", simtype.OnUpdate, "Invalid parameter")
			s.cloud.FailResource("prod", "Db", simtype.OnRollback, "not in available state")
			require.EqualValues(s.t, "UPDATE_ROLLBACK_FAILED", s.update(ordered("v1", "14", "b")))
		}},
		"down, worker failing by hand": {forward: "rescued", prepare: func(s *site) {
			two := func(tag string) string { return web(tag) + worker(rolling...) }
			lock(two("v1"), two("v2"))(s)
			s.pushProgram("w9", func(c *simtype.Container) { c.After(5*time.Second, func() { c.Exit(1) }) })
			bad := s.handMade("worker:1", func(c *ecstypes.ContainerDefinition) {
				c.Image = aws.String(strings.Replace(*c.Image, ":w1", ":w9", 1))
			})
			_, err := s.ecs.UpdateService(s.t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: aws.String("worker"), TaskDefinition: &bad})
			require.NoError(s.t, err)
			time.Sleep(time.Hour)
		}},
		"renamed family":     {forward: "rescued", prepare: lock(web("v1"), web("v2", "Family: web", "Family: shop"))},
		"no service name":    {forward: "rescued", prepare: lock(web("v1", "      ServiceName: web\n", ""), web("v2", "      ServiceName: web\n", ""))},
		"no family, no name": {forward: "rescued", prepare: lock(web("v1", "      Family: web\n", "", "      ServiceName: web\n", ""), web("v2", "      Family: web\n", "", "      ServiceName: web\n", ""))},
		"scaled by update":   {forward: "rescued", prepare: lock(web("v1"), web("v2", "DesiredCount: 2", "DesiredCount: 4"))},
		"adds a container": {forward: "rescued", prepare: func(s *site) {
			s.push("side1")
			lock(web("v1"), web("v2", sidecar...))(s)
		}},
		"drops a container": {forward: "rescued", prepare: func(s *site) {
			s.push("side1")
			lock(web("v1", sidecar...), web("v2"))(s)
		}},
		"drops a service":    {forward: "rescued", prepare: lock(web("v1")+worker(), web("v2"))},
		"new service waits":  {forward: "rescued", prepare: lock(web("v1"), web("v2")+strings.Replace(worker(), "  Worker:\n    Type: AWS::ECS::Service\n", "  Worker:\n    Type: AWS::ECS::Service\n    DependsOn: Web\n", 1))},
		"new retained queue": {forward: "served-with-debt", prepare: lock(web("v1"), web("v2", with("Environment: [{Name: Q, Value: !Ref Jobs}]")...)+"  Jobs: {Type: AWS::SQS::Queue, DeletionPolicy: Retain}\n")},
		"new queue":          {forward: "served-with-debt", prepare: lock(web("v1"), web("v2", with("Environment: [{Name: Q, Value: !Ref Jobs}]")...)+"  Jobs: {Type: AWS::SQS::Queue}\n")},
		"new log group":      {forward: "served-with-debt", prepare: lock(web("v1"), strings.Replace(web("v2"), "awslogs-group: !Ref Logs", "awslogs-group: !Ref Logs2", 1)+"  Logs2: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /web2}}\n")},
		"new role":           {forward: "served-with-debt", prepare: lock(web("v1"), web("v2", "      Family: web\n", "      Family: web\n      TaskRoleArn: !GetAtt Role.Arn\n")+"  Role: {Type: AWS::IAM::Role, Properties: {RoleName: web-new, AssumeRolePolicyDocument: {Version: '2012-10-17', Statement: []}}}\n")},
		"other resource only": {forward: "rescued", prepare: func(s *site) {
			s.push("v1")
			s.create(ordered("v1", "7", "a"))
			s.cloud.FailResource("prod", "Topic", simtype.OnUpdate, "Invalid parameter")
			s.cloud.FailResource("prod", "Db", simtype.OnRollback, "not in available state")
			require.EqualValues(s.t, "UPDATE_ROLLBACK_FAILED", s.update(ordered("v1", "14", "b")))
		}},
		"no service": {forward: "rescued", prepare: func(s *site) {
			body := func(n string) string {
				return "Resources:\n  A: {Type: AWS::SNS::Topic, Properties: {DisplayName: " + n + "}}\n  B: {Type: AWS::SNS::Topic, DependsOn: A, Properties: {DisplayName: " + n + "}}\n"
			}
			s.create(body("a"))
			s.cloud.FailResource("prod", "B", simtype.OnUpdate, "Invalid parameter")
			s.cloud.FailResource("prod", "A", simtype.OnRollback, throttled)
			require.EqualValues(s.t, "UPDATE_ROLLBACK_FAILED", s.update(body("b")))
		}},
		"lambda beside": {forward: "served-with-debt", prepare: func(s *site) {
			fn := "  Fn: {Type: AWS::Lambda::Function, Properties: {PackageType: Image, Role: 'arn:aws:iam::123456789012:role/x', Code: {ImageUri: !Sub \"${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/app:fn1\"}}}\n"
			d := s.push("fn1")
			old := s.push("v1")
			s.pushFailing("v2")
			s.create(web("v1") + fn)
			s.deleteImage(old)
			require.EqualValues(s.t, "UPDATE_ROLLBACK_FAILED", s.update(web("v2")+fn))
			s.deleteImage(d)
		}},
		"scheduled task beside": {forward: "rescued", prepare: func(s *site) {
			job := "  Job: {Type: AWS::ECS::TaskDefinition, Properties: {Family: job, ContainerDefinitions: [{Name: job, Memory: 64, Image: !Sub \"${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/app:v1\"}]}}\n"
			lock(web("v1")+job, web("v2")+strings.Replace(job, "app:v1", "app:v2", 1))(s)
		}},
		"hung, cancelled": {forward: "rescued", prepare: func(s *site) {
			off := []string{"DeploymentCircuitBreaker: {Enable: true, Rollback: true}", "DeploymentCircuitBreaker: {Enable: false, Rollback: false}"}
			old := s.push("v1")
			s.pushFailing("v2")
			s.create(web("v1", off...))
			s.deleteImage(old)
			s.begin(web("v2", off...))
			time.Sleep(20 * time.Minute)
			_, err := s.cfn.CancelUpdateStack(s.t.Context(), &cloudformation.CancelUpdateStackInput{StackName: aws.String("prod")})
			require.NoError(s.t, err)
			require.EqualValues(s.t, "UPDATE_ROLLBACK_FAILED", s.rest("prod"))
		}},
		"hand-made variable": {forward: "rescued", prepare: func(s *site) {
			s.stuck()
			s.mended = true
			s.serve(s.handMade("web:2", func(c *ecstypes.ContainerDefinition) {
				c.Environment = append(c.Environment, ecstypes.KeyValuePair{Name: aws.String("URL"), Value: aws.String("http://x")})
			}))
		}},
		"hand-made image": {forward: "rescued", prepare: func(s *site) {
			s.stuck()
			s.push("v3")
			s.serve(s.handMade("web:2", func(c *ecstypes.ContainerDefinition) {
				c.Image = aws.String(strings.Replace(*c.Image, ":v2", ":v3", 1))
			}))
		}},
		"hand-made from the old": {forward: "rescued", prepare: func(s *site) {
			s.stuck()
			s.push("v3")
			s.serve(s.handMade("web:1", func(c *ecstypes.ContainerDefinition) {
				c.Image = aws.String(strings.Replace(*c.Image, ":v1", ":v3", 1))
			}))
		}},
		"hand-made, rolling, scaled": {forward: "rescued", prepare: func(s *site) {
			jam(web("v1", rolling...), web("v2", rolling...), gone("v1"))(s)
			s.push("v3")
			s.serve(s.handMade("web:2", func(c *ecstypes.ContainerDefinition) {
				c.Image = aws.String(strings.Replace(*c.Image, ":v2", ":v3", 1))
			}))
			s.scale(5)
		}},
		"second worker served": {forward: "refused", prepare: jam(web("v1", rolling...)+worker(rolling...), web("v2", rolling...)+worker(rolling...), gone("v1"), gone("w1"))},
		"worker took v1 too and serves": {forward: "refused", prepare: func(s *site) {
			two := func(tag string) string {
				return web(tag, rolling...) + strings.ReplaceAll(worker(rolling...), "app:w1", "app:v1")
			}
			jam(two("v1"), two("v2"), gone("v1"))(s)
		}},
	}
}

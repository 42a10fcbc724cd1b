package cfnsim

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

const rootTemplate = `
Parameters:
  Image: {Type: String}
Resources:
  Network:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: https://templates.s3.eu-central-1.amazonaws.com/network.yaml
  Database:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: https://s3.eu-central-1.amazonaws.com/templates/database.yaml
      Parameters: {Size: db.t4g.medium}
  App:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: https://templates.s3.amazonaws.com/app.yaml
      Parameters:
        Image: !Ref Image
        Secret: !GetAtt Database.Outputs.SecretArn
        Subnet: !GetAtt Network.Outputs.Subnet
Outputs:
  Service: {Value: !GetAtt App.Outputs.Service}
  Secret: {Value: !GetAtt Database.Outputs.SecretArn, Export: {Name: !Sub "${AWS::StackName}-secret"}}
`

const networkTemplate = `
Resources:
  VPC: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  Subnet: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref VPC, CidrBlock: !Select [0, !Cidr [10.0.0.0/16, 2, 8]]}}
Outputs:
  Subnet: {Value: !Ref Subnet}
`

const databaseTemplate = `
Parameters:
  Size: {Type: String}
Resources:
  DB:
    Type: AWS::RDS::DBInstance
    DeletionPolicy: Snapshot
    Properties: {Engine: postgres, DBInstanceClass: !Ref Size, MasterUsername: app, ManageMasterUserPassword: true}
Outputs:
  SecretArn: {Value: !GetAtt DB.MasterUserSecret.SecretArn}
  Host: {Value: !GetAtt DB.Endpoint.Address}
`

const appTemplate = `
Parameters:
  Image: {Type: String}
  Secret: {Type: String}
  Subnet: {Type: String}
Resources:
  Repo:
    Type: AWS::ECR::Repository
    Properties: {LifecyclePolicy: {LifecyclePolicyText: '{"rules":[]}'}}
  Logs: {Type: AWS::Logs::LogGroup, Properties: {RetentionInDays: 7}}
  Cluster: {Type: AWS::ECS::Cluster}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: app
      Cpu: "256"
      ContainerDefinitions:
        - Name: backend
          Image: !Ref Image
          Memory: "512"
          Secrets: [{Name: DB, ValueFrom: !Ref Secret}]
          LogConfiguration: {LogDriver: awslogs, Options: {awslogs-group: !Ref Logs}}
        - {Name: backend-nginx, Image: nginx, Essential: "true"}
  Service:
    Type: AWS::ECS::Service
    Properties:
      ServiceName: backend
      Cluster: !Ref Cluster
      TaskDefinition: !Ref Task
      DesiredCount: 2
      DeploymentConfiguration: {DeploymentCircuitBreaker: {Enable: true, Rollback: true}}
  Dashboard:
    Type: AWS::CloudWatch::Dashboard
    Properties: {DashboardBody: !GetAtt Service.Name}
Outputs:
  Service: {Value: !GetAtt Service.Name}
`

// stuck is the incident up to the failed rollback.
func stuck(t *testing.T, sw *simtype.Switches) (s *sim, app string) {
	s = newSim(t, sw)
	s.put("network.yaml", networkTemplate)
	s.put("database.yaml", databaseTemplate)
	s.put("app.yaml", appTemplate)
	s.do(func() { s.cloud.images["app:1"], s.cloud.images["nginx"] = true, true })
	require.Equal(t, types.StackStatusCreateComplete, s.create("prod", rootTemplate, "Image", "app:1"), s.events("prod", 0))
	app = s.child("prod", "App")
	s.do(func() { s.cloud.images["app:1"] = false }) // the lifecycle policy
	require.Equal(t, types.StackStatusUpdateRollbackFailed, s.update("prod", rootTemplate, "Image", "app:2"))
	return s, app
}

func TestIncident(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, app := stuck(t, nil)
		assert.Regexp(t, `^prod-App-[A-Z0-9]{13}$`, app)
		assert.Equal(t, types.StackStatusUpdateRollbackFailed, s.stack(app).StackStatus)
		assert.Equal(t, *s.stack("prod").StackId, *s.stack(app).RootId)
		before := s.outputs("prod")
		assert.Equal(t, "backend", before["Service"])
		assert.Contains(t, before["Secret"], "rds!db-")
		reason := *s.stack("prod").StackStatusReason
		assert.Equal(t, "The following resource(s) failed to update: [App]. ", reason)

		breaker := `Resource handler returned message: "Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'."`
		var got []string
		n := 0
		for i, e := range s.events(app, 0) {
			if strings.Contains(e, " UPDATE_IN_PROGRESS User Initiated") {
				n = i
			}
		}
		for _, e := range s.events(app, n) {
			e, _, _ = strings.Cut(e, " (RequestToken")
			got = append(got, strings.Replace(e, app, "app", 1))
		}
		assert.Equal(t, []string{
			"app UPDATE_IN_PROGRESS User Initiated",
			"Task UPDATE_IN_PROGRESS Requested update requires the creation of a new physical resource; hence creating one.",
			"Task UPDATE_IN_PROGRESS Resource creation Initiated",
			"Task UPDATE_COMPLETE",
			"Service UPDATE_IN_PROGRESS",
			"Service UPDATE_FAILED " + breaker,
			"app UPDATE_ROLLBACK_IN_PROGRESS The following resource(s) failed to update: [Service].",
			"Task UPDATE_COMPLETE",
			"Service UPDATE_IN_PROGRESS",
			"Service UPDATE_FAILED " + breaker,
			"app UPDATE_ROLLBACK_FAILED The following resource(s) failed to update: [Service].",
		}, got)

		// The parent points at the child, twice.
		var embedded []string
		for _, e := range s.events("prod", 0) {
			if strings.HasPrefix(e, "App UPDATE_FAILED") {
				embedded = append(embedded, e)
			}
		}
		id := *s.stack(app).StackId
		assert.Equal(t, []string{
			"App UPDATE_FAILED Embedded stack " + id + " was not successfully updated. Currently in UPDATE_ROLLBACK_IN_PROGRESS with reason: The following resource(s) failed to update: [Service].",
			"App UPDATE_FAILED Embedded stack " + id + " was not successfully updated. Currently in UPDATE_ROLLBACK_FAILED with reason: The following resource(s) failed to update: [Service].",
		}, embedded)

		// Continuing fails again, every time.
		_, err := s.ContinueUpdateRollback(s.ctx, &cloudformation.ContinueUpdateRollbackInput{StackName: ptr("prod")})
		require.NoError(t, err)
		assert.Equal(t, types.StackStatusUpdateRollbackFailed, s.rest("prod"))

		for _, bad := range [][]string{{"Service"}, {"App.Service"}, {"prod.App.Service"}, {app + ".Task"}, {app + ".Nope"}, {"App"}} {
			_, err := s.ContinueUpdateRollback(s.ctx, &cloudformation.ContinueUpdateRollbackInput{StackName: ptr("prod"), ResourcesToSkip: bad})
			assert.ErrorContains(t, err, "ValidationError", "%v", bad)
		}
		_, err = s.ContinueUpdateRollback(s.ctx, &cloudformation.ContinueUpdateRollbackInput{StackName: &app})
		assert.ErrorContains(t, err, "child")

		// Skipping the service gets out.
		_, err = s.ContinueUpdateRollback(s.ctx, &cloudformation.ContinueUpdateRollbackInput{StackName: ptr("prod"), ResourcesToSkip: []string{app + ".Service"}, ClientRequestToken: ptr("t1")})
		require.NoError(t, err)
		assert.Equal(t, types.StackStatusUpdateRollbackComplete, s.rest("prod"))
		assert.Equal(t, types.StackStatusUpdateRollbackComplete, s.stack(app).StackStatus)
		assert.Contains(t, s.events(app, 0), "Service UPDATE_COMPLETE Resource skipped during UpdateRollback")
		assert.Equal(t, before, s.outputs("prod"))
		assert.Equal(t, "DeregisterTaskDefinition app:2", s.cloud.calls[len(s.cloud.calls)-1])

		// The next update with images that exist is clean.
		s.do(func() { s.cloud.images["app:3"] = true })
		assert.Equal(t, types.StackStatusUpdateComplete, s.update("prod", rootTemplate, "Image", "app:3"))
		assert.Equal(t, types.StackStatusUpdateComplete, s.stack(app).StackStatus)
		assert.Equal(t, before, s.outputs("prod"))
	})
}

// The way out works under every value of every switch that this package
// reads, and in pairs. Stale reads have a test of their own.
func TestIncidentUnderEverySwitch(t *testing.T) {
	var sets []func(*simtype.Switches)
	for _, value := range new(simtype.Switches).Values()["OutputsAfterSkip"] {
		sets = append(sets, func(s *simtype.Switches) { s.OutputsAfterSkip = value })
	}
	sets = append(sets,
		func(s *simtype.Switches) { s.ForceRollback = "failed-only" },
		func(s *simtype.Switches) { s.ForceRollback = "unknown" },
		func(s *simtype.Switches) { s.SkipValidation = "relaxed" },
		func(s *simtype.Switches) { s.SameTemplateURL = "not-fetched" },
		func(s *simtype.Switches) { s.DesiredCount = "always" },
		func(s *simtype.Switches) { s.NoDifferenceAfterSkip = "to-last-sent" },
		func(s *simtype.Switches) { s.NestedChangeSets = "false-replacement" },
		func(s *simtype.Switches) { s.CleanUp = "keeps" },
		func(s *simtype.Switches) { s.DisableRollbackReplacement = "allowed" },
		func(s *simtype.Switches) { s.NestedSiblings = "clean-up" },
	)
	for i := range sets {
		for j := range sets[:i+1] {
			synctest.Test(t, func(t *testing.T) {
				var sw simtype.Switches
				sets[i](&sw)
				sets[j](&sw)
				s, app := stuck(t, &sw)
				require.Equal(t, types.StackStatusUpdateRollbackComplete, s.skip("prod", app+".Service"), "%+v", sw)
				require.Equal(t, types.StackStatusUpdateRollbackComplete, s.stack(app).StackStatus)
				s.do(func() { s.cloud.images["app:3"] = true })
				require.Equal(t, types.StackStatusUpdateComplete, s.update("prod", rootTemplate, "Image", "app:3"), "%+v\n%v", sw, s.events("prod", 0))
			})
		}
	}
}

func TestContinueWithTheImageBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, app := stuck(t, nil)
		s.do(func() { s.cloud.images["app:1"] = true })
		_, err := s.ContinueUpdateRollback(s.ctx, &cloudformation.ContinueUpdateRollbackInput{StackName: ptr("prod")})
		require.NoError(t, err)
		assert.Equal(t, types.StackStatusUpdateRollbackComplete, s.rest("prod"))
		assert.Equal(t, types.StackStatusUpdateRollbackComplete, s.stack(app).StackStatus)
	})
}

func TestForceRollback(t *testing.T) {
	for sw, want := range map[string]types.StackStatus{
		"failed-and-failing": types.StackStatusUpdateRollbackComplete,
		"failed-only":        types.StackStatusUpdateRollbackComplete,
	} {
		synctest.Test(t, func(t *testing.T) {
			s, _ := stuck(t, &simtype.Switches{ForceRollback: sw})
			_, err := s.ContinueUpdateRollback(s.ctx, &cloudformation.ContinueUpdateRollbackInput{StackName: ptr("prod"), ForceRollback: ptr(true)})
			require.NoError(t, err)
			assert.Equal(t, want, s.rest("prod"))
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s, _ := stuck(t, &simtype.Switches{ForceRollback: "unknown"})
		_, err := s.ContinueUpdateRollback(s.ctx, &cloudformation.ContinueUpdateRollbackInput{StackName: ptr("prod"), ForceRollback: ptr(true)})
		assert.ErrorContains(t, err, "ValidationError")
	})
}

// A skipped database loses its outputs, the next parent update fails on them,
// and a nested change restores them.
func TestOutputsAfterSkip(t *testing.T) {
	for mode, lost := range map[string]bool{
		"kept": false, "dropped": true, "stale": false, "child-dropped": true,
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSim(t, &simtype.Switches{OutputsAfterSkip: mode})
			s.put("network.yaml", networkTemplate)
			s.put("database.yaml", databaseTemplate)
			s.put("app.yaml", appTemplate)
			s.do(func() { s.cloud.images["app:1"], s.cloud.images["nginx"] = true, true })
			require.Equal(t, types.StackStatusCreateComplete, s.create("prod", rootTemplate, "Image", "app:1"))
			db := s.child("prod", "Database")
			bigger := strings.Replace(rootTemplate, "db.t4g.medium", "db.t4g.large", 1)
			s.do(func() {
				s.svc.FailNext(db, "DB", simtype.OnUpdate, BeforeHandler, "no capacity")
				s.svc.FailNext(db, "DB", simtype.OnRollback, BeforeHandler, "still no capacity")
			})
			require.Equal(t, types.StackStatusUpdateRollbackFailed, s.update("prod", bigger, "Image", "app:1"))
			_, err := s.ContinueUpdateRollback(s.ctx, &cloudformation.ContinueUpdateRollbackInput{StackName: ptr("prod"), ResourcesToSkip: []string{db + ".DB"}})
			require.NoError(t, err)
			require.Equal(t, types.StackStatusUpdateRollbackComplete, s.rest("prod"))
			_, has := s.outputs(db)["SecretArn"]
			assert.Equal(t, lost, !has, mode)
			_, rootHas := s.outputs("prod")["Secret"]
			assert.Equal(t, mode == "dropped", !rootHas, mode)

			s.do(func() { s.cloud.images["app:2"] = true })
			got := s.update("prod", rootTemplate, "Image", "app:2")
			if !lost {
				assert.Equal(t, types.StackStatusUpdateComplete, got, mode)
				return
			}
			assert.Equal(t, types.StackStatusUpdateRollbackComplete, got, mode)
			assert.Contains(t, strings.Join(s.events("prod", 0), "\n"), "Output 'SecretArn' not found in stack '"+*s.stack(db).StackId+"'")
			s.put("database.yaml", databaseTemplate+"  More: {Value: x}\n")
			assert.Equal(t, types.StackStatusUpdateComplete, s.update("prod", rootTemplate, "Image", "app:2"), mode)
			assert.Contains(t, s.outputs("prod"), "Secret")
		})
	}
}

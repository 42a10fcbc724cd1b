package rescue_test

import (
	"strings"
	"testing"
	"time"

	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// ordered is a stack in which a database is updated before the service and a
// topic after it.
func ordered(tag, days, label string) string {
	return strings.Replace(web(tag), "    Type: AWS::ECS::Service\n", "    Type: AWS::ECS::Service\n    DependsOn: Db\n", 1) + `
  Db: {Type: AWS::RDS::DBInstance, Properties: {Engine: postgres, DBInstanceClass: db.t3.micro, AllocatedStorage: "20", BackupRetentionPeriod: ` + days + `, MasterUsername: u, ManageMasterUserPassword: true}}
  Topic: {Type: AWS::SNS::Topic, DependsOn: Web, Properties: {DisplayName: ` + label + `}}
`
}

// The service is fine on its new revision; a later resource failed, and the
// rollback stopped before it reached the service. Continuing it would deploy
// the old revision to users who are served: refused, but on the way back.
func TestUnlockThatDeploysIsRefused(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.push("v1")
		s.push("v2")
		s.create(ordered("v1", "7", "a"))
		s.cloud.FailResource("prod", "Topic", simtype.OnUpdate, "Invalid parameter: DisplayName")
		s.cloud.FailResource("prod", "Db", simtype.OnRollback, "Database instance is not in available state.")
		require.Equal(t, cfntypes.StackStatusUpdateRollbackFailed, s.update(ordered("v2", "14", "b")))
		time.Sleep(5 * time.Minute)
		require.Equal(t, "2 of 2 run web:2", s.counts())
		before := s.starts["v1"]
		s.cloud.ForgetCalls()
		for _, direction := range []rescue.Direction{rescue.Forward, rescue.Hold} {
			s.refuses(rescue.Choices{Direction: direction}, rescue.ErrDirection, "would deploy web:1 to service prod/web", "cannot be skipped")
			s.refuses(rescue.Choices{Direction: direction, Force: true}, rescue.ErrDirection, "web:1")
		}
		require.Empty(t, s.mutated())
		require.Equal(t, before, s.starts["v1"])
		_, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Back})
		require.NoError(t, err)
	})
}

// What the clean-up deletes cannot be stopped: data, and what the revision to
// keep refers to, end the plan before the unlock. Users are served all the same.
func TestUnlockThatDeletesStopsBefore(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		resources string
		facts     []string
	}{
		"a table":           {"  Orders: {Type: AWS::DynamoDB::Table, Properties: {TableName: orders}}\n", []string{"Orders", "deleted with its data"}},
		"a bucket, a queue": {"  Files: {Type: AWS::S3::Bucket, Properties: {BucketName: files-new}}\n  Jobs: {Type: AWS::SQS::Queue}\n", []string{"Files", "Jobs"}},
		"a secret":          {"  Key: {Type: AWS::SecretsManager::Secret, Properties: {Name: app/key, SecretString: x}}\n", []string{"Key", "deleted with its data"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				old := s.push("v1")
				s.create(web("v1"))
				s.deleteImage(old)
				s.pushFailing("v2")
				require.Equal(t, cfntypes.StackStatusUpdateRollbackFailed, s.update(web("v2")+test.resources))
				s.refuses(rescue.Choices{Direction: rescue.Hold}, rescue.ErrDirection, test.facts...)
				p := s.stops(rescue.Choices{Direction: rescue.Forward}, "unlock", test.facts...)
				s.mended = true
				r, err := s.run(p)
				require.NoError(t, err, r)
				require.Equal(t, rescue.Result("served-with-debt"), r.Result)
				require.Equal(t, "2 of 2 run web:3", s.counts())
				require.Empty(t, s.deleted())
			})
		})
	}
}

// A log group, a topic or whatever else holds no data is no reason to refuse,
// as long as the revision to keep does not name it.
func TestUnlockThatDeletesWhatTheServiceUsesIsRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		uses    bool
		refused bool
	}{"used": {true, true}, "not used": {false, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				old := s.push("v1")
				s.create(web("v1"))
				s.deleteImage(old)
				s.pushFailing("v2")
				var edits []string
				if test.uses {
					edits = with("Environment: [{Name: TOPIC, Value: !Ref News}]")
				}
				body := web("v2", edits...) + "  News: {Type: AWS::SNS::Topic, Properties: {TopicName: news}}\n"
				require.Equal(t, cfntypes.StackStatusUpdateRollbackFailed, s.update(body))
				s.mended = true
				s.serve("web:2")
				require.Equal(t, "2 of 2 run web:2", s.counts())
				if test.refused {
					s.refuses(rescue.Choices{Direction: rescue.Hold}, rescue.ErrDirection, "News", "used by prod/web", "TOPIC")
					return
				}
				_, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Hold})
				require.NoError(t, err)
			})
		})
	}
}

// An export with the revision's ARN that another stack imports makes the
// savepoint fail after it has deployed: there is none. Where it is not known who
// imports it, the stack is not unlocked.
func TestSavepointAgainstAnImportedExport(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		job, deny string
		before    rescue.Kind
	}{
		"imported":                {"Resources:\n  R: {Type: AWS::SSM::Parameter, Properties: {Type: String, Name: /job/task, Value: !ImportValue web-task}}\n", "", "savepoint"},
		"who imports is not read": {"", "cloudformation:ListImports", "unlock"},
		"nobody imports it":       {"", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				const out = "Outputs:\n  Task: {Value: !Ref Task, Export: {Name: web-task}}\n"
				old := s.push("v1")
				s.create(web("v1") + out)
				if test.job != "" {
					s.createStack("job", test.job)
				}
				s.deleteImage(old)
				s.pushFailing("v2")
				require.Equal(t, cfntypes.StackStatusUpdateRollbackFailed, s.update(web("v2")+out))
				if test.deny != "" {
					s.deny(test.deny)
				}
				s.mended = true
				p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward})
				require.NoError(t, err)
				want := rescue.Result("rescued")
				if test.before != "" {
					requireStop(t, p, test.before, "web-task")
					require.Equal(t, test.deny != "", p.Stop.Unknown)
					want = "served-with-debt"
				}
				r, err := s.run(p)
				require.NoError(t, err, r)
				require.Equal(t, want, r.Result)
			})
		})
	}
}

package rescue_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// A stack whose users are served is healthy only where what a rollback needs was
// seen. Each read that it rests on, denied, makes that unknown, with its name.
func TestHealthyOnlyWhereThatWasSeen(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		action string
		says   string
	}{
		"nothing of ECS":        {"ecs:*", "DescribeServices"},
		"the services":          {"ecs:DescribeServices", "DescribeServices"},
		"the definitions":       {"ecs:DescribeTaskDefinition", "web:1"},
		"the images":            {"ecr:DescribeImages", "app:v1"},
		"nothing of ECR":        {"ecr:*", "app:v1"},
		"the templates":         {"cloudformation:GetTemplate", "template of stack prod"},
		"the events":            {"cloudformation:DescribeStackEvents", "events of stack prod"},
		"the resources":         {"cloudformation:ListStackResources", "resources of stack prod"},
		"the log groups":        {"logs:DescribeLogGroups", "log group /web"},
		"the secrets":           {"secretsmanager:DescribeSecret", "secret "},
		"nothing that CI needs": {"*", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				s.push("v1")
				s.create(web("v1", with("Secrets: [{Name: KEY, ValueFrom: !Ref Key}]")...) + "  Key: {Type: AWS::SecretsManager::Secret, Properties: {Name: app/key, SecretString: x}}\n")
				require.Equal(t, rescue.Situation("healthy"), s.diagnose().Situation, s.diagnose())
				s.deny(test.action)
				if test.action == "*" {
					_, err := rescue.Diagnose(t.Context(), s.cloud.Config(), "prod")
					require.ErrorIs(t, err, rescue.ErrNoAccess)
					return
				}
				d := s.diagnose()
				require.Equal(t, rescue.Situation("unknown"), d.Situation, d)
				require.Contains(t, d.Advice, test.says)
				_, err := rescue.MakePlan(d, rescue.Choices{Direction: rescue.Forward})
				require.ErrorIs(t, err, rescue.ErrUnknown)
			})
		})
	}
}

// What is gone is debt, whatever kind of thing it is that the recorded revision needs.
func TestARecordedRevisionThatCannotRunIsDebt(t *testing.T) {
	t.Parallel()
	key := "  Key: {Type: AWS::SecretsManager::Secret, Properties: {Name: app/key, SecretString: x}}\n"
	for name, test := range map[string]struct {
		breaks func(*site)
		says   string
	}{
		"its image is gone":   {func(s *site) { s.deleteImage(s.push("v1")) }, "app:v1 is missing"},
		"it is deregistered":  {func(s *site) { s.deregisterNow("web:1") }, "web:1, is INACTIVE"},
		"its secret is gone":  {func(s *site) { s.deleteSecret("app/key", true) }, "secret arn:aws:secretsmanager"},
		"its secret is going": {func(s *site) { s.deleteSecret("app/key", false) }, "it is to be deleted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				s.push("v1")
				s.create(web("v1", with("Secrets: [{Name: KEY, ValueFrom: !Ref Key}]")...) + key)
				test.breaks(s)
				d := s.diagnose()
				require.Equal(t, rescue.UserState("served"), d.Users[0].State)
				require.Equal(t, rescue.Situation("degraded"), d.Situation, d)
				require.Contains(t, d.String(), test.says)
			})
		})
	}
}

func (s *site) deleteSecret(name string, now bool) {
	in := &secretsmanager.DeleteSecretInput{SecretId: &name}
	if now {
		in.ForceDeleteWithoutRecovery = aws.Bool(true)
	}
	_, err := secretsmanager.NewFromConfig(s.cloud.Config()).DeleteSecret(s.t.Context(), in)
	require.NoError(s.t, err)
	time.Sleep(time.Minute)
}

// Somebody has rescued before, through all of it, and may not read any more.
func TestRescuedAndThenNotReadable(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"ecs:*", "ecr:*", "cloudformation:GetTemplate"} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				s.stuck()
				s.mended = true
				p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward})
				require.NoError(t, err)
				_, err = s.run(p)
				require.NoError(t, err)
				time.Sleep(5 * time.Hour)
				require.Equal(t, rescue.Situation("healthy"), s.diagnose().Situation)
				s.cloud.Inject(simtype.Fault{Action: action, Kind: simtype.Deny})
				require.Equal(t, rescue.Situation("unknown"), s.diagnose().Situation)
			})
		})
	}
}

package rescue_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// An output whose value is a secret, and that the unlock's skip loses, is in no plan
// and no file. The run that has seen it restores it; a later one needs a ledger, and
// without one leaves it lost, says so, and puts everything else right.
func TestAHiddenOutput(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		crash, ledger bool
		result        rescue.Result
	}{
		"in one run":                  {result: "rescued"},
		"after a crash":               {crash: true, result: "served-with-debt"},
		"after a crash with a ledger": {crash: true, ledger: true, result: "rescued"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			inSite(t, func(t *testing.T, s *site) {
				custom := func(n string) string {
					return "Resources:\n  Seed: {Type: Custom::Seed, Properties: {ServiceToken: 'arn:aws:lambda:us-east-1:123456789012:function:seed', N: " + n + "}}\n" +
						"  Queue: {Type: AWS::SQS::Queue, DependsOn: Seed, Properties: {DelaySeconds: " + n + "}}\n" +
						"Outputs: {ApiToken: {Value: !GetAtt Seed.Seed}, Queue: {Value: !Ref Queue}}\n"
				}
				s.create(custom("1"))
				before := s.output("ApiToken")
				require.NotEmpty(t, before)
				tree, err := cfnx.Snapshot(t.Context(), s.cfn, "prod")
				require.NoError(t, err)
				ledger, err := tree.Record(t.Context(), s.cfn)
				require.NoError(t, err)
				s.cloud.FailResource("prod", "Queue", simtype.OnUpdate, "no")
				s.cloud.FailResource("prod", "Seed", simtype.OnRollback, "Received response status [FAILED] from custom resource.")
				require.Equal(t, cfntypes.StackStatusUpdateRollbackFailed, s.update(custom("2")))
				p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward})
				require.NoError(t, err)
				data, err := json.Marshal(p)
				require.NoError(t, err)
				require.NotContains(t, string(data), before)
				var done []rescue.StepResult
				options := func(o *rescue.Options) {
					o.Evidence, o.Done = dir, slices.Clone(done)
					o.Journal = func(r rescue.StepResult) error { done = append(done, r); return nil }
					if test.ledger {
						o.Ledger = ledger
					}
				}
				if test.crash {
					s.cloud.Inject(simtype.Fault{Action: "cloudformation:CreateChangeSet", Nth: 1, Kind: simtype.CrashBefore})
					_, err = s.run(throughJSON(t, p, nil), options)
					require.ErrorIs(t, err, rescuetest.ErrCrashed)
					s.cloud.Restart()
					require.Empty(t, s.output("ApiToken"), "the skip has lost it")
				}
				r, err := s.run(throughJSON(t, p, nil), options)
				require.NoError(t, err, r)
				require.Equal(t, test.result, r.Result, r)
				require.Equal(t, test.result == "rescued", s.output("ApiToken") == before)
				require.Equal(t, test.result != "rescued", strings.Contains(strings.Join(r.Debt, "\n"), "prod.ApiToken"))
				require.NotContains(t, r.String(), before)
			}, func(o *rescuetest.Options) { o.Switches.OutputsAfterSkip = "dropped" })
		})
	}
}

// output is one of the stack's; "" where it has none of that name.
func (s *site) output(key string) string {
	out, err := s.cfn.DescribeStacks(s.t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String("prod")})
	require.NoError(s.t, err)
	for _, o := range out.Stacks[0].Outputs {
		if *o.OutputKey == key {
			return *o.OutputValue
		}
	}
	return ""
}

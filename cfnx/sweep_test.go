package cfnx_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// Whatever happens to one call, at every index, and whenever the program dies: a
// second run gets to the same end, no mutation is made twice, and an error says
// which stack it is about.
func TestEveryCallMayFail(t *testing.T) {
	t.Parallel()
	for verb, run := range map[string]func(ctx context.Context, s *site) error{
		"continue": func(ctx context.Context, s *site) error {
			_, err := cfnx.ContinueRollbackSkipping(ctx, s.cfn, "prod", cfnx.SkipMinimal)
			return err
		},
		"patch": func(ctx context.Context, s *site) error {
			_, err := cfnx.PatchTemplateImages(ctx, s.cfn, s.s3, "prod", func(_ context.Context, ref string) (string, error) { return strings.Replace(ref, ":v1", ":v2", 1), nil })
			return err
		},
		"nested": func(ctx context.Context, s *site) error {
			_, err := cfnx.PatchTemplateImages(ctx, s.cfn, s.s3, "prod", func(_ context.Context, ref string) (string, error) { return strings.Replace(ref, ":v1", ":v2", 1), nil })
			return err
		},
		"restore": func(ctx context.Context, s *site) error {
			_, err := cfnx.RestoreOutputs(ctx, s.cfn, s.s3, "prod", nil, func(context.Context, cfnx.LostOutput) (string, error) { return "db.example", nil })
			return err
		},
	} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			var actions []string
			crashed, crashes := 0, 0
			kinds := map[string]simtype.FaultKind{"throttle": simtype.Throttle, "500": simtype.ServerError, "lost answer": simtype.LostResponse, "stale": simtype.Stale, "crash before": simtype.CrashBefore, "crash after": simtype.CrashAfter}
			picked := []sample.Call{{}} // without a fault first: which calls there are
			for i := 0; i < len(picked); i++ {
				index, kind := picked[i].N, kinds[picked[i].Kind]
				if strings.HasPrefix(picked[i].Kind, "crash") {
					crashes++
				}
				{
					synctest.Test(t, func(t *testing.T) {
						s := sweepSite(t, verb)
						if index > 0 {
							s.cloud.Inject(simtype.Fault{Action: "*", Nth: index, Kind: kind})
						}
						err := run(t.Context(), s)
						if err != nil {
							crashed++
							require.ErrorContains(t, err, "prod", "index %d kind %d", index, kind)
							s.cloud.Restart()
							s.cloud.ClearFaults()
							time.Sleep(30 * time.Minute) // what was begun goes on inside AWS
							err = run(t.Context(), s)
						}
						s.cloud.ClearFaults() // one that no call has met
						ended := map[string][]error{"continue": {cfnx.ErrNotStuck}, "patch": {cfnx.ErrNothingToChange}, "nested": {cfnx.ErrNothingToChange}, "restore": {cfnx.ErrNothingToChange}}[verb][0]
						if err != nil {
							require.ErrorIs(t, err, ended, "index %d kind %d", index, kind)
						}
						done := map[string]int{}
						for _, c := range s.cloud.Calls() {
							if c.Done && c.Mutates() {
								done[c.Action]++
							}
						}
						for _, action := range []string{"cloudformation:ContinueUpdateRollback", "cloudformation:ExecuteChangeSet"} {
							require.LessOrEqual(t, done[action], 1, "index %d kind %d: %s", index, kind, action)
						}
						if index == 0 {
							for _, c := range s.cloud.Calls() {
								actions = append(actions, c.Action)
							}
						}
						want := map[string]string{"continue": "UPDATE_ROLLBACK_COMPLETE", "patch": "UPDATE_COMPLETE", "nested": "UPDATE_COMPLETE", "restore": "UPDATE_COMPLETE"}[verb]
						require.Equal(t, want, s.rest("prod"), "index %d kind %d", index, kind)
					})
					if index == 0 {
						picked = append(picked, sample.Calls(t, actions, slices.Sorted(maps.Keys(kinds)), 16, nil)...)
					}
				}
			}
			t.Logf("%s: %d faults, %d calls, %d runs ended with an error", verb, len(picked)-1, len(actions), crashed)
			require.GreaterOrEqual(t, crashed, crashes-1, "a crash ends a run wherever it happens")
		})
	}
}

// sweepSite is a small stack in the state that a verb is for.
func sweepSite(t *testing.T, verb string) *site {
	t.Helper()
	s := newSite(t, func(o *rescuetest.Options) { o.Switches.OutputsAfterSkip = "dropped" })
	s.push("web", "v1", rescuetest.Runs())
	s.push("web", "v2", rescuetest.Runs())
	body := func(days string) string {
		return "Resources:\n" +
			"  Task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: web, ContainerDefinitions: [{Name: web, Image: " + registry + "web:v1}]}}\n" +
			"  Db: {Type: AWS::RDS::DBInstance, Properties: {Engine: postgres, DBInstanceClass: db.t3.micro, AllocatedStorage: '20', BackupRetentionPeriod: " + days + ", MasterUsername: u, ManageMasterUserPassword: true}}\n" +
			"  Topic: {Type: AWS::SNS::Topic, DependsOn: Db, Properties: {DisplayName: d" + days + "}}\n" +
			"Outputs: {Host: {Value: !GetAtt Db.Endpoint.Address}}\n"
	}
	if verb == "nested" {
		s.create("prod", "Resources:\n  App: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: '"+s.put("app.yaml", body("1"))+"'}}\n  Other: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: '"+s.put("other.yaml", "Resources: {T: {Type: AWS::SNS::Topic}}\n")+"'}}\n")
	} else {
		s.create("prod", body("1"))
	}
	if verb != "patch" && verb != "nested" {
		s.cloud.FailResource("prod", "Topic", simtype.OnUpdate, "no")
		s.cloud.FailResource("prod", "Db", simtype.OnRollback, "not available")
		require.Equal(t, "UPDATE_ROLLBACK_FAILED", s.update("prod", body("2")))
		if verb == "restore" {
			_, err := cfnx.ContinueRollbackSkipping(t.Context(), s.cfn, "prod", cfnx.SkipMinimal)
			require.NoError(t, err)
		}
	}
	s.cloud.ForgetCalls()
	return s
}

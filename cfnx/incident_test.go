package cfnx_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/cfnx/template"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

type fixture struct {
	t   *testing.T
	in  *rescuetest.Incident
	cfn *cloudformation.Client
	s3  *s3.Client
}

func stuck(t *testing.T, optFns ...func(*rescuetest.IncidentOptions)) *fixture {
	in, err := rescuetest.ExpiredRollbackImage(t.Context(), optFns...)
	require.NoError(t, err)
	return &fixture{t, in, cloudformation.NewFromConfig(in.Cloud.Config()), s3.NewFromConfig(in.Cloud.Config())}
}

func (f *fixture) snapshot() *cfnx.Tree {
	tree, err := cfnx.Snapshot(f.t.Context(), f.cfn, f.in.Stack)
	require.NoError(f.t, err)
	return tree
}

func (f *fixture) child(id string) *cfnx.Stack {
	for s := range f.snapshot().All() {
		if s.LogicalID == id {
			return s
		}
	}
	f.t.Fatalf("no nested stack %s", id)
	return nil
}

// toV2 resolves every image of v1 to v2.
func toV2(_ context.Context, ref string) (string, error) {
	return strings.Replace(ref, ":v1", ":v2", 1), nil
}

func known(_ context.Context, l cfnx.LostOutput) (string, error) { return l.Known, nil }

func TestSnapshotFindsTheRootFromAnyStack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := stuck(t)
		app := f.child("App")
		tree, err := cfnx.Snapshot(t.Context(), f.cfn, app.Name)
		require.NoError(t, err)
		require.Equal(t, "prod", tree.Root.Name)
		require.Equal(t, app.ID, tree.Asked)
		require.Len(t, tree.Root.Children, 3)
		_, err = cfnx.Snapshot(t.Context(), f.cfn, "nope")
		require.ErrorIs(t, err, cfnx.ErrStackNotFound)
		for _, c := range f.in.Cloud.Calls() {
			require.False(t, c.Mutates(), c.Action)
		}
	})
}

func TestCausesAreTwoAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := stuck(t).snapshot().Causes()
		require.Len(t, c.Update, 1)
		require.Equal(t, "Service", c.Update[0].LogicalID)
		require.Contains(t, c.Update[0].Reason, "ECS Deployment Circuit Breaker was triggered")
		require.Len(t, c.Rollback, 2)
		require.Equal(t, "Instance", c.Rollback[0].LogicalID)
		require.Equal(t, "Service", c.Rollback[1].LogicalID)
		require.Equal(t, 3, c.Attempts)
	})
}

func TestPlanSkipsIsMinimalAndToldInNamesThatAWSTakes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := stuck(t)
		tree := f.snapshot()
		skips, excluded := tree.PlanSkips()
		require.Len(t, skips, 1)
		s := skips[0]
		require.Equal(t, f.child("App").Name+".Service", s.Name)
		require.Equal(t, []string{"ServiceName"}, s.Impact.Outputs)
		require.Empty(t, s.Impact.Readers)
		var why string
		for _, x := range excluded {
			if x.StackName == "prod" && x.Name == "App" {
				why = x.Why
			}
		}
		require.Equal(t, "nested stack: what failed inside it is skipped instead", why)
	})
}

func TestContinueRollbackSkipping(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := stuck(t)
		_, err := cfnx.ContinueRollbackSkipping(t.Context(), f.cfn, "prod", nil)
		e, ok := errors.AsType[*cfnx.StackError](err)
		require.True(t, ok, err)
		require.Equal(t, types.StackStatusUpdateRollbackFailed, e.Status)
		require.ErrorIs(t, err, cfnx.ErrNoProgress)

		var log []string
		out, err := cfnx.ContinueRollbackSkipping(t.Context(), f.cfn, "prod", cfnx.SkipMinimal, func(o *cfnx.ContinueOptions) {
			o.Observe = func(p cfnx.Progress) { log = append(log, p.String()) }
		})
		require.NoError(t, err)
		require.Equal(t, types.StackStatusUpdateRollbackComplete, out.To)
		require.Equal(t, 1, out.Rounds)
		require.Len(t, out.Skipped, 1)
		require.Contains(t, log[0], "round 1: rollback continued, skipping prod-App-")

		_, err = cfnx.ContinueRollbackSkipping(t.Context(), f.cfn, "prod", cfnx.SkipMinimal)
		require.ErrorIs(t, err, cfnx.ErrNotStuck)
	})
}

// Two resources fail; whatever fails later is found in a later round.
func TestContinueRollbackSkippingTakesRounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := stuck(t, func(o *rescuetest.IncidentOptions) { o.SkippedDatabase = false })
		out, err := cfnx.ContinueRollbackSkipping(t.Context(), f.cfn, f.child("App").ID, cfnx.SkipTypes("AWS::ECS::Service"))
		require.NoError(t, err)
		require.Equal(t, "prod", out.Stack)
	})
}

func TestContinueRollbackForced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := stuck(t)
		_, err := cfnx.ContinueRollbackSkipping(t.Context(), f.cfn, "prod", nil, func(o *cfnx.ContinueOptions) { o.Force = "another" })
		require.ErrorContains(t, err, `Force is "another"`)
		out, err := cfnx.ContinueRollbackSkipping(t.Context(), f.cfn, "prod", nil, func(o *cfnx.ContinueOptions) { o.Force = "prod" })
		require.NoError(t, err)
		require.True(t, out.Forced)
	})
}

func TestContinueRollbackUnderFaults(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"DescribeStacks", "DescribeStackEvents", "ListStackResources", "GetTemplate", "ContinueUpdateRollback"} {
		for name, kind := range map[string]simtype.FaultKind{"throttle": simtype.Throttle, "500": simtype.ServerError, "lost": simtype.LostResponse} {
			t.Run(action+" "+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f := stuck(t)
					f.in.Cloud.Inject(simtype.Fault{Action: "cloudformation:" + action, Nth: 1, Kind: kind})
					_, err := cfnx.ContinueRollbackSkipping(t.Context(), f.cfn, "prod", cfnx.SkipMinimal)
					require.NoError(t, err)
					done := 0
					for _, c := range f.in.Cloud.Calls() {
						if c.Done && c.Mutates() {
							done++
						}
					}
					require.Equal(t, 1, done)
				})
			})
		}
	}
}

func TestPatchTemplateImagesAndRestoreOutputs(t *testing.T) {
	t.Parallel()
	for name, sw := range map[string]simtype.Switches{
		"outputs dropped":   {OutputsAfterSkip: "dropped"},
		"outputs kept":      {},
		"outputs stale":     {OutputsAfterSkip: "stale"},
		"child's dropped":   {OutputsAfterSkip: "child-dropped"},
		"false replacement": {OutputsAfterSkip: "dropped", NestedChangeSets: "false-replacement"},
		"stale reads":       {OutputsAfterSkip: "dropped", StaleReads: 3},
		"same URL":          {OutputsAfterSkip: "dropped", SameTemplateURL: "not-fetched"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := stuck(t, func(o *rescuetest.IncidentOptions) { o.Switches = sw })
				// The application is made to run; what is tested here is the stack.
				f.in.Do(func() { f.in.Database.Revision, f.in.Database.Holder = f.in.Database.Schema, "" })
				_, err := cfnx.ContinueRollbackSkipping(t.Context(), f.cfn, "prod", cfnx.SkipMinimal)
				require.NoError(t, err)

				tree := f.snapshot()
				d, err := tree.NewDraft(t.Context(), f.s3)
				require.NoError(t, err)
				images, err := d.PatchImages(t.Context(), toV2)
				require.NoError(t, err)
				require.Len(t, images, 2)
				outputs, err := d.RestoreOutputs(t.Context(), d.LostOutputs(nil), known)
				require.NoError(t, err)
				applied, err := d.Apply(t.Context(), f.cfn, f.s3)
				require.NoError(t, err)
				require.Equal(t, types.StackStatusUpdateComplete, applied.Status)
				if sw.OutputsAfterSkip == "dropped" || sw.OutputsAfterSkip == "child-dropped" {
					require.NotEmpty(t, outputs)
				} else {
					require.Empty(t, outputs)
				}
				after := f.snapshot()
				for s := range after.All() {
					require.True(t, strings.HasSuffix(string(s.Status), "_COMPLETE"), "%s is %s", s.Name, s.Status)
				}
				secret, ok := f.child("Database").Output("SecretArn")
				require.True(t, ok)
				require.Contains(t, secret.Value, ":secret:rds!db-")
				root, ok := after.Root.Output("DatabaseSecretArn")
				require.True(t, ok)
				require.Equal(t, secret.Value, root.Value)
				d, err = after.NewDraft(t.Context(), f.s3)
				require.NoError(t, err)
				require.Empty(t, d.LostOutputs(nil))
				_, err = cfnx.PatchTemplateImages(t.Context(), f.cfn, f.s3, "prod", toV2)
				require.ErrorIs(t, err, cfnx.ErrNothingToChange)
			})
		})
	}
}

func TestApplyRefusesWhatNobodyAskedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := stuck(t)
		_, err := cfnx.ContinueRollbackSkipping(t.Context(), f.cfn, "prod", cfnx.SkipMinimal)
		require.NoError(t, err)
		d, err := f.snapshot().NewDraft(t.Context(), f.s3)
		require.NoError(t, err)
		_, err = d.Set(d.Tree.Stack(f.child("Network").ID), template.Value{Path: "/Resources/Vpc/Properties/CidrBlock", Value: "10.1.0.0/16"})
		require.NoError(t, err)
		_, err = d.Apply(t.Context(), f.cfn, f.s3)
		require.ErrorAs(t, err, new(*cfnx.RefusedError))
		require.ErrorContains(t, err, "Vpc (AWS::EC2::VPC), replacement True: changing it replaces it")
		for _, c := range f.in.Cloud.Calls() {
			require.NotEqual(t, "cloudformation:ExecuteChangeSet", c.Action)
		}
		require.Equal(t, types.StackStatusUpdateRollbackComplete, f.snapshot().Root.Status)
	})
}

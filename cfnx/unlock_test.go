package cfnx_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// chain is four parameters, each after the last.
const chain = `Parameters: {V: {Type: String}}
Resources:
  A: {Type: AWS::SSM::Parameter, Properties: {Type: String, Name: /chain/a, Value: !Ref V}}
  B: {Type: AWS::SSM::Parameter, DependsOn: A, Properties: {Type: String, Name: /chain/b, Value: !Ref V}}
  C: {Type: AWS::SSM::Parameter, DependsOn: B, Properties: {Type: String, Name: /chain/c, Value: !Ref V}}
  D: {Type: AWS::SSM::Parameter, DependsOn: C, Properties: {Type: String, Name: /chain/d, Value: !Ref V}}
`

// locked is a chain whose rollback fails on the named resources.
func locked(t *testing.T, failing ...string) *site {
	t.Helper()
	s := newSite(t)
	s.create("chain", chain, "V", "1")
	for _, id := range failing {
		s.cloud.FailResource("chain", id, simtype.OnRollback, id+" is locked")
	}
	s.cloud.FailResource("chain", "D", simtype.OnUpdate, "Value is too long")
	require.Equal(t, "UPDATE_ROLLBACK_FAILED", s.update("chain", chain, "V", "2"))
	s.cloud.ForgetCalls()
	return s
}

// continues counts the continues that were asked for.
func (s *site) continues() int {
	n := 0
	for _, c := range s.cloud.Calls() {
		if c.Action == "cloudformation:ContinueUpdateRollback" {
			n++
		}
	}
	return n
}

// A name or a type that matches nothing is refused before anything is started,
// and the error names what may be skipped.
func TestSkipsThatMatchNothingAreRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := locked(t, "A")
		for name, skipper := range map[string]func(*cfnx.Tree) []cfnx.Skip{
			"unknown name":       cfnx.SkipOnly("Nope"),
			"one of two":         cfnx.SkipOnly("A", "Nope"),
			"did not fail":       cfnx.SkipOnly("B"),
			"failed forward":     cfnx.SkipOnly("D"),
			"of another stack":   cfnx.SkipOnly("chain.A"),
			"empty":              cfnx.SkipOnly(""),
			"unknown type":       cfnx.SkipTypes("AWS::ECS::Servce"),
			"one's own":          func(*cfnx.Tree) []cfnx.Skip { return []cfnx.Skip{{Name: "Ghost"}} },
			"one's own, blank":   func(*cfnx.Tree) []cfnx.Skip { return []cfnx.Skip{{}} },
			"one's own, too far": func(*cfnx.Tree) []cfnx.Skip { return []cfnx.Skip{{Name: "A"}, {Name: "C"}} },
		} {
			out, err := cfnx.ContinueRollbackSkipping(t.Context(), s.cfn, "chain", skipper)
			require.ErrorIs(t, err, cfnx.ErrCannotSkip, name)
			require.Nil(t, out, name)
			if !strings.Contains(name, "type") && !strings.Contains(name, "empty") && !strings.Contains(name, "blank") {
				require.ErrorContains(t, err, "name one of A", name)
			}
		}
		require.Zero(t, s.continues())
		out, err := cfnx.ContinueRollbackSkipping(t.Context(), s.cfn, "chain", func(*cfnx.Tree) []cfnx.Skip { return []cfnx.Skip{{Name: "A"}} })
		require.NoError(t, err)
		require.Equal(t, "AWS::SSM::Parameter", out.Skipped[0].Type, "a bare name is filled in")
		require.Equal(t, "A is locked", out.Skipped[0].Why)
	})
}

// A name that a former call has skipped already is no error: the same call may
// be made again after a crash.
func TestSkipOnlyAgainAfterTheFirstWasSkipped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := locked(t, "A", "B")
		_, err := cfnx.ContinueRollbackSkipping(t.Context(), s.cfn, "chain", cfnx.SkipOnly("A"))
		require.ErrorIs(t, err, cfnx.ErrNoProgress)
		require.ErrorContains(t, err, "chain.B")
		out, err := cfnx.ContinueRollbackSkipping(t.Context(), s.cfn, "chain", cfnx.SkipOnly("A", "B"))
		require.NoError(t, err)
		require.Len(t, out.Skipped, 1)
		require.Equal(t, "B", out.Skipped[0].Name)
	})
}

// Before is called with what the round does, before anything is started.
func TestBeforeARound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.push("web", "v1", rescuetest.Runs())
		s.push("web", "v2", rescuetest.Runs())
		s.create("prod", ordered, "Tag", "v1", "Days", "7", "Label", "a")
		s.cloud.FailResource("prod", "Topic", simtype.OnUpdate, "no")
		s.cloud.FailResource("prod", "Db", simtype.OnRollback, "not available")
		next := strings.Replace(ordered, "  Topic:", "  Orders: {Type: AWS::DynamoDB::Table, Properties: {TableName: orders}}\n  Topic:", 1)
		next = strings.Replace(next, "DependsOn: Web,", "DependsOn: [Web, Orders],", 1)
		require.Equal(t, "UPDATE_ROLLBACK_FAILED", s.update("prod", next, "Tag", "v2", "Days", "14", "Label", "b"))
		stop := errors.New("this would deploy old code")
		var rounds []cfnx.Round
		before := func(o *cfnx.ContinueOptions) {
			o.RoleARN = "arn:aws:iam::123456789012:role/rescue"
			o.InUse = []any{map[string]any{"containerDefinitions": []any{map[string]any{"name": "web", "environment": []any{map[string]any{"name": "TABLE", "value": "orders"}}}}}}
			o.Before = func(r cfnx.Round) error { rounds = append(rounds, r); return stop }
		}
		out, err := cfnx.ContinueRollbackSkipping(t.Context(), s.cfn, "prod", cfnx.SkipMinimal, before)
		require.ErrorIs(t, err, stop)
		require.Nil(t, out)
		require.Zero(t, s.continues())
		require.Len(t, rounds, 1)
		r := rounds[0]
		require.Equal(t, []any{1, "prod", "", "arn:aws:iam::123456789012:role/rescue"}, []any{r.Number, r.Stack, r.Role, r.NewRole})
		require.Equal(t, "Db", r.Skips[0].Name)
		require.Equal(t, "prod.Web: web:1 is deployed, and the service cannot be skipped", r.Deploys[0].String())
		var lost []string
		for _, d := range r.Deletes {
			if d.HoldsData || len(d.UsedBy) > 0 {
				lost = append(lost, d.LogicalID+" "+strings.Join(d.UsedBy, ","))
			}
		}
		require.Equal(t, []string{"Orders web.Environment.TABLE"}, lost)
		data, err := json.Marshal(r)
		require.NoError(t, err)
		require.Contains(t, string(data), `"state":"deployed"`)

		var lines []string
		out, err = cfnx.ContinueRollbackSkipping(t.Context(), s.cfn, "prod", cfnx.SkipMinimal, before, func(o *cfnx.ContinueOptions) {
			o.Before = nil
			o.Observe = func(p cfnx.Progress) { lines = append(lines, p.String()) }
		})
		require.NoError(t, err)
		require.Equal(t, "arn:aws:iam::123456789012:role/rescue", out.NewRole)
		require.Contains(t, lines[0], "from now on the stack uses role arn:aws:iam::123456789012:role/rescue instead of the caller's")
		st := s.tree("prod").Root
		require.Equal(t, "arn:aws:iam::123456789012:role/rescue", st.RoleARN, "CloudFormation keeps it")
	})
}

// Two callers at once: one of them continues, the other says so, and claims no
// skip that it never made.
func TestWhoeverComesSecondSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := locked(t, "A")
		var wg sync.WaitGroup
		outs, errs := make([]*cfnx.Continued, 2), make([]error, 2)
		for i, skipper := range []func(*cfnx.Tree) []cfnx.Skip{cfnx.SkipMinimal, nil} {
			wg.Go(func() {
				outs[i], errs[i] = cfnx.ContinueRollbackSkipping(t.Context(), s.cfn, "chain", skipper, func(o *cfnx.ContinueOptions) {
					o.Before = func(cfnx.Round) error { time.Sleep(time.Second); return nil } // both have read by then
					o.Rounds = 1
				})
			})
		}
		wg.Wait()
		won, lost := 0, 1
		if errors.Is(errs[0], cfnx.ErrInProgress) {
			won, lost = 1, 0
		}
		require.ErrorIs(t, errs[lost], cfnx.ErrInProgress)
		require.ErrorContains(t, errs[lost], "somebody else")
		require.Nil(t, outs[lost])
		require.NotNil(t, outs[won])
		require.Equal(t, 1, outs[won].Rounds)
	})
}

// Two callers that ask for the same are one attempt: the token is the same.
func TestTwoCallersWithTheSameChoice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := locked(t, "A")
		var wg sync.WaitGroup
		errs := make([]error, 3)
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = cfnx.ContinueRollbackSkipping(t.Context(), s.cfn, "chain", cfnx.SkipMinimal, func(o *cfnx.ContinueOptions) {
					o.Before = func(cfnx.Round) error { time.Sleep(time.Second); return nil }
				})
			})
		}
		wg.Wait()
		for _, err := range errs {
			require.NoError(t, err)
		}
		require.Equal(t, "UPDATE_ROLLBACK_COMPLETE", s.rest("chain"))
	})
}

// Every exported function survives nil and zero: a documented default, or an
// error; nothing is called for it.
func TestNilAndZero(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		ctx := t.Context()
		empty, none := &cfnx.Tree{}, (*cfnx.Tree)(nil)
		for name, call := range map[string]func() error{
			"continue, empty name":  func() error { _, err := cfnx.ContinueRollbackSkipping(ctx, s.cfn, "", nil, nil); return err },
			"snapshot, empty name":  func() error { _, err := cfnx.Snapshot(ctx, s.cfn, ""); return err },
			"wait, empty name":      func() error { _, err := cfnx.Wait(ctx, s.cfn, "", nil); return err },
			"record, empty tree":    func() error { _, err := empty.Record(ctx, s.cfn); return err },
			"patch, empty name":     func() error { _, err := cfnx.PatchTemplateImages(ctx, s.cfn, nil, "", nil, nil); return err },
			"restore, empty name":   func() error { _, err := cfnx.RestoreOutputs(ctx, s.cfn, nil, "", nil, nil, nil); return err },
			"draft, nil tree":       func() error { _, err := none.NewDraft(ctx, nil); return err },
			"draft, empty tree":     func() error { _, err := empty.NewDraft(ctx, nil); return err },
			"apply, nil draft":      func() error { _, err := (*cfnx.Draft)(nil).Apply(ctx, s.cfn, nil, nil); return err },
			"apply, zero draft":     func() error { _, err := (&cfnx.Draft{}).Apply(ctx, s.cfn, nil); return err },
			"record, nil tree":      func() error { _, err := none.Record(ctx, s.cfn); return err },
			"template object, zero": func() error { _, _, err := (&cfnx.Stack{}).TemplateObject(); return err },
			"template object, nil":  func() error { _, _, err := (*cfnx.Stack)(nil).TemplateObject(); return err },
			"uses, empty name": func() error {
				for _, err := range cfnx.Uses(ctx, s.cfn, "", nil) {
					if err != nil {
						return err
					}
				}
				return nil
			},
		} {
			require.Error(t, call(), name)
		}
		for _, c := range s.cloud.Calls() {
			require.False(t, strings.HasPrefix(c.Action, "cloudformation:") && c.Mutates(), c.Action)
		}
		for _, tree := range []*cfnx.Tree{none, empty} {
			_, excluded := tree.PlanSkips()
			assert.Empty(t, excluded)
			assert.Empty(t, cfnx.SkipMinimal(tree))
			assert.Empty(t, tree.Deploys(nil, nil))
			assert.Empty(t, tree.Deletes())
			assert.Zero(t, tree.Causes())
			assert.Nil(t, tree.Stack("web"))
		}
		var l *cfnx.Ledger
		d, err := flat("Resources: {A: {Type: AWS::SNS::Topic}}\nOutputs: {T: {Value: !Ref A}}\n").NewDraft(ctx, nil)
		require.NoError(t, err)
		lost := d.LostOutputs(l)
		require.Len(t, lost, 1)
		restored, err := d.RestoreOutputs(ctx, lost, nil)
		require.NoError(t, err)
		require.Empty(t, restored, "nobody knows it")
		patched, err := d.PatchImages(ctx, nil)
		require.NoError(t, err)
		require.Empty(t, patched)
		require.NoError(t, d.Check(nil))
	})
}

// A tree that was read from JSON is the tree that was written, parents
// included.
func TestTreeSurvivesJSON(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := stuck(t)
		was := f.snapshot()
		data, err := json.Marshal(was)
		require.NoError(t, err)
		var is cfnx.Tree
		require.NoError(t, json.Unmarshal(data, &is))
		require.Equal(t, was, &is)
		skips, excluded := was.PlanSkips()
		isSkips, isExcluded := is.PlanSkips()
		require.Equal(t, skips, isSkips)
		require.Equal(t, excluded, isExcluded)
		for s := range is.All() {
			require.Equal(t, s == is.Root, s.Parent() == nil)
		}
		require.NoError(t, json.Unmarshal([]byte(`{"root":{"id":"x","children":[null]}}`), &is))
		require.Empty(t, is.Root.Children)
	})
}

// What was recorded before the trouble gives the outputs back that a skip lost.
func TestRecordAndRestoreOutputs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, func(o *rescuetest.Options) { o.Switches.OutputsAfterSkip = "dropped" })
		body := func(days string) string {
			return "Resources:\n" +
				"  Db: {Type: AWS::RDS::DBInstance, Properties: {Engine: postgres, DBInstanceClass: db.t3.micro, AllocatedStorage: '20', BackupRetentionPeriod: " + days + ", MasterUsername: u, ManageMasterUserPassword: true}}\n" +
				"  Q: {Type: AWS::SQS::Queue, DependsOn: Db, Properties: {DelaySeconds: " + days + "}}\n" +
				"Outputs:\n  Host: {Value: !GetAtt Db.Endpoint.Address, Export: {Name: db-host}}\n  Queue: {Value: !Ref Q}\n"
		}
		s.create("prod", body("1"))
		s.create("reader", "Resources: {P: {Type: AWS::SSM::Parameter, Properties: {Type: String, Name: /host, Value: !ImportValue db-host}}}\n")
		ledger, err := s.tree("prod").Record(t.Context(), s.cfn)
		require.NoError(t, err)
		require.Equal(t, []string{"reader"}, ledger.Stacks[0].Importers["db-host"])
		data, err := json.Marshal(ledger)
		require.NoError(t, err)
		var again cfnx.Ledger
		require.NoError(t, json.Unmarshal(data, &again))
		require.Equal(t, ledger, &again)
		was := ledger.Stacks[0].Outputs

		s.cloud.FailResource("prod", "Q", simtype.OnUpdate, "no")
		s.cloud.FailResource("prod", "Db", simtype.OnRollback, "not available")
		require.Equal(t, "UPDATE_ROLLBACK_FAILED", s.update("prod", body("2")))
		_, err = cfnx.ContinueRollbackSkipping(t.Context(), s.cfn, "prod", cfnx.SkipMinimal)
		require.NoError(t, err)
		lost := s.draft("prod").LostOutputs(&again)
		require.Len(t, lost, 1)
		require.Equal(t, "Host", lost[0].Key)
		var asked []string
		out, err := cfnx.RestoreOutputs(t.Context(), s.cfn, s.s3, "prod", &again, func(_ context.Context, l cfnx.LostOutput) (string, error) {
			asked = append(asked, l.Key)
			return l.Known, nil
		})
		require.NoError(t, err)
		require.Equal(t, []string{"Host"}, asked)
		require.Len(t, out.Outputs, 1)
		require.ElementsMatch(t, was, s.tree("prod").Root.Outputs)
		_, err = cfnx.RestoreOutputs(t.Context(), s.cfn, s.s3, "prod", &again, nil)
		require.ErrorIs(t, err, cfnx.ErrNothingToChange)
	})
}

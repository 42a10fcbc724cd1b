package rescue_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// mutations are the actions of the incident's rescue that change something,
// with how often each is carried out.
var mutations = map[string]int{
	"ecr:DeleteLifecyclePolicy": 2, "ecs:RunTask": 5, "ecs:RegisterTaskDefinition": 1, "ecs:UpdateService": 1,
	"cloudformation:ContinueUpdateRollback": 1, "s3:PutObject": 2, "cloudformation:CreateChangeSet": 1, "cloudformation:ExecuteChangeSet": 1,
}

// done counts what was carried out, of what must not be carried out twice.
func done(cloud *rescuetest.Cloud) map[string]int {
	n := map[string]int{}
	for _, c := range cloud.Calls() {
		if c.Done && c.Mutates() {
			n[c.Action]++
		}
	}
	return n
}

// once are the mutations whose repetition would be seen.
var once = []string{"ecs:RegisterTaskDefinition", "ecs:UpdateService", "cloudformation:ContinueUpdateRollback", "cloudformation:ExecuteChangeSet"}

// TestCrashAnywhereAndRunAgain ends the caller before and after each call that
// changes something, runs the same plan again, and wants the same end with no
// mutation repeated.
func TestCrashAnywhereAndRunAgain(t *testing.T) {
	t.Parallel()
	type crash struct {
		action string
		n      int
		when   string
	}
	var all []crash
	for _, action := range slices.Sorted(maps.Keys(mutations)) {
		for n := 1; n <= mutations[action]; n++ {
			all = append(all, crash{action, n, "before"}, crash{action, n, "after"})
		}
	}
	for _, c := range sample.Of(t, all, 0, func(c crash) string { return c.action }) {
		action, n, when, kind := c.action, c.n, c.when, simtype.CrashBefore
		if when == "after" {
			kind = simtype.CrashAfter
		}
		t.Run(fmt.Sprintf("%s %s %d", when, action, n), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				in, err := rescuetest.ExpiredRollbackImage(t.Context())
				require.NoError(t, err)
				p := plan(t, in, forward())
				in.Cloud.ForgetCalls()
				in.Cloud.Inject(simtype.Fault{Action: action, Nth: n, Kind: kind})
				var journal []rescue.StepResult
				keep := func(o *rescue.Options) {
					confirmed(o)
					o.Journal = func(r rescue.StepResult) error {
						journal = append(journal, r)
						return nil
					}
				}
				_, err = rescue.Run(t.Context(), in.Cloud.Config(), p, keep)
				require.ErrorIs(t, err, rescuetest.ErrCrashed)
				time.Sleep(time.Minute)
				in.Cloud.Restart()
				r, err := rescue.Run(t.Context(), in.Cloud.Config(), p, keep, func(o *rescue.Options) { o.Done = append([]rescue.StepResult{}, journal...) })
				require.NoError(t, err, r)
				require.Equal(t, rescue.Result("rescued"), r.Result)
				got := done(in.Cloud)
				for _, a := range once {
					require.Equal(t, 1, got[a], a)
				}
				served(t, in)
			})
		})
	}
}

// TestFaultsAtEveryAction lets each kind of call go wrong once.
func TestFaultsAtEveryAction(t *testing.T) {
	t.Parallel()
	actions := append(rescue.ReadActions(), "ecs:RunTask", "ecs:RegisterTaskDefinition", "ecs:UpdateService", "cloudformation:ContinueUpdateRollback", "s3:PutObject", "cloudformation:CreateChangeSet", "cloudformation:DescribeChangeSet", "cloudformation:ExecuteChangeSet", "ecr:DeleteLifecyclePolicy")
	kinds := map[string]simtype.FaultKind{"throttle": simtype.Throttle, "500": simtype.ServerError, "lost": simtype.LostResponse}
	some := sample.Calls(t, actions, slices.Sorted(maps.Keys(kinds)), 0, nil)
	if !sample.Wide() { // TestEveryCallGoesWrong reaches every action
		some = sample.Quarter(t, some, func(c sample.Call) string { return c.Kind })
	}
	for _, c := range some {
		action, name, kind := actions[c.N-1], c.Kind, kinds[c.Kind]
		{
			t.Run(action+" "+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					in, err := rescuetest.ExpiredRollbackImage(t.Context())
					require.NoError(t, err)
					in.Cloud.Inject(simtype.Fault{Action: action, Nth: 1, Kind: kind}, simtype.Fault{Action: action, Nth: 3, Kind: kind})
					r, err := rescue.Run(t.Context(), in.Cloud.Config(), plan(t, in, forward()), confirmed)
					require.NoError(t, err, r)
					got := done(in.Cloud)
					for _, a := range once {
						require.Equal(t, 1, got[a], a)
					}
				})
			})
		}
	}
}

// A journal that cannot be written ends the run: before a policy is destroyed
// whose text would be lost, else after the step that it could not keep.
func TestJournalThatFailsEndsTheRun(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fails   rescue.StepOutcome
		deletes int
	}{
		"before the change": {"begun", 0},
		"after the step":    {"done", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				in, err := rescuetest.ExpiredRollbackImage(t.Context())
				require.NoError(t, err)
				full := errors.New("disk full")
				_, err = rescue.Run(t.Context(), in.Cloud.Config(), plan(t, in, forward()), confirmed, func(o *rescue.Options) {
					o.Journal = func(r rescue.StepResult) error {
						if r.Outcome == test.fails {
							return full
						}
						return nil
					}
				})
				require.ErrorIs(t, err, full)
				require.Equal(t, test.deletes, done(in.Cloud)["ecr:DeleteLifecyclePolicy"])
			})
		})
	}
}

// The text of a lifecycle policy is in the journal file before the call that
// destroys it.
func TestPolicyTextIsOnDiskBeforeItIsDestroyed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		in, err := rescuetest.ExpiredRollbackImage(t.Context())
		require.NoError(t, err)
		p := plan(t, in, forward())
		in.Cloud.Inject(simtype.Fault{Action: "ecr:DeleteLifecyclePolicy", Nth: 1, Kind: simtype.CrashBefore})
		_, err = rescue.Run(t.Context(), in.Cloud.Config(), p, confirmed, func(o *rescue.Options) { o.Evidence = dir })
		require.Error(t, err)
		data, err := os.ReadFile(filepath.Join(dir, "journal.jsonl"))
		require.NoError(t, err)
		line, _, _ := strings.Cut(string(data), "\n")
		var first rescue.StepResult
		require.NoError(t, json.Unmarshal([]byte(line), &first))
		require.Equal(t, rescue.StepOutcome("begun"), first.Outcome)
		require.Equal(t, p.Steps[0].Freeze.Frozen.Old, first.From)
		require.Contains(t, first.From, "expire 7 days after push")
		require.Contains(t, first.Text, "put-lifecycle-policy")
	})
}

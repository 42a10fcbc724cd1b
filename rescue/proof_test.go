package rescue_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// proof is the kind of the step.
const proof = rescue.Kind("proof")

// password is a variable that no savepoint writes into a template.
var password = with("Environment: [{Name: DB_PASSWORD, Value: hunter2-hunter2}]")

// forProof chooses it for the service of the usual trouble.
func forProof() rescue.Choices {
	return rescue.Choices{Direction: "forward", Prove: []string{"prod/web"}}
}

// ports is [web] behind a load balancer, in another place for its revision of v2.
func ports(tag string) string {
	return strings.Replace(balanced(tag), "Name: web\n", "Name: web\n          Environment: [{Name: DB_PASSWORD, Value: hunter2-hunter2}]\n", 1)
}

// locks is the usual trouble with other templates; v2 fails until the site is mended,
// and then, where fails is set, without its password.
func locks(s *site, old, next string, fails *bool) {
	gone := s.push("v1")
	s.create(old)
	s.deleteImage(gone)
	s.pushProgram("v2", func(c *simtype.Container) {
		c.Answer("/health", 200)
		if s.mended && (fails == nil || !*fails || c.Env("DB_PASSWORD") != "") {
			c.SetHealthy(true)
			return
		}
		c.Print("FATAL: no DB_PASSWORD, or no price service")
		c.After(5*time.Second, func() { c.Exit(1) })
	})
	if strings.Contains(old, rolling[1]) { // else its tasks go on running
		s.cloud.FailResource("prod", "Web", simtype.OnRollback, throttled)
	}
	s.begin(next)
	for range 5 { // reads may be stale
		if s.rest("prod") == cfntypes.StackStatusUpdateRollbackFailed {
			break
		}
	}
	require.Equal(s.t, cfntypes.StackStatusUpdateRollbackFailed, s.status("prod"))
	s.mended = true
}

// recreated is a template whose service stops every task before a new one is started.
func recreated(body string) string { return strings.Replace(body, rolling[1], rolling[0], 1) }

// proofs are how a service is proven, each with what it is.
var proofs = map[string]struct {
	old, next string
	served    bool
	steps     string // kinds, in order
	says      string // of the offer
}{
	"a worker":          {web("v1", rolling...), web("v2", append(password[:2:2], rolling...)...), true, "proof unlock savepoint verify", "a canary: 1 task beside the 2 of service prod/web"},
	"behind a balancer": {balanced("v1"), ports("v2"), true, "proof unlock savepoint verify", "a deployment of the 2 tasks of service prod/web, of which at least 2 go on serving"},
	"not served":        {recreated(balanced("v1")), recreated(ports("v2")), false, "redeploy unlock savepoint verify", "the deployment of service prod/web, which the plan makes anyway: 2 tasks"},
}

func kindsOf(p *rescue.Plan) string {
	var out []string
	for _, s := range p.Steps {
		out = append(out, string(s.Kind))
	}
	return strings.Join(out, " ")
}

// short spans, from a time on, in which users had fewer tasks than wanted.
func (s *site) shortages(since time.Time) (out []string) {
	for _, x := range s.cloud.Record().Shortages {
		if x.To.IsZero() || x.To.After(since) {
			out = append(out, fmt.Sprintf("%d of %d from %s to %s", x.Healthy, x.Desired, x.From, x.To))
		}
	}
	return out
}

// onlyNew requires that no container was started but of the new code.
func (s *site) onlyNew(since time.Time, say string) {
	for digest := range s.ran(since) {
		require.Equal(s.t, s.tags()["v2"], digest, say)
	}
}

// canariesLeft are one-off tasks that run.
func (s *site) canariesLeft() []string {
	out, err := s.ecs.ListTasks(s.t.Context(), &ecs.ListTasksInput{Cluster: aws.String("prod"), StartedBy: aws.String("stackrescue-proof")})
	require.NoError(s.t, err)
	return out.TaskArns
}

// What cannot be written into the template is proven before the unlock, by what the
// service is, and the savepoint renders that. By the simulated account's record no
// other code was started, users who were served lost nothing, and no canary is left.
func TestProof(t *testing.T) {
	t.Parallel()
	for name, test := range proofs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				locks(s, test.old, test.next, nil)
				if test.served {
					s.serve("web:2")
				}
				p := s.stops(rescue.Choices{Direction: "forward"}, "savepoint", "looks like a password", "-prove prod/web", test.says)
				require.NotContains(t, p.String()+marshal(t, p), "hunter2")
				p, err := rescue.MakePlan(s.diagnose(), forProof())
				require.NoError(t, err)
				require.Nil(t, p.Stop, "%s", p)
				require.Equal(t, test.steps, kindsOf(p))
				require.Contains(t, strings.Join(p.Warnings, "\n"), "what web:2 has is lost on purpose: stack prod: Task: container web: Environment.DB_PASSWORD")
				began, starts, dir := s.cloud.Now(), s.starts["v2"], t.TempDir()
				r, err := s.run(throughJSON(t, p, nil), func(o *rescue.Options) { o.Evidence = dir })
				require.NoError(t, err, r)
				require.EqualValues(t, "rescued", r.Result, r)
				require.NotContains(t, s.environment(), "DB_PASSWORD")
				require.Contains(t, strings.Join(r.Follow, "\n"), "lost on purpose: stack prod: Task: container web: Environment.DB_PASSWORD")
				s.onlyNew(began, r.String())
				if test.served {
					require.Empty(t, s.shortages(began))
				}
				want := 2 + 2 // the deployment and the savepoint's
				if strings.Contains(test.says, "canary") {
					want = 1 + 2
				}
				require.Equal(t, starts+want, s.starts["v2"])
				require.Empty(t, s.canariesLeft())
				require.NotContains(t, r.String()+marshal(t, r)+marshal(t, p), "hunter2")
				d := s.diagnose()
				require.EqualValues(t, "healthy", d.Situation, "the canary that was stopped is no failure: %s", d)
				s.push("v3")
				require.Equal(t, cfntypes.StackStatusUpdateComplete, s.update(strings.ReplaceAll(test.old, "app:v1", "app:v3")))
				f, err := rescue.Finish(t.Context(), s.cloud.Config(), "prod", func(o *rescue.FinishOptions) { o.Evidence = dir })
				require.NoError(t, err)
				require.Contains(t, strings.Join(f.Done, "\n"), "task definition web:3, which the rescue registered, is deregistered")
			})
		})
	}
}

// Where what the savepoint renders does not run, the run ends before the unlock, users
// are served as the plan found them or better, the folder has the log, nothing of it is
// started again, and a diagnosis says why.
func TestProofThatFails(t *testing.T) {
	t.Parallel()
	for name, test := range proofs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				fails := true
				locks(s, test.old, test.next, &fails)
				if test.served {
					s.serve("web:2")
				}
				p, err := rescue.MakePlan(s.diagnose(), forProof())
				require.NoError(t, err)
				began, dir := s.cloud.Now(), t.TempDir()
				x := &process{in: &rescuetest.Incident{Cloud: s.cloud}}
				r, err := s.run(throughJSON(t, p, nil), x.options, func(o *rescue.Options) { o.Evidence = dir })
				require.ErrorContains(t, err, "FATAL: no DB_PASSWORD", r)
				require.ErrorContains(t, err, "nothing was unlocked")
				var e *rescue.Error
				require.ErrorAs(t, err, &e)
				require.Contains(t, e.Next, "web: Environment.DB_PASSWORD")
				require.EqualValues(t, "not-rescued", r.Result)
				unlocked := func() int { return done(s.cloud)["cloudformation:ContinueUpdateRollback"] }
				require.Zero(t, unlocked())
				time.Sleep(10 * time.Minute)
				require.True(t, strings.HasPrefix(s.counts(), "2 of 2 run web:"), s.counts())
				require.Contains(t, s.environment(), "DB_PASSWORD")
				if test.served {
					require.Empty(t, s.shortages(began))
				}
				s.onlyNew(began, name)
				require.Empty(t, s.canariesLeft())
				logs, err := filepath.Glob(filepath.Join(dir, "logs", "*.log"))
				require.NoError(t, err)
				said := ""
				for _, f := range logs {
					data, err := os.ReadFile(f)
					require.NoError(t, err)
					said += string(data)
				}
				require.Contains(t, said, "FATAL: no DB_PASSWORD")
				require.Contains(t, s.diagnose().String(), "which the savepoint would render: container web exited with 1: FATAL: no DB_PASSWORD")
				// Run again, and planned again: not started once more.
				starts := s.starts["v2"]
				_, err = s.run(throughJSON(t, p, nil), x.options)
				require.ErrorContains(t, err, "is not started again")
				require.Equal(t, starts, s.starts["v2"])
				require.Zero(t, unlocked())
				q := s.stops(forProof(), "savepoint", "-mended prod/web", "has failed: container web exited with 1")
				require.NotContains(t, kindsOf(q), "proof")
				// Mended, as the operator says.
				fails = false
				c := forProof()
				c.Mended = []string{"prod/web"}
				if name == "not served" { // it is by now
					s.stops(c, "savepoint", "minimumHealthyPercent is 0", "-raise-minimum")
					c.RaiseMinimum = true
				}
				q, err = rescue.MakePlan(s.diagnose(), c)
				require.NoError(t, err)
				require.Nil(t, q.Stop, "%s", q)
				began = s.cloud.Now()
				r, err = s.run(throughJSON(t, q, nil))
				require.NoError(t, err, r)
				require.EqualValues(t, "rescued", r.Result)
				s.onlyNew(began, name)
				require.Empty(t, s.shortages(began))
			})
		})
	}
}

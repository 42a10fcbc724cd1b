package rescue_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// swept are the incidents that every call is disturbed in: the founding one, two
// services of which one fails with a new setting, and a flat stack with the tag in a
// parameter. What their operators wait for has been mended.
var swept = map[string]func(t *testing.T) (*rescuetest.Incident, rescue.Choices){
	"founding": func(t *testing.T) (*rescuetest.Incident, rescue.Choices) {
		return newIncident(t), forward()
	},
	"new setting": func(t *testing.T) (*rescuetest.Incident, rescue.Choices) {
		s := newSite(t)
		old := s.push("v1")
		s.push("w1")
		s.create(web("v1") + worker(rolling...))
		s.deleteImage(old)
		s.pushFailing("v2")
		require.EqualValues(t, "UPDATE_ROLLBACK_FAILED", s.update(web("v2", with("Environment: [{Name: MODE, Value: fast}]")...)+worker(rolling...)))
		s.mended = true
		s.cloud.ForgetCalls()
		return &rescuetest.Incident{Cloud: s.cloud, Stack: "prod", Cluster: "prod", Service: "web", OldTag: "v1", NewTag: "v2"}, rescue.Choices{Direction: rescue.Forward, Freeze: true}
	},
	"changed settings": func(t *testing.T) (*rescuetest.Incident, rescue.Choices) {
		s := newSite(t)
		s.tuned()
		s.mended = true
		s.cloud.ForgetCalls()
		return &rescuetest.Incident{Cloud: s.cloud, Stack: "prod", Cluster: "prod", Service: "web", OldTag: "v1", NewTag: "v2"}, rescue.Choices{Direction: rescue.Forward, Freeze: true}
	},
	"flat": func(t *testing.T) (*rescuetest.Incident, rescue.Choices) {
		in, err := rescuetest.NewIncident(t.Context(), "flat-stack")
		require.NoError(t, err)
		mend(t, in)
		in.Cloud.ForgetCalls()
		return in, rescue.Choices{Direction: rescue.Forward, Freeze: true, RaiseMinimum: true}
	},
}

// callsOf are the actions that an undisturbed run calls, and what it changes.
func callsOf(t *testing.T, incident string) (calls []string, changes map[string]int) {
	synctest.Test(t, func(t *testing.T) {
		in, c := swept[incident](t)
		p := plan(t, in, c)
		in.Cloud.ForgetCalls()
		r, err := rescue.Run(t.Context(), in.Cloud.Config(), p, confirmed)
		require.NoError(t, err, r)
		require.Contains(t, []rescue.Result{"rescued", "served-with-debt"}, r.Result, r)
		calls = actionsOf(in.Cloud)
		changes = done(in.Cloud)
	})
	return calls, changes
}

// actionsOf are the actions that have been called, in order.
func actionsOf(c *rescuetest.Cloud) (actions []string) {
	for _, call := range c.Calls() {
		actions = append(actions, call.Action)
	}
	return actions
}

// process is one process with its journal; one that has crashed writes nothing.
type process struct {
	in      *rescuetest.Incident
	journal []rescue.StepResult
	// calls are how many were made before it began.
	calls int
}

func (p *process) options(o *rescue.Options) {
	confirmed(o)
	o.Done = slices.Clone(p.journal)
	o.Journal = func(r rescue.StepResult) error {
		if calls := p.in.Cloud.Calls(); len(calls) > p.calls && errors.Is(calls[len(calls)-1].Err, rescuetest.ErrCrashed) {
			return rescuetest.ErrCrashed
		}
		p.journal = append(p.journal, r)
		return nil
	}
}

// again is what an operator does with nothing but the stack's name: diagnose, plan, run.
func again(t *testing.T, in *rescuetest.Incident, c rescue.Choices) error {
	d, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack)
	if err != nil {
		return err
	}
	p, err := rescue.MakePlan(d, c)
	if err != nil {
		return err
	}
	_, err = rescue.Run(t.Context(), in.Cloud.Config(), p, confirmed)
	return err
}

// ended judges where an incident has come to, by the cloud's record: "" for safe.
func ended(t *testing.T, in *rescuetest.Incident, began time.Time) string {
	t.Helper()
	record := in.Cloud.Record()
	for _, s := range record.Starts {
		if s.At.After(began) && s.Service == in.Service && strings.HasSuffix(s.Image, ":"+in.OldTag) {
			return "old code was started: " + s.Image
		}
	}
	for _, x := range record.Deletions {
		if x.At.After(began) && x.Kind != "AWS::ECS::TaskDefinition" && x.Kind != "AWS::ECR::Image" {
			return x.Kind + " " + x.Name + " was deleted"
		}
	}
	d, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack)
	require.NoError(t, err)
	if !allServed(d.Users) {
		return "users are not served: " + d.String()
	}
	return ""
}

// rescuedEnd reports whether an incident is over: the stack rests, and nothing is owed
// that its run did not state.
func rescuedEnd(t *testing.T, in *rescuetest.Incident) bool {
	t.Helper()
	d, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack)
	require.NoError(t, err)
	return d.Situation == "healthy"
}

// offsets are how much later a second operator begins, in steps of seven seconds.
func offsets() (all []int) {
	for n := range 90 {
		all = append(all, n)
	}
	return all
}

// cancelAt cancels a context at the n-th call.
func cancelAt(cfg aws.Config, n int, cancel func()) aws.Config {
	cfg = cfg.Copy()
	var mu sync.Mutex
	seen := 0
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(s *middleware.Stack) error {
		return s.Initialize.Add(middleware.InitializeMiddlewareFunc("test.cancel", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			mu.Lock()
			seen++
			mine := seen == n
			mu.Unlock()
			if mine {
				cancel()
			}
			return next.HandleInitialize(ctx, in)
		}), middleware.After)
	})
	return cfg
}

// Every call of a rescue goes wrong once, in every way: what the run does not get
// through by itself, the same plan run again does, with nothing done twice.
func TestEveryCallGoesWrong(t *testing.T) {
	t.Parallel()
	kinds := map[string]simtype.FaultKind{"throttle": simtype.Throttle, "500": simtype.ServerError, "denied": simtype.Deny, "lost answer": simtype.LostResponse, "slow": simtype.Slow, "stale": simtype.Stale}
	names, seen := append(slices.Sorted(maps.Keys(kinds)), "cancel"), map[string]bool{}
	for _, incident := range slices.Sorted(maps.Keys(swept)) {
		calls, changes := callsOf(t, incident)
		ends, bad, looked := map[string]int{}, []string(nil), 0
		for _, x := range sample.Calls(t, calls, names, 2, seen) {
			n, name := x.N, x.Kind
			{
				looked++
				synctest.Test(t, func(t *testing.T) {
					in, c := swept[incident](t)
					p := plan(t, in, c)
					in.Cloud.ForgetCalls()
					began := in.Cloud.Now()
					x := &process{in: in}
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					cfg := in.Cloud.Config()
					if name == "cancel" {
						cfg = cancelAt(cfg, n, cancel)
					} else {
						in.Cloud.Inject(simtype.Fault{Nth: n, Kind: kinds[name], Delay: 45 * time.Second})
					}
					_, err := rescue.Run(ctx, cfg, p, x.options)
					if err != nil {
						ends["stopped by "+name]++
						time.Sleep(time.Minute)
						in.Cloud.ClearFaults()
						_, err = rescue.Run(t.Context(), in.Cloud.Config(), p, x.options)
						if errors.Is(err, rescue.ErrChanged) || errors.Is(err, rescue.ErrPartly) {
							err = again(t, in, c)
						}
					} else {
						ends["got through "+name]++
						in.Cloud.ClearFaults()
					}
					say := fmt.Sprintf("%s, call %d %s: ", incident, n, name)
					if err != nil && !errors.Is(err, rescue.ErrHealthy) {
						bad = append(bad, say+err.Error())
						return
					}
					if fault := ended(t, in, began); fault != "" {
						bad = append(bad, say+fault)
						return
					}
					if !rescuedEnd(t, in) {
						bad = append(bad, say+"not rescued in the end")
						return
					}
					for _, a := range once {
						if got := done(in.Cloud)[a]; got > changes[a] {
							ends["repeated "+a]++
						}
					}
				})
			}
		}
		t.Logf("%s: %d calls, %d disturbed: %v, %d ended badly", incident, len(calls), looked, ends, len(bad))
		require.Empty(t, bad, strings.Join(bad[:min(len(bad), 10)], "\n"))
		require.Zero(t, ends["repeated cloudformation:ContinueUpdateRollback"]+ends["repeated cloudformation:ExecuteChangeSet"], "nothing irreversible twice")
	}
}

// A process that is killed at any call is followed by another one: with the plan and
// the journal of the first it gets to the end, and with nothing but the stack's name
// it ends safely.
func TestKilledAtEveryCall(t *testing.T) {
	t.Parallel()
	kinds := map[string]simtype.FaultKind{"before": simtype.CrashBefore, "after": simtype.CrashAfter}
	seen := map[string]bool{}
	for _, incident := range slices.Sorted(maps.Keys(swept)) {
		calls, _ := callsOf(t, incident)
		for _, folder := range []bool{true, false} {
			safe, over, looked, bad := 0, 0, 0, []string(nil)
			for _, x := range sample.Calls(t, calls, []string{"before", "after"}, 1, seen) {
				n, kind := x.N, kinds[x.Kind]
				{
					looked++
					synctest.Test(t, func(t *testing.T) {
						in, c := swept[incident](t)
						p := plan(t, in, c)
						in.Cloud.ForgetCalls()
						began := in.Cloud.Now()
						in.Cloud.Inject(simtype.Fault{Nth: n, Kind: kind})
						x := &process{in: in}
						_, err := rescue.Run(t.Context(), in.Cloud.Config(), p, x.options)
						time.Sleep(time.Minute)
						in.Cloud.ClearFaults()
						in.Cloud.Restart()
						x.calls = len(in.Cloud.Calls())
						say := fmt.Sprintf("%s, killed at call %d (%v), folder %t: ", incident, n, kind, folder)
						for range 3 { // the operation that was begun goes on inside AWS
							if err == nil || errors.Is(err, rescue.ErrHealthy) {
								break
							}
							if folder && !errors.Is(err, rescue.ErrChanged) && !errors.Is(err, rescue.ErrPartly) {
								_, err = rescue.Run(t.Context(), in.Cloud.Config(), throughJSON(t, p, nil), x.options)
							} else {
								err = again(t, in, c)
							}
							if errors.Is(err, rescue.ErrBusy) {
								time.Sleep(10 * time.Minute)
							}
						}
						fault := ended(t, in, began)
						if fault != "" {
							bad = append(bad, say+fmt.Sprint(fault, "; ", err))
							return
						}
						safe++
						if rescuedEnd(t, in) {
							over++
						} else {
							bad = append(bad, say+fmt.Sprint("not over: ", err))
						}
					})
				}
			}
			t.Logf("%s, folder %t: %d calls, killed at %d: %d safe, %d rescued", incident, folder, len(calls), looked, safe, over)
			require.Equal(t, looked, safe, strings.Join(bad[:min(len(bad), 10)], "\n"))
			if folder {
				require.Equal(t, looked, over, strings.Join(bad[:min(len(bad), 10)], "\n"))
			} else if len(bad) > 0 {
				t.Logf("safe and not rescued:\n%s", strings.Join(bad[:min(len(bad), 5)], "\n"))
			}
		}
	}
}

// Two operators begin one after the other, at 90 offsets, the second with the same
// plan or with one of its own. With a lease that both share nothing is repeated;
// without one, what is repeated is counted, and users are served all the same.
func TestTwoOperators(t *testing.T) {
	t.Parallel()
	type pair struct {
		incident, how string
		leased        bool
		offset        int
	}
	var all []pair
	for _, incident := range slices.Sorted(maps.Keys(swept)) {
		for _, how := range []string{"same plan", "plan of its own"} {
			for _, leased := range []bool{true, false} {
				for _, n := range offsets() {
					all = append(all, pair{incident, how, leased, n})
				}
			}
		}
	}
	all = sample.Of(t, all, sample.Few(4, 12), func(p pair) string {
		if sample.Wide() {
			return fmt.Sprint(p.incident, p.how, p.leased)
		}
		return fmt.Sprint(p.how, p.leased)
	})
	for _, incident := range slices.Sorted(maps.Keys(swept)) {
		_, changes := callsOf(t, incident)
		for _, how := range []string{"same plan", "plan of its own"} {
			for _, leased := range []bool{true, false} {
				runs, repeated := 0, map[string]int{}
				for _, x := range all {
					n := x.offset
					if x != (pair{incident, how, leased, n}) {
						continue
					}
					dir := t.TempDir()
					synctest.Test(t, func(t *testing.T) {
						in, c := swept[incident](t)
						p := plan(t, in, c)
						in.Cloud.ForgetCalls()
						began := in.Cloud.Now()
						lease := func(o *rescue.Options) {
							confirmed(o)
							if leased {
								o.Lease = migrate.FileStore(dir)
							}
						}
						var wg sync.WaitGroup
						wg.Go(func() { _, _ = rescue.Run(t.Context(), in.Cloud.Config(), p, lease) })
						wg.Go(func() {
							time.Sleep(time.Duration(n) * 7 * time.Second)
							q := p
							if how != "same plan" {
								d, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack)
								require.NoError(t, err)
								if q, err = rescue.MakePlan(d, c); err != nil {
									return
								}
							}
							_, _ = rescue.Run(t.Context(), in.Cloud.Config(), q, lease)
						})
						wg.Wait()
						runs++
						for _, a := range once {
							if got := done(in.Cloud)[a]; got > changes[a] {
								repeated[a] += got - changes[a]
							}
						}
						time.Sleep(30 * time.Minute)
						require.Empty(t, ended(t, in, began), "%s, %s, leased %t, %d", incident, how, leased, n)
					})
				}
				t.Logf("%s, %s, leased %t: %d pairs, repeated %v", incident, how, leased, runs, repeated)
				if leased {
					require.Empty(t, repeated)
				}
			}
		}
	}
}

package ecsx_test

import (
	"errors"
	"fmt"
	"math/rand"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// P1: from the outcome to the verdict, and calls a second meanwhile.
func TestVerdict(t *testing.T) {
	sizes := []int32{10, 1000}
	if *trials < 20 {
		sizes = sizes[:1] // a thousand tasks take minutes
	}
	for _, tasks := range sizes {
		for _, kind := range []struct {
			name     string
			program  func(d time.Duration) simtype.Program // nil: the image is missing
			patience int
			want     ecsx.Outcome
		}{
			{"success", func(d time.Duration) simtype.Program { return rescuetest.RunsAfter(d) }, 0, "succeeded"},
			{"rollback", func(d time.Duration) simtype.Program { return rescuetest.Exits(1, time.Second+d/20, "FATAL: no") }, 0, "rolled back"},
			{"missing image, patient", nil, -1, "rolled back"},
			// Of many tasks that all fail at once ECS goes back before anybody can ask; of two
			// it waits for more.
			{"missing image, fail fast", nil, 0, "failing"},
			{"crash loop", func(d time.Duration) simtype.Program { return rescuetest.Exits(1, 5*time.Second+d/40, "FATAL: no") }, 0, "rolled back"},
		} {
			desired := tasks
			if kind.want == "failing" {
				desired = 2
			}
			var lag, rate, waiter []float64
			said := map[string]int{}
			for n := range *trials {
				d := time.Duration(rand.New(rand.NewSource(int64(n))).Float64() * float64(10*time.Minute))
				synctest.Test(t, func(t *testing.T) {
					s := newSite(t)
					s.serve("web", s.define("web", "/app", s.push("1", rescuetest.Runs())), desired)
					image := s.ref("2")
					if kind.program != nil {
						s.push("2", kind.program(d))
					}
					dep := s.deploy("web", s.define("web", "/app", image))
					s.cloud.ForgetCalls()
					start := s.cloud.Now()
					_, err := dep.WaitRollout(t.Context(), s.ecs, func(o *ecsx.RolloutOptions) { o.Patience = kind.patience })
					verdict, calls := s.cloud.Now(), len(s.cloud.Calls())
					got := ecsx.Outcome("succeeded")
					if e, ok := errors.AsType[*ecsx.RolloutError](err); ok {
						got = e.Last.Outcome
					}
					require.Equal(t, kind.want, got, "%v", err)
					var at time.Time
					if got == "failing" {
						at = s.first(dep.ID)
					} else {
						at = s.finished(dep.Record)
					}
					lag = append(lag, verdict.Sub(at).Seconds())
					rate = append(rate, float64(calls)/verdict.Sub(start).Seconds())
				})
				synctest.Test(t, func(t *testing.T) {
					s := newSite(t)
					s.serve("web", s.define("web", "/app", s.push("1", rescuetest.Runs())), desired)
					image := s.ref("2")
					if kind.program != nil {
						s.push("2", kind.program(d))
					}
					dep := s.deploy("web", s.define("web", "/app", image))
					err := ecs.NewServicesStableWaiter(s.ecs).Wait(t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("prod"), Services: []string{"web"}}, 3*time.Hour)
					waiter = append(waiter, s.cloud.Now().Sub(s.finished(dep.Record)).Seconds())
					said[fmt.Sprint("stable: ", err == nil)]++
				})
			}
			mean, text := stats(lag)
			calls, rates := stats(rate)
			_, waited := stats(waiter)
			t.Logf("%4d tasks, %-24s lag %s s; calls a second %s; SDK waiter lag %s s, %v", desired, kind.name, text, rates, waited, said)
			most := 2.5
			if kind.want == "failing" {
				most = 5
			}
			if *trials >= 20 { // a mean of few is no mean
				require.LessOrEqual(t, mean, most)
			}
			require.LessOrEqual(t, calls, 0.6)
		}
	}
}

// Fail fast: from the first task that stops for a missing image to the verdict, at
// any size. Of many tasks that all fail at once a circuit breaker goes back before
// anybody can ask, so there is none here.
func TestFailFast(t *testing.T) {
	for _, tasks := range []int32{2, 10, 1000} {
		var lag, rate []float64
		for range *trials {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.serveWith("web", s.define("web", "/app", s.push("1", rescuetest.Runs())), tasks, false)
				dep := s.deploy("web", s.define("web", "/app", s.ref("2")))
				s.cloud.ForgetCalls()
				start := s.cloud.Now()
				_, err := dep.WaitRollout(t.Context(), s.ecs)
				verdict, calls := s.cloud.Now(), len(s.cloud.Calls())
				e, ok := errors.AsType[*ecsx.RolloutError](err)
				require.True(t, ok, "%v", err)
				require.Equal(t, ecsx.Outcome("failing"), e.Last.Outcome)
				require.Equal(t, ecsx.Class("image-missing"), e.Causes[0].Cause.Class)
				lag = append(lag, verdict.Sub(s.first(dep.ID)).Seconds())
				rate = append(rate, float64(calls)/verdict.Sub(start).Seconds())
			})
		}
		_, text := stats(lag)
		calls, rates := stats(rate)
		t.Logf("%4d tasks, missing image, fail fast: %s s after the first stop; calls a second %s", tasks, text, rates)
		require.LessOrEqual(t, lag[len(lag)-1], 5.0)
		require.LessOrEqual(t, calls, 0.6)
	}
}

// first is when the first task of a deployment began to stop.
func (s *site) first(id string) time.Time {
	first := s.cloud.Now()
	list, err := s.ecs.ListTasks(s.t.Context(), &ecs.ListTasksInput{Cluster: aws.String("prod"), DesiredStatus: types.DesiredStatusStopped, StartedBy: &id})
	require.NoError(s.t, err)
	out, err := s.ecs.DescribeTasks(s.t.Context(), &ecs.DescribeTasksInput{Cluster: aws.String("prod"), Tasks: list.TaskArns})
	require.NoError(s.t, err)
	for _, x := range out.Tasks {
		if x.StoppingAt != nil && x.StoppingAt.Before(first) {
			first = *x.StoppingAt
		}
	}
	return first
}

// Ten services, together and each alone.
func TestTenServices(t *testing.T) {
	for _, together := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t)
			old := s.define("web", "/app", s.push("1", rescuetest.Runs()))
			next := s.define("web", "/app", s.push("2", rescuetest.RunsAfter(4*time.Minute)))
			for i := range 10 {
				s.serve(fmt.Sprint("s", i), old, 1)
			}
			var ds []ecsx.Deployment
			for i := range 10 {
				ds = append(ds, s.deploy(fmt.Sprint("s", i), next))
			}
			s.cloud.ForgetCalls()
			start := time.Now()
			if together {
				_, err := ecsx.WaitRollouts(t.Context(), s.ecs, ds)
				require.NoError(t, err)
			} else {
				var wg sync.WaitGroup
				for _, d := range ds {
					wg.Go(func() { _, _ = d.WaitRollout(t.Context(), s.ecs) })
				}
				wg.Wait()
			}
			rate := float64(len(s.cloud.Calls())) / time.Since(start).Seconds()
			t.Logf("10 services, together %v: %d calls in %s, %.2f a second", together, len(s.cloud.Calls()), time.Since(start).Round(time.Second), rate)
			if together {
				require.LessOrEqual(t, rate, 0.6)
			}
		})
	}
}

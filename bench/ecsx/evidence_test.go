package ecsx_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// read hands the cluster's evidence over and returns how many tasks and how long
// it took.
func (s *site) read(cfg aws.Config, every bool) (n int, took time.Duration) {
	s.cloud.ForgetCalls()
	start := time.Now()
	require.NoError(s.t, ecsx.WaitStoppedTaskLogs(s.t.Context(), ecs.NewFromConfig(cfg), cloudwatchlogs.NewFromConfig(cfg), ecsx.Query{Cluster: "prod"}, func(x ecsx.StoppedTask) error {
		n++
		return nil
	}, func(o *ecsx.StoppedOptions) { o.EveryLog, o.Parallel = every, 4 }))
	return n, time.Since(start)
}

// P2: 1,000 tasks x 3 containers x 5 definitions take 55 calls, none of them
// throttled, in little more than the library's own buckets let through.
func TestThousandTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		image := s.push("1", rescuetest.Exits(3, time.Second, "boom"))
		for i := range 5 {
			s.run(s.define(fmt.Sprint("job", i), "/app", image, image, image), 200)
		}
		time.Sleep(5 * time.Minute)
		// Half of 25 calls of FilterLogEvents a second, after a burst of as many: 12 are
		// let through at once. ListTasks pages come one after the other.
		floor := 10*100*time.Millisecond + time.Duration(float64(30-12)/12.5*float64(time.Second))
		for _, limited := range []bool{true, false} {
			cfg := s.cloud.Config()
			if limited {
				cfg = ecsx.Limit(cfg)
			}
			n, took := s.read(cfg, true)
			require.Equal(t, 1000, n)
			throttled := 0
			for _, c := range s.cloud.Calls() {
				if c.Err != nil {
					throttled++
				}
			}
			t.Logf("1,000 tasks x 3 x 5, own limits %v: %d calls, %d throttled, %s (floor of the buckets and of the pages %s)", limited, len(s.cloud.Calls()), throttled, took.Round(10*time.Millisecond), floor)
			require.Len(t, s.cloud.Calls(), 55)
			require.Zero(t, throttled)
			require.LessOrEqual(t, took, floor*12/10)
		}
		n, took := s.read(s.cloud.Config(), false)
		t.Logf("the same, first and last of each crash loop: %d tasks, %d calls, %s", n, len(s.cloud.Calls()), took.Round(10*time.Millisecond))
	})
}

// One hot log group and 49 quiet ones.
func TestSkew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		image := s.push("1", rescuetest.Exits(3, time.Second, "boom"))
		var tds []string
		for i := range 50 {
			s.group(fmt.Sprint("/svc/", i))
			tds = append(tds, s.define(fmt.Sprint("svc", i), fmt.Sprint("/svc/", i), image))
			time.Sleep(time.Second)
		}
		for round := range 200 {
			s.run(tds[0], 10)
			s.run(tds[1+round%49], 10)
		}
		time.Sleep(5 * time.Minute)
		n, _ := s.read(s.cloud.Config(), true)
		t.Logf("%d tasks, one hot and 49 quiet groups: %d FilterLogEvents", n, s.count("logs:FilterLogEvents"))
		require.LessOrEqual(t, s.count("logs:FilterLogEvents"), 75)
	})
}

// One container of three that never writes, and a log group that is gone.
func TestSilentAndDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		loud, mute := s.push("1", rescuetest.Exits(3, time.Second, "boom")), s.push("2", rescuetest.Exits(0, time.Second))
		s.run(s.define("x", "/app", loud, loud, mute), 1000)
		time.Sleep(50 * time.Minute)
		n, took := s.read(s.cloud.Config(), true)
		t.Logf("%d tasks, one of three containers is silent: %d FilterLogEvents in %s", n, s.count("logs:FilterLogEvents"), took.Round(10*time.Millisecond))
		require.LessOrEqual(t, s.count("logs:FilterLogEvents"), 60)
		_, err := s.logs.DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: aws.String("/app")})
		require.NoError(t, err)
		n, took = s.read(s.cloud.Config(), true)
		t.Logf("%d tasks, the log group is deleted: %d FilterLogEvents in %s", n, s.count("logs:FilterLogEvents"), took.Round(10*time.Millisecond))
		require.Equal(t, 1, s.count("logs:FilterLogEvents"))
	})
}

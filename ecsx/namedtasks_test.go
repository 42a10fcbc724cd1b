package ecsx_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// A wait for named tasks ends for every way in which a task can be named, also
// for one that an earlier call has handed over.
func TestNamedTasksEndTheWait(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		seen  int // how many of the two tasks the cursor knows
		query func(a, b string) []string
		want  int
	}{
		"once each":                  {0, func(a, b string) []string { return []string{a, b} }, 2},
		"named twice":                {0, func(a, b string) []string { return []string{a, a, b} }, 2},
		"by id and by ARN":           {0, func(a, b string) []string { return []string{id(a), a, b, id(b)} }, 2},
		"all seen":                   {2, func(a, b string) []string { return []string{a, b} }, 0},
		"all seen, named by id":      {2, func(a, b string) []string { return []string{id(a), id(b)} }, 0},
		"one seen":                   {1, func(a, b string) []string { return []string{a, b} }, 1},
		"one seen, named twice":      {1, func(a, b string) []string { return []string{id(a), a, b, b} }, 1},
		"one never existed":          {0, func(a, _ string) []string { return []string{a, "0123456789abcdef0123456789abcdef"} }, 2},
		"one never existed, a seen":  {1, func(a, _ string) []string { return []string{a, "0123456789abcdef0123456789abcdef"} }, 1},
		"seen is not the task named": {1, func(_, b string) []string { return []string{b} }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				td := f.register("app", f.push("app", "1", rescuetest.Exits(3, time.Second, "boom")))
				arns := make([]string, 2)
				for i := range arns {
					out, err := f.ecs.RunTask(t.Context(), &ecs.RunTaskInput{Cluster: aws.String("prod"), TaskDefinition: &td})
					require.NoError(t, err)
					arns[i] = *out.Tasks[0].TaskArn
				}
				time.Sleep(5 * time.Minute)
				var cursor ecsx.Cursor
				wait := func(tasks ...string) (n int) {
					start := time.Now()
					err := ecsx.WaitStoppedTaskLogs(t.Context(), f.ecs, f.logs, ecsx.Query{Cluster: "prod", Tasks: tasks}, func(ecsx.StoppedTask) error {
						n++
						return nil
					}, func(o *ecsx.StoppedOptions) { o.Cursor = &cursor })
					require.NoError(t, err)
					require.Less(t, time.Since(start), 5*time.Minute)
					return n
				}
				if test.seen > 0 {
					require.Equal(t, test.seen, wait(arns[:test.seen]...))
				}
				require.Equal(t, test.want, wait(test.query(arns[0], arns[1])...))
			})
		})
	}
}

func id(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

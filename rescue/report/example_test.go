package report_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/report"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// fast and simulated let an example run 4,000 times as fast as an account.
func fast(o *rescuetest.IncidentOptions) { o.Speed, o.Latency = 4000, 50*time.Microsecond }

func simulated(c *rescuetest.Cloud) func(*rescue.Options) {
	return func(o *rescue.Options) {
		o.Interval, o.Settle, o.Now = c.Wall(5*time.Second), c.Wall(10*time.Second), c.Now
	}
}

func ExampleTell() {
	ctx := context.Background()
	in, err := rescuetest.ExpiredRollbackImage(ctx, fast)
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := rescue.Diagnose(ctx, in.Cloud.Config(), in.Stack, simulated(in.Cloud))
	if err != nil {
		fmt.Println(err)
		return
	}
	s := report.Tell(report.Input{Diagnosis: d, Proposals: d.Compare(rescue.Choices{Freeze: true, Mended: []string{"prod/backend"}})})
	fmt.Println(s.Word)
	for _, c := range s.Causes {
		fmt.Println(c.Letter, c.Question)
	}
	for _, c := range s.Choices {
		fmt.Println(c.Direction, c.Can)
	}
	// Output:
	// STUCK
	// A Why the update failed
	// B Why ECS could not go back
	// C Why CloudFormation could not go back
	// serve yes
	// forward yes
	// hold yes
	// back no
}

// What docs/embed.md shows is the example.
func TestEmbedPageIsTheExample(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/embed.md")
	require.NoError(t, err)
	source, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	m := regexp.MustCompile("(?s)```go\n(.*?)```").FindSubmatch(page)
	require.NotNil(t, m)
	require.Contains(t, strings.ReplaceAll(string(source), "\n\t", "\n"), strings.TrimSpace(string(m[1])))
}

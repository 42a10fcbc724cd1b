package logssim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sim/logssim"
	"github.com/stackrescue/stackrescue/internal/sim/simtest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

func start(t *testing.T, sw *simtype.Switches) (*simtest.Sim, *logssim.Service, *cloudwatchlogs.Client) {
	t.Helper()
	sim := simtest.New(sw)
	s := logssim.New(sim.World)
	s.Register(&sim.Table)
	c := cloudwatchlogs.NewFromConfig(sim.Config())
	_, err := c.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/app")})
	require.NoError(t, err)
	return sim, s, c
}

func write(t *testing.T, sim *simtest.Sim, s *logssim.Service, stream string, lines int) {
	t.Helper()
	sim.World.Do(func() {
		for i := range lines {
			require.NoError(t, s.Append("/app", stream, sim.World.Now().Add(time.Duration(i)*time.Second), fmt.Sprintf("line %d", i)))
		}
	})
}

// readAll follows forward tokens until one comes back.
func readAll(t *testing.T, c *cloudwatchlogs.Client, limit int32) (lines []string, calls int) {
	t.Helper()
	in := &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/app"), LogStreamName: aws.String("web/1"), StartFromHead: aws.Bool(true), Limit: aws.Int32(limit)}
	for {
		out, err := c.GetLogEvents(t.Context(), in)
		require.NoError(t, err)
		calls++
		for _, e := range out.Events {
			lines = append(lines, *e.Message)
		}
		if in.NextToken != nil && *in.NextToken == *out.NextForwardToken {
			return lines, calls
		}
		in.NextToken = out.NextForwardToken
	}
}

func TestGetLogEvents(t *testing.T) {
	simtest.Bubble(t, func(t *testing.T) {
		sim, s, c := start(t, nil)
		write(t, sim, s, "web/1", 25)
		lines, calls := readAll(t, c, 10)
		require.Len(t, lines, 25)
		require.Equal(t, 4, calls, "three pages and the end")
		sim.World.Do(func() { s.EmptyPages, s.PageEvents = true, 5 })
		sparse, calls := readAll(t, c, 10)
		require.Equal(t, lines, sparse)
		require.Equal(t, 10, calls)

		sim.World.Do(func() { s.EmptyPages, s.PageEvents = false, 0 })
		in := &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/app"), LogStreamName: aws.String("web/1"), Limit: aws.Int32(10)}
		out, err := c.GetLogEvents(t.Context(), in)
		require.NoError(t, err)
		require.Equal(t, "line 15", *out.Events[0].Message, "the latest first")
		require.Equal(t, "line 24", *out.Events[9].Message)
		in.NextToken = out.NextBackwardToken
		out, err = c.GetLogEvents(t.Context(), in)
		require.NoError(t, err)
		require.Equal(t, "line 5", *out.Events[0].Message)
		in.NextToken = out.NextForwardToken
		out, err = c.GetLogEvents(t.Context(), in)
		require.NoError(t, err)
		require.Equal(t, "line 15", *out.Events[0].Message)
	})
}

func TestFilterLogEvents(t *testing.T) {
	simtest.Bubble(t, func(t *testing.T) {
		sim, s, c := start(t, nil)
		write(t, sim, s, "web/1", 5)
		write(t, sim, s, "web/2", 5)
		all := func(in cloudwatchlogs.FilterLogEventsInput) (lines []string, calls int) {
			in.LogGroupName = aws.String("/app")
			for p := cloudwatchlogs.NewFilterLogEventsPaginator(c, &in); p.HasMorePages(); calls++ {
				out, err := p.NextPage(t.Context())
				require.NoError(t, err)
				for _, e := range out.Events {
					lines = append(lines, *e.LogStreamName+" "+*e.Message)
				}
			}
			return lines, calls
		}
		lines, calls := all(cloudwatchlogs.FilterLogEventsInput{Limit: aws.Int32(4)})
		require.Equal(t, 3, calls)
		require.Equal(t, []string{"web/1 line 0", "web/2 line 0", "web/1 line 1"}, lines[:3], "interleaved")
		sim.World.Do(func() { s.EmptyPages = true })
		sparse, calls := all(cloudwatchlogs.FilterLogEventsInput{Limit: aws.Int32(4)})
		require.Equal(t, lines, sparse)
		require.Equal(t, 6, calls)
		lines, _ = all(cloudwatchlogs.FilterLogEventsInput{LogStreamNamePrefix: aws.String("web/2"), FilterPattern: aws.String(`line ?"line 1" ?"line 3" -x`)})
		require.Equal(t, []string{"web/2 line 1", "web/2 line 3"}, lines)
		_, err := c.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/app"), LogStreamNames: []string{"web/1", "none"}})
		require.ErrorAs(t, err, new(*types.ResourceNotFoundException))
		require.ErrorContains(t, err, "The specified log stream does not exist.")
	})
}

func TestLateStream(t *testing.T) {
	simtest.Bubble(t, func(t *testing.T) {
		sim, s, c := start(t, &simtype.Switches{LogDelay: 32 * time.Second})
		write(t, sim, s, "web/1", 1)
		get := func() error {
			_, err := c.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/app"), LogStreamName: aws.String("web/1")})
			return err
		}
		require.ErrorContains(t, get(), "The specified log stream does not exist.")
		time.Sleep(32 * time.Second)
		require.NoError(t, get())
		last := func() *int64 {
			out, err := c.DescribeLogStreams(t.Context(), &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: aws.String("/app")})
			require.NoError(t, err)
			return out.LogStreams[0].LastEventTimestamp
		}
		require.Nil(t, last(), "known later")
		time.Sleep(10 * time.Minute)
		require.NotNil(t, last())
		sim.World.Do(func() { require.Error(t, s.Append("/none", "x", time.Now(), "line")) })
	})
}

func TestRetention(t *testing.T) {
	simtest.Bubble(t, func(t *testing.T) {
		sim, s, c := start(t, nil)
		write(t, sim, s, "web/1", 3)
		_, err := c.PutRetentionPolicy(t.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: aws.String("/app"), RetentionInDays: aws.Int32(2)})
		require.ErrorAs(t, err, new(*types.InvalidParameterException))
		_, err = c.PutRetentionPolicy(t.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: aws.String("/app"), RetentionInDays: aws.Int32(1)})
		require.NoError(t, err)
		lines, _ := readAll(t, c, 10)
		require.Len(t, lines, 3)
		time.Sleep(25 * time.Hour)
		lines, _ = readAll(t, c, 10)
		require.Empty(t, lines)
	})
}

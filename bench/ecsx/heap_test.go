package ecsx_test

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecsx"
)

// made makes up tasks and logs as they are asked for, so that what is on the heap
// is the library's.
type made struct{ tasks, lines int }

var epoch = time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)

func (m made) ListTasks(_ context.Context, in *ecs.ListTasksInput, _ ...func(*ecs.Options)) (*ecs.ListTasksOutput, error) {
	from, _ := strconv.Atoi(aws.ToString(in.NextToken))
	out := &ecs.ListTasksOutput{}
	for i := from; i < min(from+100, m.tasks); i++ {
		out.TaskArns = append(out.TaskArns, fmt.Sprintf("arn:aws:ecs:us-east-1:123456789012:task/prod/%032d", i))
	}
	if from+100 < m.tasks {
		out.NextToken = aws.String(strconv.Itoa(from + 100))
	}
	return out, nil
}

func (m made) DescribeTasks(_ context.Context, in *ecs.DescribeTasksInput, _ ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error) {
	out := &ecs.DescribeTasksOutput{}
	for _, arn := range in.Tasks {
		n, _ := strconv.Atoi(arn[strings.LastIndexByte(arn, '/')+1:])
		at := epoch.Add(time.Duration(n) * time.Second)
		x := types.Task{
			TaskArn: aws.String(arn), TaskDefinitionArn: aws.String(fmt.Sprintf("arn:aws:ecs:us-east-1:123456789012:task-definition/web:%d", n%5)), Group: aws.String("service:web"), LastStatus: aws.String("STOPPED"),
			StopCode: types.TaskStopCodeEssentialContainerExited, StoppedReason: aws.String("Essential container in task exited"), CreatedAt: &at, StoppingAt: aws.Time(at.Add(time.Minute)), StoppedAt: aws.Time(at.Add(2 * time.Minute)),
		}
		for _, c := range []string{"app", "proxy", "agent"} {
			x.Containers = append(x.Containers, types.Container{Name: aws.String(c), Image: aws.String("123456789012.dkr.ecr.us-east-1.amazonaws.com/" + c + ":v1"), ImageDigest: aws.String("sha256:" + strings.Repeat("0123456789abcdef", 4)), RuntimeId: aws.String(strings.Repeat("ab", 32)), ExitCode: aws.Int32(1)})
		}
		out.Tasks = append(out.Tasks, x)
	}
	return out, nil
}

func (m made) DescribeTaskDefinition(_ context.Context, in *ecs.DescribeTaskDefinitionInput, _ ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error) {
	d := &types.TaskDefinition{TaskDefinitionArn: in.TaskDefinition}
	for _, c := range []string{"app", "proxy", "agent"} {
		d.ContainerDefinitions = append(d.ContainerDefinitions, types.ContainerDefinition{Name: aws.String(c), LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{"awslogs-group": "/app", "awslogs-stream-prefix": "p"}}})
	}
	return &ecs.DescribeTaskDefinitionOutput{TaskDefinition: d}, nil
}

func (m made) FilterLogEvents(_ context.Context, in *cloudwatchlogs.FilterLogEventsInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	from, _ := strconv.Atoi(aws.ToString(in.NextToken))
	total := m.lines * len(in.LogStreamNames)
	out := &cloudwatchlogs.FilterLogEventsOutput{}
	i := from
	for ; i < min(from+10000, total); i++ {
		out.Events = append(out.Events, logstypes.FilteredLogEvent{LogStreamName: &in.LogStreamNames[i%len(in.LogStreamNames)], Timestamp: aws.Int64(epoch.UnixMilli() + int64(i)), Message: aws.String("2026-11-26T00:00:00Z INFO a line of a hundred characters or so that an application writes to its log " + strconv.Itoa(i))})
	}
	if i < total {
		out.NextToken = aws.String(strconv.Itoa(i))
	}
	return out, nil
}

func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// 10,000 tasks x 3 containers x 1,000 lines, of which one batch is held.
func TestHeap(t *testing.T) {
	tasks := 10000
	if *trials < 20 {
		tasks = 100 // thirty million lines take minutes
	}
	for _, test := range []struct {
		name  string
		tasks int
		lines int
		most  float64 // MiB
		edit  func(*ecsx.StoppedOptions)
	}{
		{"default", 10000, 50, 32, func(*ecsx.StoppedOptions) {}},
		{"every task", tasks, 1000, 64, func(o *ecsx.StoppedOptions) { o.EveryLog = true }},
		{"every task, the last 50 lines", tasks, 1000, 32, func(o *ecsx.StoppedOptions) { o.EveryLog, o.TailLines = true, 50 }},
		{"no logs, with a cursor", 10000, 0, 32, func(o *ecsx.StoppedOptions) { o.Cursor = &ecsx.Cursor{} }},
	} {
		m, before, peak, n := made{test.tasks, test.lines}, live(), uint64(0), 0
		logs := cloudwatchlogs.FilterLogEventsAPIClient(m)
		if test.lines == 0 {
			logs = nil
		}
		require.NoError(t, ecsx.WaitStoppedTaskLogs(t.Context(), m, logs, ecsx.Query{Cluster: "prod"}, func(ecsx.StoppedTask) error {
			if n++; n%(test.tasks/10) == 5 {
				if now := live(); now > before {
					peak = max(peak, now-before)
				}
			}
			return nil
		}, func(o *ecsx.StoppedOptions) { o.Settle = -1; test.edit(o) }))
		t.Logf("%d tasks x 3 x %d lines, %s: %.1f MiB live", test.tasks, test.lines, test.name, float64(peak)/(1<<20))
		require.LessOrEqual(t, float64(peak)/(1<<20), test.most)
	}
}

package cfnx_test

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
)

// estate answers for a root with 20 nested stacks, 119 resources and 300 events
// of the latest update each, before which there are 2,100 older ones; every call
// takes 100 ms.
type estate struct {
	calls, running, most atomic.Int64
	throttle             atomic.Int64 // so many calls are refused first
}

const estateRoot = "arn:aws:cloudformation:us-east-1:123456789012:stack/root/0"

func (e *estate) call() error {
	e.calls.Add(1)
	n := e.running.Add(1)
	for m := e.most.Load(); n > m && !e.most.CompareAndSwap(m, n); m = e.most.Load() {
	}
	time.Sleep(100 * time.Millisecond)
	e.running.Add(-1)
	if e.throttle.Add(-1) >= 0 {
		return &smithy.GenericAPIError{Code: "Throttling", Message: "Rate exceeded"}
	}
	return nil
}

func nameOf(id string) string { return strings.Split(id, "/")[1] }

func (e *estate) DescribeStacks(_ context.Context, in *cfn.DescribeStacksInput, _ ...func(*cfn.Options)) (*cfn.DescribeStacksOutput, error) {
	id := *in.StackName
	return &cfn.DescribeStacksOutput{Stacks: []types.Stack{{StackId: &id, StackName: new(nameOf(id)), RootId: new(estateRoot), StackStatus: types.StackStatusUpdateRollbackFailed}}}, e.call()
}

func (e *estate) ListStackResources(_ context.Context, in *cfn.ListStackResourcesInput, _ ...func(*cfn.Options)) (*cfn.ListStackResourcesOutput, error) {
	out := &cfn.ListStackResourcesOutput{}
	if *in.StackName == estateRoot {
		for i := range 20 {
			out.StackResourceSummaries = append(out.StackResourceSummaries, types.StackResourceSummary{LogicalResourceId: new(fmt.Sprintf("N%d", i)), ResourceType: new("AWS::CloudFormation::Stack"),
				PhysicalResourceId: new(fmt.Sprintf("arn:aws:cloudformation:us-east-1:123456789012:stack/root-N%d/%d", i, i+1)), ResourceStatus: types.ResourceStatusUpdateComplete})
		}
		return out, e.call()
	}
	from := 0
	if in.NextToken != nil {
		from = 100
	} else {
		out.NextToken = new("more")
	}
	for i := from; i < min(from+100, 119); i++ {
		out.StackResourceSummaries = append(out.StackResourceSummaries, types.StackResourceSummary{LogicalResourceId: new(fmt.Sprintf("R%d", i)), PhysicalResourceId: new(fmt.Sprintf("r-%d", i)), ResourceType: new("AWS::SNS::Topic"), ResourceStatus: types.ResourceStatusUpdateComplete})
	}
	return out, e.call()
}

func (e *estate) DescribeStackEvents(_ context.Context, in *cfn.DescribeStackEventsInput, _ ...func(*cfn.Options)) (*cfn.DescribeStackEventsOutput, error) {
	from, id := 0, *in.StackName
	if in.NextToken != nil {
		from, _ = strconv.Atoi(*in.NextToken)
	}
	out := &cfn.DescribeStackEventsOutput{NextToken: new(strconv.Itoa(from + 100))}
	for i := from; i < from+100; i++ {
		ev := types.StackEvent{EventId: new(strconv.Itoa(i)), StackId: &id, StackName: new(nameOf(id)), LogicalResourceId: new(fmt.Sprintf("R%d", i%119)), PhysicalResourceId: new("r"), ResourceType: new("AWS::SNS::Topic"),
			ResourceStatus: types.ResourceStatusUpdateComplete, Timestamp: new(time.Unix(int64(10_000-i), 0))}
		if i%300 == 299 {
			ev.PhysicalResourceId, ev.ResourceStatus = &id, types.ResourceStatusUpdateInProgress
		}
		out.StackEvents = append(out.StackEvents, ev)
	}
	if from >= 2300 {
		out.NextToken = nil
	}
	return out, e.call()
}

func (e *estate) GetTemplate(context.Context, *cfn.GetTemplateInput, ...func(*cfn.Options)) (*cfn.GetTemplateOutput, error) {
	return &cfn.GetTemplateOutput{TemplateBody: new("Resources: {}" + strings.Repeat(" ", 50_000))}, e.call()
}

// A large tree is read with as many calls as its pages are, of the latest
// update, and in few rounds.
func TestSnapshotOfALargeTree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &estate{}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		began := time.Now()
		tree, err := cfnx.Snapshot(t.Context(), e, estateRoot)
		require.NoError(t, err)
		took := time.Since(began)
		runtime.GC()
		runtime.ReadMemStats(&after)
		n, resources, events := 0, 0, 0
		for s := range tree.All() {
			require.Empty(t, s.Unread)
			n, resources, events = n+1, resources+len(s.Resources), events+len(s.Events)
		}
		heap := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) >> 20
		t.Logf("%d stacks, %d resources, %d events of 50,400: %d calls in %d rounds of 100 ms, %d at once, %d MiB", n, resources, events, e.calls.Load(), took/(100*time.Millisecond), e.most.Load(), heap)
		require.Equal(t, []int{21, 2400, 6300}, []int{n, resources, events})
		require.EqualValues(t, 1+1+3+1+20*(1+2+3+1), e.calls.Load(), "describe, resources, events and template, page by page")
		require.LessOrEqual(t, took, 12*100*time.Millisecond)
		require.LessOrEqual(t, e.most.Load(), int64(24))
		require.Less(t, heap, int64(64))
		runtime.KeepAlive(tree)
	})
}

// A call that is throttled is repeated, and not taken for a part that cannot be
// read.
func TestSnapshotIsPatientWithThrottling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &estate{}
		began := time.Now()
		_, err := cfnx.Snapshot(t.Context(), e, estateRoot)
		require.NoError(t, err)
		quiet := time.Since(began)
		go func() { time.Sleep(150 * time.Millisecond); e.throttle.Store(15) }()
		began = time.Now()
		tree, err := cfnx.Snapshot(t.Context(), e, estateRoot)
		require.NoError(t, err)
		for s := range tree.All() {
			require.Empty(t, s.Unread, s.Name)
		}
		require.Greater(t, time.Since(began), quiet)
	})
}

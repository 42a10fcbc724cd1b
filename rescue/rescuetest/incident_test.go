package rescuetest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

func TestExpiredRollbackImage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		in, err := rescuetest.ExpiredRollbackImage(t.Context())
		require.NoError(t, err)
		t.Log(in.Cloud.Now().Sub(begin), time.Since(begin))
		cfn := cloudformation.NewFromConfig(in.Cloud.Config())
		out, err := cfn.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{})
		require.NoError(t, err)
		for _, s := range out.Stacks {
			t.Log(*s.StackName, s.StackStatus, len(s.Outputs))
			for _, o := range s.Outputs {
				t.Log("   ", *o.OutputKey, *o.OutputValue)
			}
			ev, err := cfn.DescribeStackEvents(t.Context(), &cloudformation.DescribeStackEventsInput{StackName: s.StackId})
			require.NoError(t, err)
			for _, e := range ev.StackEvents {
				r := ""
				if e.ResourceStatusReason != nil {
					r = *e.ResourceStatusReason
				}
				t.Log("   ", e.Timestamp.Format("01-02 15:04:05"), *e.LogicalResourceId, e.ResourceStatus, r)
			}
		}
		e := ecs.NewFromConfig(in.Cloud.Config())
		l, err := e.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: &in.Cluster, DesiredStatus: "STOPPED"})
		require.NoError(t, err)
		d, err := e.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: &in.Cluster, Tasks: l.TaskArns})
		require.NoError(t, err)
		for _, x := range d.Tasks {
			t.Log(x.StoppedAt, *x.TaskDefinitionArn, x.StopCode, *x.StoppedReason)
		}
		sv, _ := e.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: &in.Cluster, Services: []string{in.Service}})
		for _, ev := range sv.Services[0].Events {
			t.Log(ev.CreatedAt, *ev.Message)
		}
		in.Do(func() { t.Logf("%+v", *in.Database) })
	})
}

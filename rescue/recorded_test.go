package rescue_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// truth is what the simulated cloud knows of an incident, read without the library.
type truth struct {
	root     cfntypes.StackStatus
	statuses map[string]cfntypes.StackStatus // by stack id
	services map[string]serviceTruth         // by "cluster/name"
}

// serviceTruth is the same of one service.
type serviceTruth struct {
	healthy, desired int
	// running are the revisions of its running tasks, once each.
	running                      []string
	current, recorded, attempted string
	// failed is whether its primary deployment has, loops whether more tasks have been
	// started in the last hour than it wants.
	failed, loops bool
	// unable is whether an image of the recorded revision cannot be pulled, inactive
	// whether it is deregistered.
	unable, inactive bool
	// lacks is whether a secret of it is gone.
	lacks bool
}

// truthOf reads it.
func truthOf(t *testing.T, in *rescuetest.Incident) truth {
	t.Helper()
	out := truth{statuses: map[string]cfntypes.StackStatus{}, services: map[string]serviceTruth{}}
	cfg := in.Cloud.Config()
	cfg.RetryMaxAttempts = 30 // some clouds throttle hard
	cfn, api := cloudformation.NewFromConfig(cfg), ecs.NewFromConfig(cfg)
	record := in.Cloud.Record()
	var walk func(id string, began time.Time)
	walk = func(id string, began time.Time) {
		d, err := cfn.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: &id})
		require.NoError(t, err)
		id = *d.Stacks[0].StackId
		out.statuses[id] = d.Stacks[0].StackStatus
		events := eventsOf(t, cfn, id)
		if began.IsZero() {
			out.root = d.Stacks[0].StackStatus
			for _, e := range events {
				if *e.PhysicalResourceId == id && (e.ResourceStatus == cfntypes.ResourceStatusUpdateInProgress || e.ResourceStatus == cfntypes.ResourceStatusCreateInProgress) {
					began = *e.Timestamp
				}
			}
		}
		r, err := cfn.ListStackResources(t.Context(), &cloudformation.ListStackResourcesInput{StackName: &id})
		require.NoError(t, err)
		for _, x := range r.StackResourceSummaries {
			if x.ResourceStatus == cfntypes.ResourceStatusDeleteComplete {
				continue
			}
			switch *x.ResourceType {
			case "AWS::CloudFormation::Stack":
				walk(*x.PhysicalResourceId, began)
			case "AWS::ECS::Service":
				parts := strings.Split(*x.PhysicalResourceId, "/")
				cluster, name := parts[1], parts[2]
				s, err := api.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: &cluster, Services: []string{name}})
				require.NoError(t, err)
				out.services[cluster+"/"+name] = serviceTruthOf(t, in, api, s.Services[0], cluster, *x.LogicalResourceId, events, id, began, record)
			}
		}
	}
	walk(in.Stack, time.Time{})
	return out
}

// eventsOf are all events of a stack, the oldest first.
func eventsOf(t *testing.T, api *cloudformation.Client, id string) []cfntypes.StackEvent {
	t.Helper()
	var out []cfntypes.StackEvent
	for p := cloudformation.NewDescribeStackEventsPaginator(api, &cloudformation.DescribeStackEventsInput{StackName: &id}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		require.NoError(t, err)
		out = append(out, page.StackEvents...)
	}
	slices.Reverse(out)
	return out
}

func serviceTruthOf(t *testing.T, in *rescuetest.Incident, api *ecs.Client, svc ecstypes.Service, cluster, logicalID string, events []cfntypes.StackEvent, stackID string, began time.Time, record simtype.Record) serviceTruth {
	t.Helper()
	name := *svc.ServiceName
	s := serviceTruth{healthy: int(svc.DesiredCount), desired: int(svc.DesiredCount), current: *svc.TaskDefinition}
	for _, x := range record.Shortages {
		if x.Cluster == cluster && x.Service == name && x.To.IsZero() {
			s.healthy = x.Healthy
		}
	}
	started := 0
	for _, x := range record.Starts {
		if x.Cluster == cluster && x.Service == name && x.At.After(in.Cloud.Now().Add(-2*time.Hour)) {
			started++
		}
	}
	s.loops = started > 2
	for _, d := range svc.Deployments {
		s.failed = s.failed || aws.ToString(d.Status) == "PRIMARY" && d.RolloutState == ecstypes.DeploymentRolloutStateFailed
	}
	list, err := api.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: &cluster, ServiceName: &name})
	require.NoError(t, err)
	if len(list.TaskArns) > 0 {
		tasks, err := api.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: &cluster, Tasks: list.TaskArns})
		require.NoError(t, err)
		for _, x := range tasks.Tasks {
			if *x.LastStatus == "RUNNING" && !slices.Contains(s.running, *x.TaskDefinitionArn) {
				s.running = append(s.running, *x.TaskDefinitionArn)
			}
		}
	}
	s.recorded, s.attempted = revisionsOf(events, stackID, logicalID, name, began)
	td, err := api.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: &s.recorded})
	require.NoError(t, err)
	s.inactive = td.TaskDefinition.Status == ecstypes.TaskDefinitionStatusInactive
	for _, c := range td.TaskDefinition.ContainerDefinitions {
		s.unable = s.unable || !pullable(t, in, *c.Image)
		for _, x := range c.Secrets {
			arn := strings.Join(strings.Split(*x.ValueFrom, ":")[:7], ":")
			_, err := secretsmanager.NewFromConfig(in.Cloud.Config()).DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &arn})
			s.lacks = s.lacks || err != nil
		}
	}
	return s
}

// pullable asks the registry.
func pullable(t *testing.T, in *rescuetest.Incident, ref string) bool {
	t.Helper()
	host, rest, _ := strings.Cut(ref, "/")
	if !strings.Contains(host, ".dkr.ecr.") {
		return true // public images exist here
	}
	id := ecrtypes.ImageIdentifier{}
	repository, tag, tagged := strings.Cut(rest, ":")
	if r, digest, ok := strings.Cut(rest, "@"); ok {
		repository, id.ImageDigest = r, &digest
	} else if tagged {
		id.ImageTag = &tag
	}
	out, err := ecr.NewFromConfig(in.Cloud.Config()).DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: &repository, ImageIds: []ecrtypes.ImageIdentifier{id}})
	return err == nil && len(out.ImageDetails) == 1
}

// revisionsOf plays the events of a stack: what an update makes is committed when its
// stack completes, and taken back when that rolls back.
func revisionsOf(events []cfntypes.StackEvent, stackID, serviceID, serviceName string, began time.Time) (recorded, attempted string) {
	committed, base, now, made := "", "", "", ""
	forward, touched := false, false
	for _, e := range events {
		status := string(e.ResourceStatus)
		switch {
		case *e.PhysicalResourceId == stackID && (status == "CREATE_IN_PROGRESS" || status == "UPDATE_IN_PROGRESS"):
			forward, base = true, committed
			if !e.Timestamp.Before(began) {
				made, touched = "", false
			}
		case *e.PhysicalResourceId == stackID && (status == "CREATE_COMPLETE" || status == "UPDATE_COMPLETE"):
			committed = now
		case *e.PhysicalResourceId == stackID && status == "UPDATE_ROLLBACK_IN_PROGRESS":
			forward, committed, now = false, base, base
		case *e.PhysicalResourceId == stackID:
		case *e.LogicalResourceId == serviceID:
			touched = touched || forward && !e.Timestamp.Before(began)
		case *e.ResourceType == "AWS::ECS::TaskDefinition" && forward && (status == "CREATE_COMPLETE" || status == "UPDATE_COMPLETE") && belongs(*e.LogicalResourceId, serviceName):
			now = *e.PhysicalResourceId
			if !e.Timestamp.Before(began) {
				made = now
			}
		}
	}
	if made == "" && touched {
		made = committed
	}
	return committed, made
}

// belongs says which task definition is whose: in one incident there are two.
func belongs(definition, service string) bool {
	return (definition == "Side") == (service == "side")
}

// situation is what the truth amounts to.
func (x truth) situation() rescue.Situation {
	child := false
	for _, s := range x.statuses {
		if strings.HasSuffix(string(s), "_IN_PROGRESS") && x.root != "UPDATE_ROLLBACK_FAILED" {
			return rescue.Situation("in-progress")
		}
		child = child || s == "UPDATE_ROLLBACK_FAILED"
	}
	switch {
	case x.root == "UPDATE_ROLLBACK_FAILED":
		return rescue.Situation("stuck")
	case child:
		return rescue.Situation("child-stuck")
	case x.root == "ROLLBACK_COMPLETE":
		return rescue.Situation("not-rescuable")
	}
	for _, s := range x.services {
		if s.healthy < s.desired || s.failed || s.loops || s.current != s.recorded || s.unable || s.inactive || s.lacks {
			return rescue.Situation("degraded")
		}
	}
	return rescue.Situation("healthy")
}

package rescue_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// optional are reads that make a diagnosis better and that it does without.
var optional = map[string]bool{"cloudformation:GetStackPolicy": true, "cloudformation:DescribeChangeSet": true, "cloudformation:ListImports": true, "ecr:GetLifecyclePolicy": true, "ecr:DescribeRegistry": true, "s3:GetObject": true, "secretsmanager:DescribeSecret": true, "logs:DescribeLogGroups": true, "ecs:ListServiceDeployments": true, "ecs:DescribeServiceRevisions": true}

// What a diagnosis of the incident costs, counted by the cloud.
func TestWhatADiagnosisCosts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := newIncident(t)
		in.Cloud.ForgetCalls()
		began := time.Now()
		_, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack)
		require.NoError(t, err)
		required, more := 0, 0
		for _, c := range in.Cloud.Calls() {
			if optional[c.Action] {
				more++
			} else {
				required++
			}
		}
		t.Logf("diagnosis of the incident: %d required calls, %d optional ones, %.1f s", required, more, time.Since(began).Seconds())
		require.LessOrEqual(t, required, 30)
		require.Less(t, time.Since(began), 10*time.Second, "logs of tasks that stopped long ago are not waited for")
	})
}

// What the whole rescue of the incident costs, diagnosis included.
func TestWhatARescueCosts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := newIncident(t)
		in.Cloud.ForgetCalls()
		began := time.Now()
		p := plan(t, in, forward())
		r, err := rescue.Run(t.Context(), in.Cloud.Config(), p, confirmed)
		require.NoError(t, err, r)
		required, more := 0, 0
		for _, c := range in.Cloud.Calls() {
			// A change set of our own is waited for.
			if optional[c.Action] && c.Action != "cloudformation:DescribeChangeSet" {
				more++
			} else {
				required++
			}
		}
		var stamp time.Duration
		for _, s := range r.Steps {
			if s.Kind == "stamp" {
				stamp = s.Took
			}
		}
		t.Logf("rescue of the incident: %d required calls, %d optional ones, %s, of which the stamp took %s and the soak 5m0s", required, more, time.Since(began).Round(time.Second), stamp.Round(time.Second))
		require.LessOrEqual(t, required, 230)
		require.LessOrEqual(t, stamp, 150*time.Second)
	})
}

// A tree of 20 nested stacks with 40 services, 100 ms a call.
func TestDiagnosisOfALargeTree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cloud := rescuetest.New(func(o *rescuetest.Options) { o.Latency = 100 * time.Millisecond })
		cfg := cloud.Config()
		cfn, bucket := cloudformation.NewFromConfig(cfg), s3.NewFromConfig(cfg)
		_, err := ecr.NewFromConfig(cfg).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")})
		require.NoError(t, err)
		_, err = cloud.PushImage("app", "one", rescuetest.Runs(), "v1")
		require.NoError(t, err)
		_, err = bucket.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("templates")})
		require.NoError(t, err)
		root := "Resources:\n"
		for i := range 20 {
			body := fmt.Sprintf("Resources:\n  Cluster: {Type: AWS::ECS::Cluster, Properties: {ClusterName: c%d}}\n", i)
			for j := range 2 {
				body += fmt.Sprintf("  Task%d: {Type: AWS::ECS::TaskDefinition, Properties: {Family: f%d-%d, ContainerDefinitions: [{Name: app, Image: \"%s/app:v1\"}]}}\n", j, i, j, cloud.Registry())
				body += fmt.Sprintf("  Service%d: {Type: AWS::ECS::Service, Properties: {ServiceName: s%d, Cluster: !Ref Cluster, TaskDefinition: !Ref Task%d, DesiredCount: 1}}\n", j, j, j)
			}
			key := fmt.Sprintf("child%d.yaml", i)
			_, err = bucket.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("templates"), Key: &key, Body: strings.NewReader(body)})
			require.NoError(t, err)
			root += fmt.Sprintf("  Child%d: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: \"https://templates.s3.us-east-1.amazonaws.com/%s\"}}\n", i, key)
		}
		_, err = cfn.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: aws.String("prod"), TemplateBody: &root})
		require.NoError(t, err)
		time.Sleep(30 * time.Minute)
		out, err := cfn.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String("prod")})
		require.NoError(t, err)
		require.Equal(t, cfntypes.StackStatusCreateComplete, out.Stacks[0].StackStatus)
		// The order of its calls is the scheduler's: one in a hundred is throttled twice
		// and waited for. What it takes is the least of three.
		var d *rescue.Diagnosis
		took := time.Hour
		for range 3 {
			time.Sleep(time.Minute)
			cloud.ForgetCalls()
			began := time.Now()
			d, err = rescue.Diagnose(t.Context(), cfg, "prod")
			require.NoError(t, err)
			if took = min(took, time.Since(began)); took < 5*time.Second {
				break
			}
		}
		require.Len(t, d.Users, 40)
		require.Equal(t, rescue.Situation("healthy"), d.Situation, d)
		t.Logf("diagnosis of 21 stacks and 40 services at 100 ms a call: %d calls, %.1f s", len(cloud.Calls()), took.Seconds())
		require.Less(t, took, 5*time.Second)
		cloud.ForgetCalls()
		_, err = rescue.Guard(t.Context(), cfg, "prod")
		require.NoError(t, err)
		t.Logf("guard of it: %d calls, %.1f a service", len(cloud.Calls()), float64(len(cloud.Calls()))/40)
	})
}

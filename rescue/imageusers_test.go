package rescue_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

const (
	imageOf  = "!Sub \"${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/app:"
	function = "  Fn: {Type: AWS::Lambda::Function, Properties: {FunctionName: fn, PackageType: Image, Role: 'arn:aws:iam::123456789012:role/x', Code: {ImageUri: " + imageOf + "fn1\"}}}\n"
	zipped   = "  Zip: {Type: AWS::Lambda::Function, Properties: {FunctionName: zip, Role: 'arn:aws:iam::123456789012:role/x', Code: {ZipFile: x}}}\n"
	job      = "  Job: {Type: AWS::ECS::TaskDefinition, Properties: {Family: job, ContainerDefinitions: [{Name: job, Memory: 64, Image: " + imageOf + "job1\"}]}}\n"
	rule     = "  Nightly: {Type: AWS::Events::Rule, Properties: {Name: nightly, ScheduleExpression: 'rate(1 day)', Targets: [{Id: t, Arn: !GetAtt Cluster.Arn, RoleArn: 'arn:aws:iam::123456789012:role/x', EcsParameters: {TaskDefinitionArn: !Ref Job}}]}}\n"
	schedule = "  Hourly: {Type: AWS::Scheduler::Schedule, Properties: {Name: hourly, ScheduleExpression: 'rate(1 hour)', FlexibleTimeWindow: {Mode: 'OFF'}, Target: {Arn: !GetAtt Cluster.Arn, RoleArn: 'arn:aws:iam::123456789012:role/x', EcsParameters: {TaskDefinitionArn: !Ref Job}}}}\n"
)

// Functions and scheduled tasks run images too, which no service says anything of.
func TestImageUsersBesideServices(t *testing.T) {
	t.Parallel()
	says := func(f rescue.ImageUser, err error) func(*rescue.Options) {
		return func(o *rescue.Options) {
			o.Function = func(_ context.Context, name string) (rescue.ImageUser, error) {
				if name != "fn" {
					return f, errors.New("asked for " + name)
				}
				return f, err
			}
		}
	}
	for name, test := range map[string]struct {
		more   string
		then   func(*site)
		option func(*rescue.Options)
		says   []string // "" for none
		is     rescue.Situation
	}{
		"none":              {zipped, nil, nil, nil, "healthy"},
		"a function":        {function + zipped, nil, nil, []string{"function fn: its images are there"}, "healthy"},
		"a function, asked": {function, nil, says(rescue.ImageUser{State: "Active"}, nil), []string{"function fn is Active"}, "healthy"},
		"not readable":      {function, nil, says(rescue.ImageUser{}, errors.New("AccessDenied: lambda:GetFunction")), []string{"NOT known: AccessDenied: lambda:GetFunction"}, "unknown"},
		"its image is gone": {function, func(s *site) { s.deleteImage(s.push("fn1")) }, nil, []string{"function fn cannot run: image ", "app:fn1 is missing"}, "degraded"},
		"it failed":         {function, nil, says(rescue.ImageUser{State: "Failed", Reason: "The image is too large"}, nil), []string{"cannot run: Lambda says Failed: The image is too large"}, "degraded"},
		"its update failed": {function, nil, says(rescue.ImageUser{State: "Active, and its last update failed", Reason: "no such image"}, nil), []string{"its last update failed: no such image"}, "healthy"},
		"other image":       {function, func(s *site) { s.deleteImage(s.push("fn2")) }, says(rescue.ImageUser{State: "Active", Images: []string{"123456789012.dkr.ecr.us-east-1.amazonaws.com/app:fn2"}}, nil), []string{"app:fn2 is missing"}, "degraded"},
		"a rule":            {job + rule, nil, nil, []string{"scheduled task of rule prod-Nightly-", "(job:1): its images are there"}, "healthy"},
		"a schedule":        {job + schedule, nil, nil, []string{"scheduled task of schedule prod-Hourly-", "(job:1): its images are there"}, "healthy"},
		"both, image gone":  {job + rule + schedule, func(s *site) { s.deleteImage(s.push("job1")) }, nil, []string{"rule prod-Nightly-", "schedule prod-Hourly-", "(job:1) cannot run: image "}, "degraded"},
		"deregistered":      {job + schedule, func(s *site) { s.deregisterNow("job:1") }, nil, []string{"job:1 is INACTIVE"}, "degraded"},
		"its last run failed": {job + rule, func(s *site) {
			s.pushProgram("job1", rescuetest.Exits(3, time.Second, "FATAL: no invoices"))
			_, err := s.ecs.RunTask(s.t.Context(), &ecs.RunTaskInput{Cluster: aws.String("prod"), TaskDefinition: aws.String("job:1")})
			require.NoError(s.t, err)
			time.Sleep(5 * time.Minute)
		}, nil, []string{"its latest failed task: ", "exited with 3"}, "healthy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				for _, tag := range []string{"v1", "fn1", "job1"} {
					s.push(tag)
				}
				s.create(web("v1") + test.more)
				if test.then != nil {
					test.then(s)
				}
				d := s.diagnose(test.option)
				require.Len(t, d.ImageUsers, strings.Count(test.more, "PackageType: Image")+strings.Count(test.more, "TaskDefinitionArn"))
				for _, want := range test.says {
					require.Contains(t, d.String(), want)
				}
				require.Equal(t, test.is, d.Situation, d)
			})
		})
	}
}

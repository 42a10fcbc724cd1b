// Package diagnose sets what package rescue has no clients for: load balancers,
// scalable targets, Lambda functions, CloudTrail and CodePipeline. It is a module of
// its own, so that nobody who imports the library requires those clients.
package diagnose

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trail "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	functions "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/rescue"
)

// With returns options for rescue.Diagnose, rescue.Run and rescue.Finish; pipelines
// are the names of those that deploy the stack.
func With(cfg aws.Config, pipelines ...string) func(*rescue.Options) {
	return func(o *rescue.Options) {
		o.TargetHealth = elasticloadbalancingv2.NewFromConfig(cfg)
		o.Minimum = minimum(applicationautoscaling.NewFromConfig(cfg))
		o.Function = function(lambda.NewFromConfig(cfg))
		o.Operators = operators(cloudtrail.NewFromConfig(cfg), codepipeline.NewFromConfig(cfg), pipelines)
	}
}

func minimum(api applicationautoscaling.DescribeScalableTargetsAPIClient) func(context.Context, ecsx.Service) (int, bool, error) {
	return func(ctx context.Context, s ecsx.Service) (int, bool, error) {
		out, err := api.DescribeScalableTargets(ctx, &applicationautoscaling.DescribeScalableTargetsInput{
			ServiceNamespace: scaling.ServiceNamespaceEcs, ScalableDimension: scaling.ScalableDimensionECSServiceDesiredCount,
			ResourceIds: []string{"service/" + s.String()},
		})
		if err != nil || len(out.ScalableTargets) == 0 {
			return 0, false, err
		}
		return int(aws.ToInt32(out.ScalableTargets[0].MinCapacity)), true, nil
	}
}

func function(api lambda.GetFunctionAPIClient) func(context.Context, string) (rescue.ImageUser, error) {
	return func(ctx context.Context, name string) (rescue.ImageUser, error) {
		out, err := api.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &name})
		if err != nil {
			return rescue.ImageUser{}, err
		}
		var u rescue.ImageUser
		if out.Code != nil && out.Code.ImageUri != nil {
			u.Images = []string{*out.Code.ImageUri}
		}
		if c := out.Configuration; c != nil {
			u.State, u.Reason = string(c.State), aws.ToString(c.StateReason)
			if c.LastUpdateStatus == functions.LastUpdateStatusFailed {
				u.State, u.Reason = u.State+", and its last update failed", aws.ToString(c.LastUpdateStatusReason)
			}
		}
		return u, nil
	}
}

// maxPages is how many pages of fifty events are read: CloudTrail answers two
// look-ups a second, and has events 15 minutes after the call at the latest
// (https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html).
const maxPages = 10

func operators(events cloudtrail.LookupEventsAPIClient, states *codepipeline.Client, pipelines []string) func(context.Context, string, time.Time) ([]rescue.Other, error) {
	return func(ctx context.Context, stackID string, since time.Time) (found []rescue.Other, err error) {
		name := stackID // arn:…:stack/NAME/ID
		if parts := strings.Split(stackID, "/"); len(parts) == 3 {
			name = parts[1]
		}
		pages := cloudtrail.NewLookupEventsPaginator(events, &cloudtrail.LookupEventsInput{
			StartTime:        &since,
			LookupAttributes: []trail.LookupAttribute{{AttributeKey: trail.LookupAttributeKeyEventSource, AttributeValue: aws.String("cloudformation.amazonaws.com")}},
		})
		for n := 0; n < maxPages && pages.HasMorePages(); n++ {
			page, e := pages.NextPage(ctx)
			if e != nil {
				err = e
				break
			}
			for _, x := range page.Events {
				record := aws.ToString(x.CloudTrailEvent)
				if aws.ToString(x.ReadOnly) == "true" || !strings.Contains(record, `"`+name+`"`) && !strings.Contains(record, stackID) {
					continue
				}
				found = append(found, rescue.Other{At: aws.ToTime(x.EventTime), Who: aws.ToString(x.Username), What: aws.ToString(x.EventName) + " of stack " + name, Source: "CloudTrail"})
			}
		}
		if err == nil && pages.HasMorePages() {
			err = errors.New("CloudTrail has more events than were read")
		}
		for _, p := range pipelines {
			out, e := states.GetPipelineState(ctx, &codepipeline.GetPipelineStateInput{Name: &p})
			if e != nil {
				err = errors.Join(err, e)
				continue
			}
			for _, s := range out.StageStates {
				if s.LatestExecution != nil {
					what := "stage " + aws.ToString(s.StageName) + " " + string(s.LatestExecution.Status)
					if s.InboundTransitionState != nil && !s.InboundTransitionState.Enabled {
						what += ", its transition is disabled"
					}
					found = append(found, rescue.Other{Who: "pipeline " + p, What: what, Source: "CodePipeline"})
				}
			}
		}
		return found, err // what was read, beside the error
	}
}

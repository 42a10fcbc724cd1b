package cfnx

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
)

// ReadDrift reads in what way the resources that were skipped differ from what their
// stack has recorded: by Skip.Name "IN_SYNC", "MODIFIED", "DELETED", "NOT_CHECKED"
// for a type that CloudFormation cannot check, or "unknown: " with the reason. A
// change set that reverts drift must never be made of a service: it would deploy
// the recorded revision (docs/aws/cfn.md 8.7).
//
// Calls cloudformation:DetectStackResourceDrift once for each skip, one after the
// other because of its rate, and needs what reading the resources needs. Safe to
// repeat. It returns an error only if ctx ends.
func (c *Continued) ReadDrift(ctx context.Context, api interface {
	DetectStackResourceDrift(context.Context, *cfn.DetectStackResourceDriftInput, ...func(*cfn.Options)) (*cfn.DetectStackResourceDriftOutput, error)
}) (map[string]string, error) {
	out := map[string]string{}
	for _, k := range c.Skipped {
		d, err := patiently(ctx, func(ctx context.Context) (*cfn.DetectStackResourceDriftOutput, error) {
			return api.DetectStackResourceDrift(ctx, &cfn.DetectStackResourceDriftInput{StackName: aws.String(k.StackID), LogicalResourceId: aws.String(k.LogicalID)})
		})
		switch {
		case ctx.Err() != nil:
			return out, fmt.Errorf("stack %s: drift of %s: %w", k.StackName, k.LogicalID, ctx.Err())
		case err != nil:
			out[k.Name] = "unknown: " + err.Error()
		case d.StackResourceDrift == nil:
			out[k.Name] = "unknown: no answer"
		default:
			out[k.Name] = string(d.StackResourceDrift.StackResourceDriftStatus)
		}
	}
	return out, nil
}

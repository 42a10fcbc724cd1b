// Package outputs is what a team's repair job writes to get back the outputs that
// a skipped rollback has lost: from a ledger that was recorded before, else from a
// function that knows the resources.
package outputs

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/stackrescue/stackrescue/cfnx"
)

// Restore puts lost outputs of a stack back. find is asked for those that nobody
// knows any more, with the resource that the output reads; "" leaves one lost.
func Restore(ctx context.Context, cfg aws.Config, stack string, ledger *cfnx.Ledger, find func(ctx context.Context, resourceType, physicalID, attribute string) (string, error), w io.Writer) error {
	source := func(ctx context.Context, l cfnx.LostOutput) (string, error) {
		if l.Known != "" || find == nil {
			return l.Known, nil
		}
		return find(ctx, l.Resource.Type, l.Resource.PhysicalID, l.Attribute)
	}
	out, err := cfnx.RestoreOutputs(ctx, cloudformation.NewFromConfig(cfg), s3.NewFromConfig(cfg), stack, ledger, source)
	if errors.Is(err, cfnx.ErrNothingToChange) {
		fmt.Fprintf(w, "stack %s: no output is lost\n", stack)
		return nil
	}
	if err != nil {
		return err
	}
	for _, o := range out.Outputs {
		fmt.Fprintf(w, "stack %s: output %s is back\n", o.Stack, o.Key)
	}
	return nil
}

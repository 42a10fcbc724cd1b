// Package unstick is what a deployment tool writes to get a stack out of
// UPDATE_ROLLBACK_FAILED by itself, and to call somebody where that would lose
// data.
package unstick

import (
	"context"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/stackrescue/stackrescue/cfnx"
)

// DataError lists what the clean-up after a continued rollback would delete with
// its data. Nothing was started.
type DataError struct{ Deletes []cfnx.Deletion }

// Error names the first and how many there are.
func (e *DataError) Error() string {
	return fmt.Sprintf("%d resources would be deleted with their data, first %s", len(e.Deletes), e.Deletes[0])
}

// Stack continues the rollback of a stack, skipping ECS services that cannot go
// back, and writes what happens to w.
func Stack(ctx context.Context, cfg aws.Config, name string, w io.Writer) (*cfnx.Continued, error) {
	api := cloudformation.NewFromConfig(cfg)
	return cfnx.ContinueRollbackSkipping(ctx, api, name, cfnx.SkipTypes("AWS::ECS::Service"), func(o *cfnx.ContinueOptions) {
		o.Before = func(r cfnx.Round) error {
			var lost []cfnx.Deletion
			for _, d := range r.Deletes {
				if d.HoldsData && !d.Kept {
					lost = append(lost, d)
				}
			}
			if len(lost) > 0 {
				return &DataError{lost}
			}
			return nil
		}
		o.Observe = func(p cfnx.Progress) { fmt.Fprintln(w, p) }
	})
}

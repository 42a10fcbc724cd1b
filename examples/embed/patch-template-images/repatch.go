// Package repatch is what a registry's clean-up job writes to take a stack off
// images that are about to go: it changes them in the stack's template, as one
// guarded update.
package repatch

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

// Images replaces images of a stack, by their references; every other stays. With
// dry set it only says what the update would do. It returns whether there was
// something to change.
func Images(ctx context.Context, cfg aws.Config, stack string, replace map[string]string, dry bool, w io.Writer) (bool, error) {
	resolve := func(_ context.Context, ref string) (string, error) {
		if to := replace[ref]; to != "" {
			return to, nil
		}
		return ref, nil
	}
	out, err := cfnx.PatchTemplateImages(ctx, cloudformation.NewFromConfig(cfg), s3.NewFromConfig(cfg), stack, resolve, func(o *cfnx.ApplyOptions) {
		o.DryRun = dry
		o.Observe = func(p cfnx.Progress) { fmt.Fprintln(w, p) }
	})
	if errors.Is(err, cfnx.ErrNothingToChange) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, i := range out.Images {
		fmt.Fprintf(w, "%s.%s %s: %s -> %s (%s)\n", i.Stack, i.Resource, i.Container, i.From, i.To, i.Where)
	}
	return true, nil
}

package ecrx_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// readings are other ways in which ECR may behave where nobody could say
// (docs/aws/ecr.md 1.4, 1.5): what an input is answered with, nil for as the
// simulation does.
var readings = map[string]func(in any, err error) error{
	"a filter cannot stand beside ids": func(in any, _ error) error {
		if d, ok := in.(*ecr.DescribeImagesInput); ok && len(d.ImageIds) > 0 && d.Filter != nil {
			return &types.InvalidParameterException{Message: aws.String("imageIds cannot be used with filter")}
		}
		return nil
	},
	"a change of storage class that is under way is refused": func(in any, err error) error {
		if _, ok := in.(*ecr.UpdateImageStorageClassInput); ok && err == nil {
			return &types.ImageStorageClassUpdateNotSupportedException{Message: aws.String("under way")}
		}
		return nil
	},
	"an identical tag is always ImageTagAlreadyExists": func(in any, err error) error {
		if _, ok := in.(*ecr.PutImageInput); ok && err == nil {
			return &types.ImageTagAlreadyExistsException{Message: aws.String("exists")}
		}
		return nil
	},
	"an identical image is always ImageAlreadyExists": func(in any, err error) error {
		if _, ok := in.(*ecr.PutImageInput); ok && err == nil {
			return &types.ImageAlreadyExistsException{Message: aws.String("exists")}
		}
		return nil
	},
}

func TestReadings(t *testing.T) {
	t.Parallel()
	for name, other := range readings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, f *fixture) {
				cfg := f.cloud.Config()
				cfg.APIOptions = append(cfg.APIOptions, func(s *middleware.Stack) error {
					return s.Initialize.Add(middleware.InitializeMiddlewareFunc("test.Reading", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
						out, md, err := next.HandleInitialize(ctx, in)
						if e := other(in.Parameters, err); e != nil {
							err = e
						}
						return out, md, err
					}), middleware.After)
				})
				api := ecr.NewFromConfig(cfg)
				old := f.push("old", "copy")
				archived := f.push("archived", "v2")
				f.archive(archived)

				_, err := f.tag(old, "v1").RestoreTag(t.Context(), api)
				require.NoError(t, err)
				_, err = f.app.Repo().Unarchive(t.Context(), api, []string{archived.Digest})
				require.NoError(t, err)
				_, err = archived.Pin(t.Context(), api)
				require.NoError(t, err)
				_, err = archived.Unpin(t.Context(), api)
				require.NoError(t, err)
				_, err = f.app.ReconcilePins(t.Context(), api, []string{old.Digest})
				require.NoError(t, err)
				found, err := f.tag(f.app, "v1").Resolve(t.Context(), api)
				require.NoError(t, err)
				require.Equal(t, old.Digest, found.Digest)
				_, err = f.tag(f.app, "v0").Resolve(t.Context(), api)
				require.ErrorIs(t, err, ecrx.ErrNotFound)
				require.Equal(t, map[string]string{"copy": old.Digest, "v1": old.Digest, "v2": archived.Digest, "pin-" + old.Digest[7:19]: old.Digest}, f.tags())
			})
		})
	}
}

// TestRestoreUnderPolicy is the incident's order: frozen first, then restored,
// then out of the policy's hands; and what happens without the freeze.
func TestRestoreUnderPolicy(t *testing.T) {
	t.Parallel()
	for _, frozen := range []bool{true, false} {
		bubble(t, func(t *testing.T, f *fixture) {
			old := f.push("old", "build-7")
			f.policy(policy(rule(1, "v*", sincePushed, 7)))
			f.cloud.Advance(8 * day)
			img := f.tag(old, "v1")
			if frozen {
				got, err := img.Repo().Freeze(t.Context(), f.api, []ecrx.Image{img}, 3*day, func(o *ecrx.FreezeOptions) { o.Now = f.cloud.Now })
				require.NoError(t, err)
				require.True(t, got.Applied, "the tag that is to be restored counts")
			}
			_, err := img.RestoreTag(t.Context(), f.api)
			require.NoError(t, err)
			f.cloud.Advance(2 * day)
			require.Equal(t, frozen, f.exists(old), "a tag makes no image younger")
		})
	}
}

// TestEverySwitch: what the simulated account leaves open elsewhere does not
// matter to restores.
func TestEverySwitch(t *testing.T) {
	t.Parallel()
	for n, set := range []func(*simtype.Switches){
		func(*simtype.Switches) {},
		func(s *simtype.Switches) { s.StaleReads = 3 },
		func(s *simtype.Switches) { s.RollbackDigest = "recorded" },
		func(s *simtype.Switches) { s.CleanUp = "keeps" },
		func(s *simtype.Switches) { s.OutputsAfterSkip = "dropped" },
		func(s *simtype.Switches) { s.OutputsAfterSkip = "stale" },
		func(s *simtype.Switches) { s.OutputsAfterSkip = "child-dropped" },
		func(s *simtype.Switches) { s.ForceRollback = "failed-only" },
		func(s *simtype.Switches) { s.ForceRollback = "unknown" },
		func(s *simtype.Switches) { s.SkipValidation = "relaxed" },
		func(s *simtype.Switches) { s.LogDelay = 32 * time.Second },
		func(s *simtype.Switches) { s.StoppedTaskRetention = 3 * time.Hour },
		func(s *simtype.Switches) { s.SameTemplateURL = "not-fetched" },
		func(s *simtype.Switches) { s.DesiredCount = "always" },
		func(s *simtype.Switches) { s.NoDifferenceAfterSkip = "to-last-sent" },
		func(s *simtype.Switches) { s.NestedChangeSets = "false-replacement" },
		func(s *simtype.Switches) { s.NestedSiblings = "clean-up" },
		func(s *simtype.Switches) { s.DisableRollbackReplacement = "allowed" },
	} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, f *fixture) {
				f.cloud = rescuetest.New(func(o *rescuetest.Options) { set(&o.Switches) })
				f.api = ecr.NewFromConfig(f.cloud.Config())
				f.create("app", types.ImageTagMutabilityMutable)
				old := f.push("old", "copy")
				_, err := f.tag(old, "v1").RestoreTag(t.Context(), f.api)
				require.NoError(t, err)
				require.Equal(t, old.Digest, f.tags()["v1"])
				require.Equal(t, old.Digest, f.tags()["copy"], "no tag was moved")
			})
		})
	}
}

package rescue_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/smithy-go/middleware"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/rescue"
)

// A task whose health ECS does not know, of a definition that cannot be read, is not
// one without a health check: its health is unread, whether it has one or not.
func TestHealthOfATaskWhoseDefinitionIsUnread(t *testing.T) {
	t.Parallel()
	const check = "          HealthCheck: {Command: [CMD, \"true\"], Interval: 10, Retries: 3}\n"
	for name, test := range map[string]struct {
		edits []string
		until func(*site)
	}{
		"no check": {edits: []string{check, ""}},
		"a check that goes on": {until: func(s *site) {
			_, err := s.ecs.UpdateService(s.t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: aws.String("web"), ForceNewDeployment: true})
			require.NoError(s.t, err)
			for range 300 {
				time.Sleep(2 * time.Second)
				if f := s.diagnose(func(o *rescue.Options) { o.Settle = -1 }).Evidence().Services[0]; f.Tasks != nil && f.Tasks.Starting > 0 {
					return
				}
			}
			s.t.Fatal("no task is seen before its check has passed")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				s.push("v1")
				s.create(web("v1", test.edits...))
				if test.until != nil {
					test.until(s)
				}
				s.deny("ecs:DescribeTaskDefinition")
				d := s.diagnose(func(o *rescue.Options) { o.Settle = -1 })
				f := d.Evidence().Services[0]
				require.NotNil(t, f.Tasks)
				require.Contains(t, f.Tasks.Unread, "DescribeTaskDefinition")
				require.Zero(t, f.Tasks.Unchecked, "no task is one without a check")
				require.NotEqual(t, rescue.Situation("healthy"), d.Situation)
				require.Contains(t, d.String(), "running tasks of service prod/web: ")
			})
		})
	}
}

// What a function runs is there only where somebody looked: an image that the capture
// does not have, or has without an answer, is unread.
func TestImagesThatWereNotLookedFor(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.push("v1")
		s.push("fn1")
		s.create(web("v1") + function)
		d := s.diagnose()
		require.Empty(t, d.ImageUsers[0].Unread)
		require.Equal(t, rescue.Situation("healthy"), d.Situation)
		ref := d.ImageUsers[0].Images[0]
		for name, change := range map[string]func(b *rescue.Bundle){
			"no answer": func(b *rescue.Bundle) { i := b.Images[ref]; i.State = ""; b.Images[ref] = i },
			"not there": func(b *rescue.Bundle) { delete(b.Images, ref) },
		} {
			b := s.diagnose().Evidence()
			require.Equal(t, ecrx.State("ok"), b.Images[ref].State)
			change(b)
			d := b.Explain()
			require.Equal(t, "image "+ref+" was not looked for", d.ImageUsers[0].Unread, name)
			require.Empty(t, d.ImageUsers[0].Trouble, name)
			require.Equal(t, rescue.Situation("unknown"), d.Situation, name)
			require.NotContains(t, d.String(), "its images are there", name)
		}
	})
}

// Evidence that cannot be written before the calls that may fail ends nothing: what
// was asked for is answered, and what prevented the writing is said.
func TestEarlyEvidenceThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for name, place := range map[string]func(t *testing.T) (dir, obstacle string){
		"a file is in its place": func(t *testing.T) (dir, obstacle string) {
			file := filepath.Join(t.TempDir(), "evidence")
			require.NoError(t, os.WriteFile(file, nil, 0o600))
			return file, file
		},
		"the logs have no folder": func(t *testing.T) (dir, obstacle string) {
			dir = t.TempDir()
			obstacle = filepath.Join(dir, "logs")
			require.NoError(t, os.WriteFile(obstacle, nil, 0o600))
			return dir, obstacle
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, obstacle := place(t)
			inSite(t, func(t *testing.T, s *site) {
				old := s.push("v1")
				s.create(web("v1"))
				s.deleteImage(old)
				s.pushFailing("v2")
				require.EqualValues(t, "UPDATE_ROLLBACK_FAILED", s.update(web("v2")))
				cfg := s.cloud.Config()
				cfg.APIOptions = append(cfg.APIOptions, func(m *middleware.Stack) error {
					return m.Initialize.Add(middleware.InitializeMiddlewareFunc("test.space", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
						if _, is := in.Parameters.(*ecr.DescribeImagesInput); is {
							_ = os.Remove(obstacle) // somebody makes room while it goes on; twice is no error
						}
						return next.HandleInitialize(ctx, in)
					}), middleware.After)
				})
				d, err := rescue.Diagnose(t.Context(), cfg, "prod", func(o *rescue.Options) { o.Evidence = dir })
				require.NoError(t, err)
				require.Equal(t, rescue.Situation("stuck"), d.Situation)
				require.Contains(t, strings.Join(d.Evidence().Problems, "\n"), "evidence of the stopped tasks: ")
				b, err := rescue.OpenBundle(dir)
				require.NoError(t, err)
				require.NotEmpty(t, b.Tasks)
			})
		})
	}
}

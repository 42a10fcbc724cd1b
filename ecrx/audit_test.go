package ecrx_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

func TestAudit(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, f *fixture) {
		f.create("empty", types.ImageTagMutabilityMutable)
		dying := f.push("dying", "v1")
		f.cloud.Advance(3 * day)
		child := f.push("child")
		index := f.pushIndex("multi", child)
		gone := f.push("gone", "v2")
		f.delete(gone)
		f.policy(policy(rule(1, "untagged", sincePushed, 1), rule(2, "v*", sincePushed, 7)))

		far := f.app
		far.Account, far.Registry, far.Tag = "210987654321", "210987654321.dkr.ecr.us-east-1.amazonaws.com", "v1"
		needs, err := ecrx.InUse(t.Context(), ecrx.Refs("service prod/web", f.tag(f.app, "v1").String(), index.String(), gone.String(), far.String(), "nginx"))
		require.NoError(t, err)
		var events []string
		report, err := ecrx.Audit(t.Context(), f.api, needs, func(o *ecrx.AuditOptions) {
			o.Now, o.Manifests = f.cloud.Now, f.api
			o.Observe = func(e ecrx.Event) { events = append(events, e.String()) }
		})
		require.NoError(t, err)
		require.Len(t, events, 5)
		require.Len(t, report.Repositories, 2)
		app := report.Repositories[0]
		require.Equal(t, 3, app.Images)
		require.Equal(t, 1, app.Untagged)
		require.Equal(t, 3, app.Needed)
		require.Equal(t, []string{"untagged-under-digests 1", "age-rule 2"}, codes(app.Findings), "the child is held by its index")
		require.Len(t, report.Gone(), 1)
		require.Equal(t, gone.Digest, report.Gone()[0].Image.Digest)
		require.Len(t, report.Losing(), 1)
		require.Equal(t, dying.Digest, report.Losing()[0].Digest)
		require.Len(t, report.Unknown(), 1)
		require.Equal(t, "210987654321", report.Unknown()[0].Image.Account)

		var text strings.Builder
		require.NoError(t, report.WriteText(&text))
		require.Contains(t, text.String(), "REPOSITORY  IMAGES  GB")
		require.Contains(t, text.String(), gone.Digest+": missing (needed by service prod/web)")
		b, err := json.Marshal(report)
		require.NoError(t, err)
		require.Contains(t, string(b), `"version":1`)

		// A repository that cannot be read is told, and fails closed.
		for _, action := range []string{"ecr:GetLifecyclePolicy", "ecr:DescribeImages"} {
			f.cloud.ClearFaults()
			f.cloud.Inject(simtype.Fault{Action: action, Kind: simtype.Deny})
			report, err = ecrx.Audit(t.Context(), f.api, needs, func(o *ecrx.AuditOptions) { o.Repositories = []string{"app"} })
			require.NoError(t, err)
			require.Len(t, report.Repositories, 1)
			require.Contains(t, report.Repositories[0].Error, "not authorized")
			if action == "ecr:DescribeImages" {
				require.Len(t, report.Unknown(), 4)
			}
		}
		f.cloud.Inject(simtype.Fault{Action: "ecr:DescribeRepositories", Kind: simtype.Deny})
		_, err = ecrx.Audit(t.Context(), f.api, needs)
		require.ErrorContains(t, err, "repositories:")
	})
}

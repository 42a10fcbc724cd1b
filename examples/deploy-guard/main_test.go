package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

func TestGuards(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		in, err := rescuetest.NewIncident(t.Context(), "mended-by-hand")
		require.NoError(t, err)
		cfg := in.Cloud.Config()
		try := func(args ...string) (string, error) {
			o, err := parse(args)
			if err != nil {
				return "", err
			}
			var out bytes.Buffer
			err = o.run(t.Context(), cfg, &out)
			return out.String(), err
		}
		// Locked, and mended by hand: nothing that a rollback could go back to.
		out, err := try("-stack", in.Stack)
		require.Equal(t, 3, exitCode(err), err)
		require.Contains(t, out, "app:v1")
		_, err = try("-stack", "prdo")
		require.Equal(t, 4, exitCode(err), err)
		for _, args := range [][]string{{}, {"-all", "-stack", "x"}, {"-stack", "x", "y"}, {"-all", "-within", "-1h"}} {
			_, err = try(args...)
			require.Equal(t, 2, exitCode(err), args)
		}
		d, err := rescue.Diagnose(t.Context(), cfg, in.Stack)
		require.NoError(t, err)
		p, err := rescue.MakePlan(d, rescue.Choices{Direction: rescue.Forward, Freeze: true, RaiseMinimum: true})
		require.NoError(t, err)
		_, err = rescue.Run(t.Context(), cfg, p, func(o *rescue.Options) { o.Confirm = func(rescue.Step) bool { return true } })
		require.NoError(t, err)
		time.Sleep(2 * time.Hour)
		// Rescued: all is well.
		page, summary := filepath.Join(dir, "page.html"), filepath.Join(dir, "summary.md")
		out, err = try("-all", "-html", page, "-markdown", summary)
		require.NoError(t, err, out)
		require.Contains(t, out, "SAFE")
		for _, f := range []string{page, summary} {
			text, err := os.ReadFile(f)
			require.NoError(t, err)
			require.Contains(t, string(text), in.Stack)
		}
		// One that cannot be looked at does not end the round.
		out, err = try("-stack", "prdo,"+in.Stack)
		require.Equal(t, 4, exitCode(err), err)
		require.Contains(t, out, "SAFE")
		out, err = try("-stack", in.Stack, "-json")
		require.NoError(t, err)
		var r rescue.GuardReport
		require.NoError(t, json.Unmarshal([]byte(out), &r))
		require.Equal(t, 1, r.Version)
		// An image that is not there yet, and a policy that takes everything.
		_, err = try("-stack", in.Stack, "-image", in.Cloud.Registry()+"/app:v9")
		require.Equal(t, 3, exitCode(err), err)
		policy := `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any","countType":"sinceImagePushed","countUnit":"days","countNumber":3},"action":{"type":"expire"}}]}`
		_, err = ecr.NewFromConfig(cfg).PutLifecyclePolicy(t.Context(), &ecr.PutLifecyclePolicyInput{RepositoryName: aws.String("app"), LifecyclePolicyText: &policy})
		require.NoError(t, err)
		out, err = try("-stack", in.Stack)
		require.Equal(t, 3, exitCode(err), err)
		require.Contains(t, out, "AT RISK")
	})
}

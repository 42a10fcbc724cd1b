package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

const (
	expireAll = `{"rules":[{"rulePriority":1,"description":"expire 7 days after push","selection":{"tagStatus":"any","countType":"sinceImagePushed","countUnit":"days","countNumber":7},"action":{"type":"expire"}}]}`
	v6        = `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"tagged","tagPatternList":["alpha*"],"countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}},
		{"rulePriority":2,"selection":{"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":1},"action":{"type":"expire"}},
		{"rulePriority":3,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}}]}`
	v6images = `{"imageDetails":[
		{"imageDigest":"sha256:a","imageTags":["alpha-1","beta-1"],"imagePushedAt":"2026-02-25T13:00:00+01:00"},
		{"imageDigest":"sha256:b","imagePushedAt":1772107200.0},
		{"imageDigest":"sha256:c","imageTags":["alpha-2"],"imagePushedAt":"2026-02-27T12:00:00Z"},
		{"imageDigest":"sha256:d","imageTags":["git-hash"],"imagePushedAt":"2026-02-28T12:00:00Z"},
		{"imageDigest":"sha256:e","imagePushedAt":"2026-02-28T13:00:00Z"}]}`
)

type fixture struct {
	t     *testing.T
	cloud *rescuetest.Cloud
}

func (f fixture) run(stdin string, args ...string) (int, string) {
	var out, errs strings.Builder
	err := run(f.t.Context(), func() (aws.Config, error) { return f.cloud.Config(), nil }, args, strings.NewReader(stdin), &out, &errs)
	if err != nil {
		errs.WriteString(err.Error())
	}
	return code(err), out.String() + errs.String()
}

func file(t *testing.T, text string) string {
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

func TestEvaluate(t *testing.T) {
	t.Parallel()
	f := fixture{t: t}
	code, out := f.run("", "evaluate", "-policy", file(t, v6), "-images", file(t, v6images), "-now", "2026-03-01T12:00:00Z")
	require.Zero(t, code, out)
	var got []string
	for l := range strings.Lines(out) {
		var x struct {
			ImageDigest              string
			ImageTags                []string
			Action                   string
			RulePriority, ShieldedBy *int
			ExpiresAt                *time.Time
		}
		require.NoError(t, json.Unmarshal([]byte(l), &x))
		s := x.ImageDigest + " " + x.Action
		if x.RulePriority != nil {
			s += " by " + string(rune('0'+*x.RulePriority))
		}
		if x.ShieldedBy != nil {
			s += " shielded by " + string(rune('0'+*x.ShieldedBy))
		}
		if x.ExpiresAt != nil {
			s += " at " + x.ExpiresAt.Format(time.RFC3339)
		}
		require.NotNil(t, x.ImageTags)
		got = append(got, s)
	}
	require.Equal(t, []string{
		"sha256:a expire by 1 at 2026-03-01T12:00:00Z", "sha256:b expire by 2 at 2026-02-27T12:00:00Z", "sha256:c keep shielded by 1",
		"sha256:d expire by 3 at 2026-03-01T12:00:00Z", "sha256:e keep shielded by 2 at 2026-03-01T13:00:00Z",
	}, got)
	for _, args := range [][]string{{}, {"nothing"}, {"evaluate"}, {"evaluate", "-nonsense"}, {"evaluate", "-policy", "x", "-images", "y", "-now", "yesterday"}} {
		code, _ := f.run("", args...)
		require.Equal(t, 2, code, "%v", args)
	}
	code, out = f.run(v6images, "evaluate", "-policy", file(t, `{"rules":[]}`), "-images", "-")
	require.Equal(t, 1, code)
	require.Contains(t, out, "lifecycle policy")
	code, _ = f.run("[{}]", "evaluate", "-policy", file(t, v6), "-images", "-")
	require.Equal(t, 1, code)
}

func TestGuard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := fixture{t, rescuetest.New()}
		api := ecr.NewFromConfig(f.cloud.Config())
		_, err := api.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")})
		require.NoError(t, err)
		digest, err := f.cloud.PushImage("app", "one", rescuetest.Runs(), "v1")
		require.NoError(t, err)
		ref := f.cloud.Registry() + "/app:v1"
		clusters := ecs.NewFromConfig(f.cloud.Config())
		_, err = clusters.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("prod")})
		require.NoError(t, err)
		_, err = clusters.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{Family: aws.String("web"), ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("app"), Image: &ref}}})
		require.NoError(t, err)
		_, err = clusters.CreateService(t.Context(), &ecs.CreateServiceInput{Cluster: aws.String("prod"), ServiceName: aws.String("web"), TaskDefinition: aws.String("web"), DesiredCount: aws.Int32(1)})
		require.NoError(t, err)
		time.Sleep(5 * time.Minute)

		want := func(exit int, text, stdin string, args ...string) {
			t.Helper()
			code, out := f.run(stdin, args...)
			require.Equal(t, exit, code, "%v: %s", args, out)
			require.Contains(t, out, text, "%v", args)
		}
		want(0, "ok (no rule takes it)", "", "check", "-service", "prod/web")
		want(2, "no image is named", "", "check")
		want(0, "REPOSITORY", "", "audit", "-cluster", "prod")
		want(1, "no lifecycle policy", "", "propose", "-cluster", "prod", "app")
		_, err = api.PutLifecyclePolicy(t.Context(), &ecr.PutLifecyclePolicyInput{RepositoryName: aws.String("app"), LifecyclePolicyText: aws.String(expireAll)})
		require.NoError(t, err)
		want(4, "rule 1 expires it after", ref+"\n# a comment\n", "check", "-")
		want(4, "age-rule: image", "", "audit", "-cluster", "prod")
		want(0, `"tagPrefixList":["pin-"]`, "", "propose", "-cluster", "prod", "app")
		want(0, "pin "+f.cloud.Registry()+"/app:pin-"+digest[7:19], "", "pin", "-cluster", "prod")
		want(0, "pin "+f.cloud.Registry()+"/app:pin-"+digest[7:19], "", "pin", "-exact", "-apply", "-cluster", "prod")
		want(0, "", "", "pin", "-apply", "-cluster", "prod")
		want(3, "app:v2: missing", "", "check", f.cloud.Registry()+"/app:v2", ref)
		want(3, "missing", `{"Configuration":{"FunctionArn":"f"},"Code":{"ImageUri":"`+ref+`","ResolvedImageUri":"`+f.cloud.Registry()+`/app@sha256:`+strings.Repeat("0", 64)+`"}}`, "check", "-lambda", "-")
		f.cloud.Inject(simtype.Fault{Action: "ecr:DescribeImages", Kind: simtype.Deny})
		want(5, "unknown", "", "check", ref)
		want(5, "not authorized", "", "audit", "-cluster", "prod")
		want(5, "unknown", "", "pin", "-exact", "-apply", ref)
	})
}

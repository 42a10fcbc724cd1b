package main

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// TestBudget audits and checks 100 repositories of 1,000 images with 500
// references from 40 of them: once named, once collected from 50 services of an
// ECS cluster. It counts calls and, with nothing but latency, rounds. The lower
// bound is one call for a page of repositories, one for each policy, and one for
// each 1,000 images.
func TestBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const latency = 100 * time.Millisecond
		f := fixture{t, rescuetest.New(func(o *rescuetest.Options) { o.Latency = latency })}
		api := ecr.NewFromConfig(f.cloud.Config())
		policy := `{"rules":[` + rule(1, `"tagStatus":"tagged","tagPatternList":["v*"],"countType":"imageCountMoreThan","countNumber":9000`) + `]}`
		var refs []string
		for r := range 100 {
			name := fmt.Sprintf("team/app-%02d", r)
			_, err := api.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &name})
			require.NoError(t, err)
			_, err = api.PutLifecyclePolicy(t.Context(), &ecr.PutLifecyclePolicyInput{RepositoryName: &name, LifecyclePolicyText: &policy})
			require.NoError(t, err)
			// Fewer of them are as many calls: each repository is read by pages of 1,000.
			first := 0
			if r%10 != 0 && !sample.Wide() {
				first = 800
			}
			for i := first; i < 1000; i++ {
				_, err := f.cloud.PushImage(name, fmt.Sprint(name, i), rescuetest.Runs(), fmt.Sprint("v", i))
				require.NoError(t, err)
			}
			for i := range 13 - r%2 {
				if r < 40 {
					refs = append(refs, fmt.Sprintf("%s/%s:v%d", f.cloud.Registry(), name, 900+i))
				}
			}
		}
		require.Len(t, refs, 500)
		measure := func(what string, maxCalls, maxRounds int, args ...string) {
			time.Sleep(time.Minute) // two runs at once would share the account's request rates
			f.cloud.ForgetCalls()
			began := time.Now()
			code, out := f.run("", args...)
			require.Zero(t, code, out)
			rounds := int(time.Since(began) / latency)
			t.Logf("%s: %d calls, %d rounds\n%s", what, len(f.cloud.Calls()), rounds, rescuetest.CallCounts(f.cloud.Calls()))
			require.LessOrEqual(t, len(f.cloud.Calls()), maxCalls, what)
			require.LessOrEqual(t, rounds, maxRounds, what)
		}
		named := file(t, strings.Join(refs, "\n"))
		measure("audit of what is named", 301, 20, "audit", "-pushes", "-1", "-indexes", "-refs", named)
		measure("check of what is named", 81, 20, "check", "-pushes", "-1", "-refs", named)

		api2 := ecs.NewFromConfig(f.cloud.Config())
		_, err := api2.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("prod")})
		require.NoError(t, err)
		for i := range 50 {
			name := fmt.Sprintf("service-%02d", i)
			time.Sleep(2 * time.Second) // within the rate of RegisterTaskDefinition
			var containers []types.ContainerDefinition
			for j, ref := range refs[10*i : 10*i+10] {
				containers = append(containers, types.ContainerDefinition{Name: aws.String(fmt.Sprint("c", j)), Image: &ref, Essential: aws.Bool(j == 0)})
			}
			_, err := api2.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{Family: &name, ContainerDefinitions: containers})
			require.NoError(t, err)
			_, err = api2.CreateService(t.Context(), &ecs.CreateServiceInput{Cluster: aws.String("prod"), ServiceName: &name, TaskDefinition: &name, DesiredCount: aws.Int32(1)})
			require.NoError(t, err)
		}
		time.Sleep(10 * time.Minute)
		// 50 services: a list of deployments for each, and their revisions 20 at a
		// time.
		measure("audit of a cluster", 301, 20, "audit", "-pushes", "-1", "-cluster", "prod")
		measure("check of a cluster", 181, 20, "check", "-pushes", "-1", "-cluster", "prod")
	})
}

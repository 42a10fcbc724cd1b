package ecrx_test

import (
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// serve runs a service of the image in cluster "prod", as "web".
func (f *fixture) register(family string, images ...ecrx.Image) string {
	in := &ecs.RegisterTaskDefinitionInput{Family: &family}
	for n, img := range images {
		in.ContainerDefinitions = append(in.ContainerDefinitions, types.ContainerDefinition{Name: aws.String(string(rune('a' + n))), Image: aws.String(img.String())})
	}
	out, err := ecs.NewFromConfig(f.cloud.Config()).RegisterTaskDefinition(f.t.Context(), in)
	require.NoError(f.t, err)
	return *out.TaskDefinition.TaskDefinitionArn
}

func (f *fixture) cluster() *ecs.Client {
	api := ecs.NewFromConfig(f.cloud.Config())
	_, err := api.CreateCluster(f.t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("prod")})
	require.NoError(f.t, err)
	return api
}

func who(needs []ecrx.Need) map[string][]string {
	out := map[string][]string{}
	for _, n := range needs {
		out[n.Ref()] = n.By
	}
	return out
}

func TestInUse(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, f *fixture) {
		api := f.cluster()
		run := func(content, tag string) ecrx.Image {
			digest, err := f.cloud.PushImage("app", content, rescuetest.Runs(), tag)
			require.NoError(t, err)
			img := f.tag(f.app, tag)
			img.Digest = digest
			return img
		}
		one, two := run("one", "v1"), run("two", "latest")
		byTag := func(i ecrx.Image) ecrx.Image { i.Digest = ""; return i }
		first := f.register("web", byTag(one), byTag(two))
		_, err := api.CreateService(t.Context(), &ecs.CreateServiceInput{Cluster: aws.String("prod"), ServiceName: aws.String("web"), TaskDefinition: &first, DesiredCount: aws.Int32(1)})
		require.NoError(t, err)
		time.Sleep(5 * time.Minute)
		// The tag moves, and a new revision is deployed: a rollback needs the old digest.
		three := run("three", "latest")
		four := run("four", "v4")
		second := f.register("web", byTag(four), byTag(three))
		_, err = api.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: aws.String("web"), TaskDefinition: &second})
		require.NoError(t, err)
		time.Sleep(10 * time.Minute)

		needs, err := ecrx.InUse(t.Context(), ecsx.Uses(t.Context(), api, "prod"), ecrx.Refs("a file", byTag(one).String(), "nginx"))
		require.NoError(t, err)
		got := who(needs)
		require.Contains(t, got, one.String(), "%v", got)
		require.Contains(t, got, two.String(), "the digest that a rollback pulls")
		require.Contains(t, got, three.String())
		require.Contains(t, got, byTag(four).String())
		require.Equal(t, []string{"a file", "task definition web:1"}, got[byTag(one).String()])
		require.Equal(t, []string{"a file"}, got["docker.io/library/nginx:latest"])

		// What is not complete says so, and has the rest.
		failing := iter.Seq2[ecrx.Use, error](func(yield func(ecrx.Use, error) bool) { yield(ecrx.Use{}, errors.New("cluster b: denied")) })
		needs, err = ecrx.InUse(t.Context(), failing, ecrx.Refs("a file", byTag(one).String(), "NOT AN IMAGE"))
		require.ErrorContains(t, err, "cluster b: denied")
		require.ErrorIs(t, err, ecrx.ErrReference)
		require.Len(t, needs, 1)

		f.cloud.Inject(simtype.Fault{Action: "ecs:DescribeServiceRevisions", Kind: simtype.Deny})
		_, err = ecrx.InUse(t.Context(), ecsx.Uses(t.Context(), api, "prod"))
		require.ErrorContains(t, err, "cluster prod: operation error ECS: DescribeServiceRevisions")
	})
}

func TestInUseOfStacks(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, f *fixture) {
		f.push("one", "v1")
		stacks := cloudformation.NewFromConfig(f.cloud.Config())
		_, err := stacks.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: aws.String("web"), TemplateBody: aws.String(`
Resources:
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: web
      ContainerDefinitions:
        - {Name: app, Image: "` + f.tag(f.app, "v1").String() + `"}
`)})
		require.NoError(t, err)
		time.Sleep(5 * time.Minute)
		needs, err := ecrx.InUse(t.Context(), cfnx.Uses(t.Context(), stacks, "web", ecsx.TaskDefinitionImages(ecs.NewFromConfig(f.cloud.Config()))))
		require.NoError(t, err)
		require.Equal(t, map[string][]string{f.tag(f.app, "v1").String(): {"stack web: Task"}}, who(needs))
		_, err = ecrx.InUse(t.Context(), cfnx.Uses(t.Context(), stacks, "nothing", ecsx.TaskDefinitionImages(ecs.NewFromConfig(f.cloud.Config()))))
		require.Error(t, err)
	})
}

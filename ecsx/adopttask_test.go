package ecsx_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

func TestAdoptTask(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		ran := 0
		image := f.push("app", "1", func(c *simtype.Container) {
			ran++
			c.After(time.Minute, func() { c.Exit(1) })
		})
		_, err := f.ecs.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{Family: aws.String("job"), ContainerDefinitions: []types.ContainerDefinition{f.container("app", image)}})
		require.NoError(t, err)
		spec := func(token, arg string) ecsx.TaskSpec {
			return ecsx.TaskSpec{Cluster: "prod", TaskDefinition: "job", Token: token, Overrides: []ecsx.ContainerOverride{{Container: "app", Command: []string{arg}}}}
		}
		adopt := func(token, arg string) string {
			arn, err := spec(token, arg).AdoptTask(t.Context(), f.ecs)
			require.NoError(t, err)
			return arn
		}
		first := adopt("", "up")
		require.Equal(t, first, adopt("", "up"), "in flight")
		require.NotEqual(t, first, adopt("other", "up"))
		require.NotEqual(t, first, adopt("", "down"), "the command is part of the token")
		require.Equal(t, first, adopt("", "up"))
		time.Sleep(30 * time.Second)
		require.Equal(t, first, adopt("", "up"), "in flight still")
		_, err = spec("", "up").WaitTask(t.Context(), f.ecs, f.logs, first)
		require.Error(t, err)
		second := adopt("", "up")
		require.NotEqual(t, first, second, "what has ended is not adopted")
		require.Equal(t, second, adopt("", "up"))
		time.Sleep(3 * time.Hour) // both are forgotten
		third := adopt("", "up")
		require.NotContains(t, []string{first, second}, third)
		require.Equal(t, third, adopt("", "up"))
		f.cloud.Inject(simtype.Fault{Action: "ecs:RunTask", Nth: 1, Kind: simtype.LostResponse}, simtype.Fault{Action: "ecs:DescribeTasks", Nth: 1, Kind: simtype.Throttle})
		fourth := adopt("x", "up")
		require.Equal(t, fourth, adopt("x", "up"))
		_, err = spec("x", "up").WaitTask(t.Context(), f.ecs, f.logs, fourth)
		require.Error(t, err)
		require.Equal(t, 6, ran)
		_, err = ecsx.TaskSpec{Cluster: "prod", TaskDefinition: "none"}.AdoptTask(t.Context(), f.ecs)
		require.ErrorContains(t, err, "run task none: ")
	})
}

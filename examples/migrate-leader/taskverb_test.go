package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// account is a simulated account with a service web, and a family job whose
// container does as it is told.
type account struct {
	t     *testing.T
	cloud *rescuetest.Cloud
	ecs   *ecs.Client
	ran   int
}

func newAccount(t *testing.T) *account {
	a := &account{t: t, cloud: rescuetest.New()}
	cfg := a.cloud.Config()
	a.ecs = ecs.NewFromConfig(cfg)
	_, err := ecr.NewFromConfig(cfg).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")})
	require.NoError(t, err)
	_, err = cloudwatchlogs.NewFromConfig(cfg).CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/app")})
	require.NoError(t, err)
	_, err = a.cloud.PushImage("app", "1", a.program, "1")
	require.NoError(t, err)
	_, err = a.ecs.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("prod")})
	require.NoError(t, err)
	a.register("web", "1")
	a.register("job", "1")
	a.register("gone", "0")
	_, err = a.ecs.CreateService(t.Context(), &ecs.CreateServiceInput{
		Cluster: aws.String("prod"), ServiceName: aws.String("web"), TaskDefinition: aws.String("web"), DesiredCount: aws.Int32(1),
		CapacityProviderStrategy: []types.CapacityProviderStrategyItem{{CapacityProvider: aws.String("FARGATE_SPOT"), Weight: 1}},
		NetworkConfiguration:     &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{"subnet-1"}}},
		DeploymentConfiguration:  &types.DeploymentConfiguration{DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true}},
	})
	require.NoError(t, err)
	return a
}

func (a *account) register(family, tag string) string {
	out, err := a.ecs.RegisterTaskDefinition(a.t.Context(), &ecs.RegisterTaskDefinitionInput{Family: &family, ContainerDefinitions: []types.ContainerDefinition{
		{Name: aws.String("helper"), Image: aws.String(a.cloud.Registry() + "/app:" + tag), Essential: aws.Bool(false)},
		{
			Name: aws.String("app"), Image: aws.String(a.cloud.Registry() + "/app:" + tag),
			HealthCheck:      &types.HealthCheck{Command: []string{"CMD", "./healthy.sh"}},
			LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{"awslogs-group": "/app", "awslogs-stream-prefix": "t"}},
		},
	}})
	require.NoError(a.t, err)
	return *out.TaskDefinition.TaskDefinitionArn
}

// program prints a result of the version that it is told, or exits with the
// code that it is told.
func (a *account) program(c *simtype.Container) {
	command := c.Command()
	if len(command) == 0 {
		c.SetHealthy(true)
		return
	}
	a.ran++
	c.After(time.Minute, func() {
		c.Print("running " + strings.Join(command, " "))
		switch command[len(command)-1] {
		case "up", "half":
			var out bytes.Buffer
			state := migrate.State{Version: "7", Done: true, Dirty: command[len(command)-1] == "half"}
			if migrate.Handback(&out, migrate.Result{State: state}) != nil {
				c.Exit(99)
			}
			c.Print(strings.TrimSpace(out.String()))
		case "fail":
			c.Exit(7)
		}
		c.Exit(0)
	})
}

// task runs the verb.
func (a *account) task(args ...string) (out string, err error) {
	var stdout, stderr bytes.Buffer
	err = task(a.t.Context(), a.cloud.Config(), append([]string{"-cluster", "prod"}, args...), &stdout, &stderr)
	return stdout.String() + "|" + stderr.String(), err
}

func TestTask(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(t)
		for name, c := range map[string]struct {
			args []string
			code int
			want string // in the output or the error
			runs int
		}{
			"succeeds":                {args: []string{"-task-definition", "job", "--", "./ok"}, runs: 1, want: "running ./ok\n"},
			"fails":                   {args: []string{"-task-definition", "job", "--", "./fail", "fail"}, code: 7, runs: 1, want: "exit code 7"},
			"cannot pull":             {args: []string{"-task-definition", "gone", "--", "ok"}, code: 1, want: "CannotPull"},
			"hands back":              {args: []string{"-service", "web", "-task-definition", "job", "--", "migrate-leader", "run", "-handback", "--", "up"}, runs: 1, want: "migrate-leader: verified version 7"},
			"hands back half":         {args: []string{"-task-definition", "job", "--", "migrate-leader", "run", "-handback", "--", "half"}, code: 3, runs: 1, want: "version 7 (dirty): the work ended, and the probe does not confirm it"},
			"hands nothing back":      {args: []string{"-task-definition", "job", "--", "migrate-leader", "run", "-handback", "--", "x"}, code: 3, runs: 1, want: "none in 1 lines"},
			"handback fails":          {args: []string{"-task-definition", "job", "--", "run", "--handback", "--", "fail"}, code: 7, runs: 1, want: "deploy nothing that needs it"},
			"the service's family":    {args: []string{"-service", "web", "-task-definition", "web", "--", "ok"}, code: 2, want: "of the family of service web, whose revisions may be gone in a rollback: refused"},
			"but allowed":             {args: []string{"-service", "web", "-task-definition", "web:1", "-any-revision", "--", "ok"}, runs: 1, want: "running ok"},
			"no such container":       {args: []string{"-task-definition", "job", "-container", "x", "--", "ok"}, code: 1, want: "container x: not found"},
			"no such service":         {args: []string{"-service", "x", "-task-definition", "job", "--", "ok"}, code: 1, want: "service prod/x: not found"},
			"no such task definition": {args: []string{"-task-definition", "x", "--", "ok"}, code: 1, want: "task definition x: "},
			"no command":              {args: []string{"-task-definition", "job"}, code: 2, want: "wrong usage"},
			"no task definition":      {args: []string{"--", "ok"}, code: 2, want: "wrong usage"},
			"nonsense":                {args: []string{"-nonsense"}, code: 2, want: "wrong usage"},
		} {
			before := a.ran
			out, err := a.task(c.args...)
			require.Equal(t, c.code, code(err), "%s: %v", name, err)
			if err != nil {
				out += err.Error()
			}
			require.Contains(t, out, c.want, name)
			require.Equal(t, c.runs, a.ran-before, name)
		}
		var input *ecs.RunTaskInput
		for _, c := range a.cloud.Calls() {
			if in, ok := c.Input.(*ecs.RunTaskInput); ok && len(in.CapacityProviderStrategy) > 0 {
				input = in
			}
		}
		require.NotNil(t, input)
		require.Equal(t, "FARGATE_SPOT", *input.CapacityProviderStrategy[0].CapacityProvider)
		require.Equal(t, []string{"subnet-1"}, input.NetworkConfiguration.AwsvpcConfiguration.Subnets)
		require.Equal(t, "app", *input.Overrides.ContainerOverrides[0].Name, "the first essential one")
	})
}

func TestTaskOfAStackIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(t)
		arn := a.register("job", "1")
		_, err := a.ecs.TagResource(t.Context(), &ecs.TagResourceInput{ResourceArn: &arn, Tags: []types.Tag{{Key: aws.String("aws:cloudformation:stack-name"), Value: aws.String("prod")}}})
		require.NoError(t, err)
		_, err = a.task("-task-definition", "job", "--", "ok")
		require.ErrorContains(t, err, "owned by stack prod, and may be gone in its rollback")
		require.Equal(t, 2, code(err))
		require.Zero(t, a.ran)
		_, err = a.task("-task-definition", "job:1", "--", "ok")
		require.NoError(t, err)
		_, err = a.task("-task-definition", "job", "-any-revision", "--", "ok")
		require.NoError(t, err)
	})
}

// TestTaskIsAdopted runs the same step of a pipeline twice at once, and again.
func TestTaskIsAdopted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(t)
		step := func(token, wait string) error {
			_, err := a.task("-task-definition", "job", "-token", token, "-wait", wait, "--", "run", "-handback", "--", "up")
			return err
		}
		ended := make(chan error)
		for range 2 {
			go func() { ended <- step("42", "1h") }()
		}
		err := step("42", "30s")
		require.ErrorContains(t, err, "goes on; the same command, run again, waits for it")
		require.Equal(t, 1, code(err))
		require.NoError(t, <-ended)
		require.NoError(t, <-ended)
		require.Equal(t, 1, a.ran)
		require.NoError(t, step("42", "1h"))
		require.Equal(t, 2, a.ran, "what has ended is run again, and finds nothing to do")
		require.NoError(t, step("43", "1h"))
		require.Equal(t, 3, a.ran)
	})
}

func TestPreflightVerb(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(t)
		check := func(args ...string) (string, int) {
			var out bytes.Buffer
			err := preflight(t.Context(), a.cloud.Config(), append([]string{"-cluster", "prod", "-service", "web"}, args...), &out, &out)
			return out.String(), code(err)
		}
		out, code := check("-max-wait", "30m")
		require.Equal(t, 3, code)
		require.Contains(t, out, "the container's health check depends on the migration")
		require.Contains(t, out, "after 3 of them the circuit breaker fails the deployment: let it ask for /live")
		out, code = check("-max-wait", "30m", "-container", "helper", "-drain", "25s")
		require.Equal(t, 3, code)
		require.Contains(t, out, "raise stopTimeout")
		require.Equal(t, 1, strings.Count(out, "\n"))
		out, code = check("-max-wait", "30m", "-container", "helper")
		require.Zero(t, code)
		require.Equal(t, "service prod/web: a replica can wait for 30m0s\n", out)
		_, code = check("-max-wait", "30m", "-task-definition", "none")
		require.Equal(t, 1, code)
		_, code = check()
		require.Equal(t, 2, code)
	})
}

package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// phase is a time in a container's life, and what two ways to check its health
// say then: the README's, and asking the address of run alone.
type phase struct {
	name        string
	lasts       time.Duration // in the simulated cloud
	recipe, old bool
}

// TestRecipeHoldsAfterTheStart asks the real command in each phase of a
// container's life, and lets a simulated ECS draw its conclusions: with the
// README's health check the first task stays; with the other one ECS replaces
// the task again and again once the application has started.
func TestRecipeHoldsAfterTheStart(t *testing.T) {
	t.Parallel()
	phases := askedInEachPhase(t)
	t.Logf("%+v", phases)
	starts := func(healthy func(phase) bool) (n int) {
		synctest.Test(t, func(t *testing.T) {
			a := newAccount(t)
			n = a.lifeOf(func(c *simtype.Container) {
				at := time.Duration(0)
				for _, p := range phases {
					c.After(at, func() { c.SetHealthy(healthy(p)) })
					at += p.lasts
				}
			})
		})
		return n
	}
	require.Equal(t, 1, starts(func(p phase) bool { return p.recipe }))
	require.Greater(t, starts(func(p phase) bool { return p.old }), 2)
}

// askedInEachPhase runs a container's processes: a migration, an application that
// does not answer yet, and its life.
func askedInEachPhase(t *testing.T) []phase {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed, which is the application here")
	}
	free := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { _ = l.Close() }()
		return l.Addr().String()
	}
	health, app := free(), free()
	_, port, err := net.SplitHostPort(app)
	require.NoError(t, err)
	// Each phase lasts until it was asked in.
	dir := t.TempDir()
	until := func(file string) string { return "until test -e " + dir + "/" + file + "; do sleep 0.05; done" }
	migration := "touch " + dir + "/migrating; " + until("migrated")
	application := "touch " + dir + "/starting; " + until("started") + "; exec " + python + " -m http.server --bind 127.0.0.1 " + port
	cmd, _ := begin(t, nil, base(t, "-build", "b", "-health", health, "--", "/bin/sh", "-c", migration, "-then", "/bin/sh", "-c", application)...)
	defer func() { _ = cmd.Process.Kill() }()
	phases := []phase{{name: "the migration runs", lasts: 25 * time.Minute}, {name: "the application starts", lasts: 40 * time.Second}, {name: "the application serves", lasts: 6 * time.Hour}}
	for i, c := range []struct {
		is  func() bool
		end string
	}{
		{func() bool { _, err := os.Stat(dir + "/migrating"); return err == nil }, "migrated"},
		{func() bool { _, err := os.Stat(dir + "/starting"); return err == nil }, "started"},
		{func() bool {
			conn, err := net.Dial("tcp", app)
			if err == nil {
				_ = conn.Close()
			}
			return err == nil
		}, "end"},
	} {
		soon(t, c.is, phases[i].name)
		p := &phases[i]
		p.recipe = call(t, "check", "-health", health, "-app", "http://"+app+"/", "-boot", "2m").code == 0
		resp, err := http.Get("http://" + health + "/live")
		if p.old = err == nil && resp.StatusCode == http.StatusOK; err == nil {
			_ = resp.Body.Close()
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, c.end), nil, 0o600))
	}
	return phases
}

// lifeOf runs a service of one task whose container has the README's health
// check, and counts how often the container starts within 4 hours.
func (a *account) lifeOf(program func(*simtype.Container)) int {
	starts := 0
	_, err := a.cloud.PushImage("app", "life", func(c *simtype.Container) {
		starts++
		program(c)
	}, "life")
	require.NoError(a.t, err)
	out, err := a.ecs.RegisterTaskDefinition(a.t.Context(), &ecs.RegisterTaskDefinitionInput{Family: aws.String("life"), ContainerDefinitions: []types.ContainerDefinition{{
		Name: aws.String("app"), Image: aws.String(a.cloud.Registry() + "/app:life"),
		HealthCheck: &types.HealthCheck{Command: []string{"CMD", "migrate-leader", "check"}, Interval: aws.Int32(30), Retries: aws.Int32(3), Timeout: aws.Int32(5)},
	}}})
	require.NoError(a.t, err)
	_, err = a.ecs.CreateService(a.t.Context(), &ecs.CreateServiceInput{
		Cluster: aws.String("prod"), ServiceName: aws.String("life"), TaskDefinition: out.TaskDefinition.TaskDefinitionArn, DesiredCount: aws.Int32(1),
		LaunchType:           types.LaunchTypeFargate,
		NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{"subnet-1"}}},
	})
	require.NoError(a.t, err)
	a.cloud.Advance(4 * time.Hour)
	s, err := a.ecs.DescribeServices(a.t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("prod"), Services: []string{"life"}})
	require.NoError(a.t, err)
	a.t.Log(fmt.Sprint("tasks started: ", starts, ", running: ", s.Services[0].RunningCount))
	return starts
}

package ecsx_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// done counts what was carried out.
func (f *fixture) done(action string) int {
	n := 0
	for _, c := range f.cloud.Calls() {
		if c.Done && c.Action == action {
			n++
		}
	}
	return n
}

func keep(_ context.Context, ref string) (string, error) { return ref, nil }

// An answer that got lost never starts a second deployment, also while reads lag.
func TestALostAnswerStartsNoSecondDeployment(t *testing.T) {
	t.Parallel()
	for _, stale := range []int{0, 1, 3, 6} {
		for name, kind := range map[string]simtype.FaultKind{"lost": simtype.LostResponse, "500": simtype.ServerError, "throttled": simtype.Throttle} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f := newFixture(t, func(o *rescuetest.Options) { o.Switches.StaleReads = stale })
					f.serve(f.register("app", f.push("app", "1", rescuetest.Runs())), 1)
					for range stale + 1 {
						_, err := f.ecs.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("prod"), Services: []string{"web"}})
						require.NoError(t, err)
					}
					f.cloud.ForgetCalls()
					f.cloud.Inject(simtype.Fault{Action: "ecs:UpdateService", Nth: 1, Kind: kind})
					d, err := ecsx.ForceDeployLatest(t.Context(), f.ecs, f.web, keep)
					require.NoError(t, err)
					require.NotEmpty(t, d.ID)
					require.Equal(t, 1, f.done("ecs:UpdateService"))
				})
			})
		}
	}
}

// meddler deploys somebody else's revision at a chosen moment.
type meddler struct {
	*ecs.Client
	before, after func()
}

func (m meddler) RegisterTaskDefinition(ctx context.Context, in *ecs.RegisterTaskDefinitionInput, o ...func(*ecs.Options)) (*ecs.RegisterTaskDefinitionOutput, error) {
	if m.before != nil {
		m.before()
	}
	return m.Client.RegisterTaskDefinition(ctx, in, o...)
}

func (m meddler) UpdateService(ctx context.Context, in *ecs.UpdateServiceInput, o ...func(*ecs.Options)) (*ecs.UpdateServiceOutput, error) {
	out, err := m.Client.UpdateService(ctx, in, o...)
	if m.after != nil && err != nil {
		m.after()
	}
	return out, err
}

// Somebody's deployment that was started meanwhile is left alone.
func TestSomebodysDeploymentIsLeftAlone(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"before the update", "after it, its answer lost"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.serve(f.register("app", f.push("app", "1", rescuetest.Runs())), 1)
				hotfix := f.register("app", f.push("app", "hotfix", rescuetest.Runs()))
				deploy := func() {
					_, err := f.ecs.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: aws.String("web"), TaskDefinition: &hotfix})
					require.NoError(t, err)
				}
				m := meddler{Client: f.ecs}
				if when == "before the update" {
					m.before = deploy
				} else {
					m.after = deploy
					f.cloud.Inject(simtype.Fault{Action: "ecs:UpdateService", Nth: 1, Kind: simtype.LostResponse})
				}
				_, err := ecsx.ForceDeployLatest(t.Context(), m, f.web, keep)
				require.ErrorIs(t, err, ecsx.ErrChanged)
				out, err := f.ecs.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("prod"), Services: []string{"web"}})
				require.NoError(t, err)
				require.Equal(t, hotfix, *out.Services[0].TaskDefinition)
			})
		})
	}
}

// A revision that is not deployed is taken back.
func TestARefusedUpdateLeavesNoRevision(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.serve(f.register("app", f.push("app", "1", rescuetest.Runs())), 1)
		f.cloud.Inject(simtype.Fault{Action: "ecs:UpdateService", Kind: simtype.Deny})
		start := time.Now()
		_, err := ecsx.ForceDeployLatest(t.Context(), f.ecs, f.web, nil)
		require.ErrorContains(t, err, "AccessDenied")
		require.Less(t, time.Since(start), 10*time.Second, "a refusal is an answer")
		out, err := f.ecs.ListTaskDefinitions(t.Context(), &ecs.ListTaskDefinitionsInput{FamilyPrefix: aws.String("app")})
		require.NoError(t, err)
		require.Len(t, out.TaskDefinitionArns, 1)
	})
}

// Callers at once end with one revision, and each with a deployment of its own.
func TestCallersAtOnceShareARevision(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(o *rescuetest.Options) { o.Latency = 50 * time.Millisecond })
		f.serve(f.register("app", f.push("app", "1", rescuetest.Runs())), 2)
		f.cloud.ForgetCalls()
		var wg sync.WaitGroup
		var mu sync.Mutex
		revisions, deployments := map[string]bool{}, map[string]bool{}
		for range 3 {
			wg.Go(func() {
				d, err := ecsx.ForceDeployLatest(t.Context(), f.ecs, f.web, nil)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					require.ErrorIs(t, err, ecsx.ErrChanged)
					return
				}
				revisions[d.TaskDefinition], deployments[d.ID] = true, true
			})
		}
		wg.Wait()
		require.Len(t, revisions, 1)
		require.NotEmpty(t, deployments)
		require.LessOrEqual(t, f.done("ecs:UpdateService"), 3)
		out, err := f.ecs.ListTaskDefinitions(t.Context(), &ecs.ListTaskDefinitionsInput{FamilyPrefix: aws.String("app")})
		require.NoError(t, err)
		require.Len(t, out.TaskDefinitionArns, 2, "the old one and one new one")
	})
}

// A dry run says what would be deployed and changes nothing.
func TestForceDeployDryRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.serve(f.register("app", f.push("app", "1", rescuetest.Runs())), 1)
		f.cloud.ForgetCalls()
		d, err := ecsx.ForceDeployLatest(t.Context(), f.ecs, f.web, nil, func(o *ecsx.ForceDeployOptions) { o.DryRun = true })
		require.NoError(t, err)
		require.Len(t, d.Images, 2)
		require.Empty(t, d.ID)
		for _, c := range f.cloud.Calls() {
			require.False(t, c.Mutates(), c.Action)
		}
	})
}

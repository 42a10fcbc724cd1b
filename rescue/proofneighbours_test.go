package rescue_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// shared is [web] whose container has a property that an alias shares with something
// else: it cannot be edited in its place.
func shared(tag, property, value string) string {
	return web(tag, append([]string{"\nResources:", "\nMetadata: {Shared: &shared " + value + "}\nResources:"}, with(property+": *shared")...)...)
}

// Other properties and other places that cannot be edited are proven as a password is:
// the plan without the choice offers it, with the choice the stack is rescued and
// renders its own value, and nothing but the new code is started.
func TestProofOfOtherProperties(t *testing.T) {
	t.Parallel()
	hidden := func(tag string) string {
		return web(tag, append([]string{"Resources:", "Parameters:\n  Password: {Type: String, NoEcho: true}\nResources:"}, with(`Environment: [{Name: DB_PASSWORD, Value: !Ref Password}]`)...)...)
	}
	for name, test := range map[string]struct {
		old, next string
		kv        []string // of the update
		lost      string
		is        func(ecstypes.ContainerDefinition) any
		want      any
	}{
		"command":    {shared("v1", "Command", "[serve]"), shared("v2", "Command", "[serve, fast]"), nil, "Command", func(c ecstypes.ContainerDefinition) any { return c.Command }, []string{"serve"}},
		"ports":      {shared("v1", "PortMappings", "[{ContainerPort: 80}]"), shared("v2", "PortMappings", "[{ContainerPort: 81}]"), nil, "PortMappings.81", func(c ecstypes.ContainerDefinition) any { return *c.PortMappings[0].ContainerPort }, int32(80)},
		"memory":     {shared("v1", "Memory", "512"), shared("v2", "Memory", "1024"), nil, "Memory", func(c ecstypes.ContainerDefinition) any { return *c.Memory }, int32(512)},
		"reserved":   {shared("v1", "MemoryReservation", "128"), web("v2"), nil, "MemoryReservation", func(c ecstypes.ContainerDefinition) any { return *c.MemoryReservation }, int32(128)},
		"a password": {web("v1"), web("v2", password...), nil, "Environment.DB_PASSWORD", func(c ecstypes.ContainerDefinition) any { return len(c.Environment) }, 0},
		"NoEcho":     {hidden("v1"), hidden("v2"), []string{"Password", "four-five-six"}, "Environment.DB_PASSWORD", func(c ecstypes.ContainerDefinition) any { return *c.Environment[0].Value }, "one-two-three"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				gone := s.push("v1")
				s.pushFailing("v2")
				var kv []string
				if test.kv != nil {
					kv = []string{"Password", "one-two-three"}
				}
				s.create(test.old, kv...)
				s.deleteImage(gone)
				require.EqualValues(t, "UPDATE_ROLLBACK_FAILED", s.update(test.next, test.kv...))
				s.mended = true
				s.serve("web:2")
				s.stops(rescue.Choices{Direction: "forward"}, "savepoint", test.lost, "-prove prod/web")
				p, err := rescue.MakePlan(s.diagnose(), forProof())
				require.NoError(t, err)
				require.Nil(t, p.Stop, "%s", p)
				require.Equal(t, "proof unlock savepoint verify", kindsOf(p))
				began := s.cloud.Now()
				r, err := s.run(throughJSON(t, p, nil))
				require.NoError(t, err, r)
				require.EqualValues(t, "rescued", r.Result, r)
				s.onlyNew(began, r.String())
				require.Contains(t, strings.Join(r.Follow, "\n"), "lost on purpose: stack prod: Task: container web: "+test.lost)
				// The proven revision and what the stack deploys are equal.
				proven, deployed := s.definition("web:3"), s.definition(s.revision())
				require.Equal(t, test.want, test.is(deployed.ContainerDefinitions[0]))
				require.Equal(t, proven.ContainerDefinitions, deployed.ContainerDefinitions)
				require.NotContains(t, p.String()+marshal(t, p)+r.String()+marshal(t, r), "hunter2")
				require.NotContains(t, p.String()+marshal(t, p)+r.String()+marshal(t, r), "one-two-three")
			})
		})
	}
}

func (s *site) definition(name string) *ecstypes.TaskDefinition {
	out, err := s.ecs.DescribeTaskDefinition(s.t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: &name})
	require.NoError(s.t, err)
	return out.TaskDefinition
}

// revision is that of the service.
func (s *site) revision() string { c := s.counts(); return c[strings.LastIndex(c, " ")+1:] }

// Two services of one task definition that keep different revisions: the template can
// have one, and the other is proven with it. Where both keep the same, nothing is.
func TestProofOfASharedDefinition(t *testing.T) {
	t.Parallel()
	for _, other := range []string{"a", "b"} {
		t.Run(other, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				lock(beside("v1"), beside("v2"))(s)
				s.mended = true
				a := s.handMade("web:2", func(c *ecstypes.ContainerDefinition) { c.Command = []string{"a"} })
				b := a
				if other == "b" {
					b = s.handMade("web:2", func(c *ecstypes.ContainerDefinition) { c.Command = []string{"b"} })
				}
				s.serve(a)
				_, err := s.ecs.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: aws.String("api"), TaskDefinition: &b, ForceNewDeployment: true})
				require.NoError(t, err)
				time.Sleep(15 * time.Minute)
				c, kinds := rescue.Choices{Direction: "forward"}, "unlock savepoint verify"
				if other == "b" {
					s.stops(c, "savepoint", "Command", "-prove prod/web")
					c, kinds = forProof(), "proof unlock savepoint verify"
				}
				p, err := rescue.MakePlan(s.diagnose(), c)
				require.NoError(t, err)
				require.Nil(t, p.Stop, "%s", p)
				require.Equal(t, kinds, kindsOf(p))
				r, err := s.run(throughJSON(t, p, nil))
				require.NoError(t, err, r)
				require.EqualValues(t, "rescued", r.Result, r)
				require.Equal(t, []string{other}, s.definition(s.revision()).ContainerDefinitions[0].Command)
			})
		})
	}
}

// explained is a diagnosis of the same evidence with its service changed.
func explained(t *testing.T, d *rescue.Diagnosis, edit func(map[string]any)) *rescue.Diagnosis {
	t.Helper()
	var m map[string]any
	require.NoError(t, json.Unmarshal([]byte(marshal(t, d.Evidence())), &m))
	edit(m["services"].([]any)[0].(map[string]any))
	b := new(rescue.Bundle)
	require.NoError(t, json.Unmarshal([]byte(marshal(t, m)), b))
	return b.Explain()
}

// By what a service is proven, and when it is by nothing: the plan stops as without the
// choice then, and says why and what would help.
func TestWaysToProve(t *testing.T) {
	t.Parallel()
	put := func(kv ...any) func(map[string]any) {
		return func(s map[string]any) {
			for i := 0; i < len(kv); i += 2 {
				s[kv[i].(string)] = kv[i+1]
			}
		}
	}
	hangs := func(what string) any { return map[string]any{what: true} }
	for name, test := range map[string]struct {
		edit func(map[string]any)
		way  string // or what a refusal says
		next string
	}{
		"a worker":                  {put(), "canary", ""},
		"one task, room for two":    {put("desired", 1, "maximum", 200), "canary", ""},
		"one task, never two":       {put("desired", 1, "running", 1, "maximum", 100), "deployment", ""},
		"a load balancer":           {put("attached", hangs("loadBalancers")), "deployment", ""},
		"a service registry":        {put("attached", hangs("registries")), "deployment", ""},
		"Service Connect":           {put("attached", hangs("connect")), "deployment", ""},
		"VPC Lattice":               {put("attached", hangs("lattice")), "deployment", ""},
		"volumes":                   {put("attached", hangs("volumes")), "deployment", ""},
		"a daemon":                  {put("scheduling", "DAEMON", "minimumHealthy", 50), "deployment", ""},
		"a daemon that stops all":   {put("scheduling", "DAEMON", "minimumHealthy", 0), "minimumHealthyPercent is 0", "minimumHealthyPercent="},
		"not read":                  {put("attached", nil), "what hangs on its tasks is not known", "ecs:DescribeServices"},
		"balanced, blue/green":      {put("attached", hangs("loadBalancers"), "strategy", "BLUE_GREEN"), "is deployed by BLUE_GREEN", "strategy's own means"},
		"balanced, no breaker":      {put("attached", hangs("loadBalancers"), "breaker", false, "breakerRollback", false), "has no circuit breaker", "rollback=true"},
		"balanced, stays":           {put("attached", hangs("loadBalancers"), "breakerRollback", false), "has no circuit breaker", "rollback=true"},
		"balanced, half":            {put("attached", hangs("loadBalancers"), "minimumHealthy", 50), "deployment", ""},
		"balanced, none":            {put("attached", hangs("loadBalancers"), "minimumHealthy", 0), "minimumHealthyPercent is 0", "-raise-minimum"},
		"balanced, minimum unread":  {put("attached", hangs("loadBalancers"), "minimumHealthy", nil), "is not known", "ecs:DescribeServices"},
		"balanced, never completed": {put("attached", hangs("loadBalancers"), "state", "IN_PROGRESS"), "is not its latest that was completed", "has ended"},
		"CodeDeploy":                {put("controller", "CODE_DEPLOY"), "CODE_DEPLOY", "aws deploy create-deployment"},
		"another controller":        {put("controller", "EXTERNAL"), "EXTERNAL", "the controller that owns the service"},
		"a load balancer, a third":  {put("attached", hangs("loadBalancers"), "minimumHealthy", 34), "deployment", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				locks(s, proofs["a worker"].old, proofs["a worker"].next, nil)
				s.serve("web:2")
				d := explained(t, s.diagnose(), test.edit)
				offered, _ := rescue.MakePlan(d, rescue.Choices{Direction: "forward"})
				p, err := rescue.MakePlan(d, forProof())
				if test.next != "" { // it is not offered, either
					said := ""
					if err != nil {
						said = err.Error()
					} else {
						require.NotNil(t, p.Stop, "%s", p)
						said = p.Stop.String()
						require.Equal(t, offered.Stop.Before, p.Stop.Before)
						require.NotContains(t, offered.Stop.String(), "-prove")
						require.NotContains(t, kindsOf(p), "proof")
					}
					require.Contains(t, said, test.way)
					require.Contains(t, said, test.next)
					return
				}
				require.NoError(t, err)
				require.Nil(t, p.Stop, "%s", p)
				i := slices.IndexFunc(p.Steps, func(x rescue.Step) bool { return x.Kind == proof })
				require.GreaterOrEqual(t, i, 0, "%s", p)
				require.Equal(t, test.way, p.Steps[i].Proof.By)
				require.Contains(t, offered.Stop.Next, "Choices.Prove, -prove prod/web")
			})
		})
	}
}

// A name that is none of the services is refused with theirs.
func TestProveNamesAService(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.stuck()
		s.refuses(rescue.Choices{Direction: "forward", Prove: []string{"prod/wbe"}}, rescue.ErrDirection, "no service prod/wbe", "what the savepoint renders is to be proven")
		s.mended = true
		p, err := rescue.MakePlan(s.diagnose(), forProof())
		require.NoError(t, err)
		require.Contains(t, strings.Join(p.Warnings, "\n"), "service prod/web is named to be proven, and nothing of the plan needs that")
	})
}

// Where ECS could take a deployment that fails back to the old code, which is there, what is
// kept goes first, and what the savepoint renders after it.
func TestProofNeverGoesBackToOldCode(t *testing.T) {
	t.Parallel()
	for _, fails := range []bool{false, true} {
		inSite(t, func(t *testing.T, s *site) {
			test := proofs["not served"]
			old := strings.Replace(test.old, "app:v1", "old:v1", 1)
			_, err := s.ecr.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("old")})
			require.NoError(t, err)
			pushed, err := s.cloud.PushImage("old", "old", func(c *simtype.Container) {
				c.Answer("/health", 200)
				if c.SetHealthy(s.starts["v2"] == 0); s.starts["v2"] > 0 {
					c.After(5*time.Second, func() { c.Exit(1) })
				}
			}, "v1")
			require.NoError(t, err)
			locks(s, old, test.next, &fails)
			c := forProof()
			c.RaiseMinimum = true
			p, err := rescue.MakePlan(s.diagnose(), c)
			require.NoError(t, err)
			require.Nil(t, p.Stop, "%s", p)
			require.Equal(t, "redeploy proof unlock savepoint verify", kindsOf(p))
			began := s.cloud.Now()
			r, err := s.run(throughJSON(t, p, nil))
			require.Equal(t, fails, err != nil, "%v %s", err, r)
			require.False(t, s.ran(began)[pushed], "old code was started")
			require.Equal(t, fails, done(s.cloud)["cloudformation:ContinueUpdateRollback"] == 0)
			time.Sleep(10 * time.Minute)
			require.True(t, strings.HasPrefix(s.counts(), "2 of 2 run web:"), s.counts())
		})
	}
}

// Somebody changes the stack between the proof and the savepoint: what that would
// render is no longer what was proven, and nothing is updated.
func TestSavepointIsComparedWithWhatWasProven(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		p := proving(s, "a worker", nil)
		meddled := false
		r, err := s.run(p, func(o *rescue.Options) {
			o.Confirm = func(x rescue.Step) bool {
				if x.Kind == "savepoint" && !meddled {
					meddled = true
					s.update(web("v2", append(with("Command: [other]"), rolling...)...))
				}
				return true
			}
		})
		require.ErrorIs(t, err, rescue.ErrChanged, r)
		require.EqualValues(t, "not-rescued", r.Result)
		require.Zero(t, done(s.cloud)["cloudformation:ExecuteChangeSet"])
	})
}

// The operator's own template comes first, and what it cannot keep either is proven.
func TestProofOfAGivenTemplate(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		locks(s, web("v1", rolling...), web("v2", append(password[:2:2], rolling...)...), nil)
		s.serve("web:2")
		given := map[string][]byte{"prod": []byte(web("v2", append(with(`Environment: [{Name: MODE, Value: new}]`), rolling...)...) + "  Topic: {Type: AWS::SNS::Topic}\n")}
		c := rescue.Choices{Direction: "forward", Templates: given}
		s.stops(c, "savepoint", "looks like a password", "-prove prod/web")
		c.Prove = []string{"prod/web"}
		p, err := rescue.MakePlan(s.diagnose(), c)
		require.NoError(t, err)
		require.Nil(t, p.Stop, "%s", p)
		require.Equal(t, "proof unlock savepoint verify", kindsOf(p))
		require.Equal(t, "given", savepointOf(t, p).Savepoint.Target)
		began := s.cloud.Now()
		r, err := s.run(throughJSON(t, p, nil), func(o *rescue.Options) { o.Templates = given })
		require.NoError(t, err, r)
		require.EqualValues(t, "rescued", r.Result)
		s.onlyNew(began, r.String())
		require.Empty(t, s.shortages(began))
		require.Equal(t, s.definition("web:3").ContainerDefinitions, s.definition(s.revision()).ContainerDefinitions)
		require.Contains(t, s.resources(), "Topic")
	})
}

// In the founding incident, whose service is in a nested stack: users are served first, by
// hand with a password that no template has, and the new template is proven without it.
func TestProofInANestedStack(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ADMIN_PASSWORD", "MODE"} {
		synctest.Test(t, func(t *testing.T) {
			in, err := rescuetest.ExpiredRollbackImage(t.Context())
			require.NoError(t, err)
			c := forward()
			c.Direction = rescue.Serve
			_, err = rescue.Run(t.Context(), in.Cloud.Config(), plan(t, in, c), confirmed)
			require.NoError(t, err)
			api := ecs.NewFromConfig(in.Cloud.Config())
			svc, err := api.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: &in.Cluster, Services: []string{in.Service}})
			require.NoError(t, err)
			td, err := api.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: svc.Services[0].TaskDefinition})
			require.NoError(t, err)
			x := td.TaskDefinition
			x.ContainerDefinitions[0].Environment = append(x.ContainerDefinitions[0].Environment, ecstypes.KeyValuePair{Name: &name, Value: aws.String("hunter2-hunter2")})
			made, err := api.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{Family: x.Family, ContainerDefinitions: x.ContainerDefinitions, ExecutionRoleArn: x.ExecutionRoleArn, TaskRoleArn: x.TaskRoleArn, NetworkMode: x.NetworkMode, Cpu: x.Cpu, Memory: x.Memory, RequiresCompatibilities: x.RequiresCompatibilities})
			require.NoError(t, err)
			_, err = api.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: &in.Cluster, Service: &in.Service, TaskDefinition: made.TaskDefinition.TaskDefinitionArn, ForceNewDeployment: true})
			require.NoError(t, err)
			time.Sleep(20 * time.Minute)
			c = rescue.Choices{Direction: "forward", RaiseMinimum: true, Prove: []string{in.Cluster + "/" + in.Service}}
			p := plan(t, in, c)
			require.Nil(t, p.Stop, "%s", p)
			require.Equal(t, name == "ADMIN_PASSWORD", strings.Contains(kindsOf(p), "proof"), "%s", p)
			began := in.Cloud.Now()
			r, err := rescue.Run(t.Context(), in.Cloud.Config(), throughJSON(t, p, nil), confirmed)
			require.NoError(t, err, r)
			require.True(t, r.Result == "rescued" || r.Result == "served-with-debt", r)
			served(t, in)
			for _, s := range in.Cloud.Record().Starts {
				require.False(t, s.At.After(began) && strings.HasSuffix(s.Image, ":"+in.OldTag), "old code was started")
			}
			for _, s := range in.Cloud.Record().Shortages {
				require.True(t, !s.To.IsZero() && !s.To.After(began), "users lost tasks: %+v", s)
			}
			require.NotContains(t, p.String()+marshal(t, p)+r.String()+marshal(t, r), "hunter2")
		})
	}
}

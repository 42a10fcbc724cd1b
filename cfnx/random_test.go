package cfnx_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

var seeds = flag.Int("seeds", 60, "random incidents of TestRandomIncidents")

// randomStack is a stack of services, parameters and topics in a random order,
// in two versions: what the second changes, replaces and adds is random too.
type randomStack struct {
	r        *rand.Rand
	prefix   string
	services int
}

// version writes one of the two templates; the choices are those of the seed.
func (s *randomStack) version(second bool, more string) string {
	var b strings.Builder
	p := s.prefix
	tag := func(changes bool) string {
		if second && changes {
			return "v2"
		}
		return "v1"
	}
	fmt.Fprintf(&b, "Resources:\n  Cluster: {Type: AWS::ECS::Cluster, Properties: {ClusterName: %s}}\n", p)
	last := "Cluster"
	add := func(id, typ, properties string) {
		fmt.Fprintf(&b, "  %s: {Type: %s, DependsOn: %s, Properties: {%s}}\n", id, typ, last, properties)
		last = id
	}
	for i := range 2 + s.r.IntN(3) {
		changes, replaces, adds := s.r.IntN(2) == 0, s.r.IntN(3) == 0, s.r.IntN(3) == 0
		switch s.r.IntN(3) {
		case 0:
			id := fmt.Sprintf("Svc%d", i)
			fmt.Fprintf(&b, "  %sTask: {Type: AWS::ECS::TaskDefinition, Properties: {Family: %s-%d, ContainerDefinitions: [{Name: c, Image: %sweb:%s, HealthCheck: {Command: [CMD, 'true'], Interval: 10, Retries: 3}}]}}\n", id, p, i, registry, tag(changes))
			add(id, "AWS::ECS::Service", fmt.Sprintf("ServiceName: %s-%d, Cluster: !Ref Cluster, TaskDefinition: !Ref %sTask, DesiredCount: 1, DeploymentConfiguration: {DeploymentCircuitBreaker: {Enable: true, Rollback: true}}", p, i, id))
			s.services++
		case 1:
			name := fmt.Sprintf("/%s/%d", p, i)
			if second && replaces {
				name += "-new"
			}
			add(fmt.Sprintf("Par%d", i), "AWS::SSM::Parameter", "Type: String, Name: "+name+", Value: "+tag(changes))
		case 2:
			add(fmt.Sprintf("Top%d", i), "AWS::SNS::Topic", "DisplayName: d"+tag(changes))
		}
		if adds && second {
			add(fmt.Sprintf("New%d", i), "AWS::DynamoDB::Table", fmt.Sprintf("TableName: %s-new-%d", p, i))
		}
	}
	if more != "" {
		add("Child", "AWS::CloudFormation::Stack", more)
	}
	add("Last", "AWS::SNS::Topic", "DisplayName: last"+tag(true))
	return b.String()
}

// What a continue would deploy and delete, said before, is what the simulated
// cloud then records: nothing less, and nothing else.
func TestRandomIncidents(t *testing.T) {
	t.Parallel()
	stuck, deployed, deleted := 0, 0, 0
	for seed := range uint64(*seeds) {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t)
			s.push("web", "v1", rescuetest.Runs())
			s.push("web", "v2", rescuetest.Runs())
			body := func(second bool) string {
				r := rand.New(rand.NewPCG(seed, 1))
				nested := ""
				if r.IntN(2) == 0 {
					child := (&randomStack{r: rand.New(rand.NewPCG(seed, 2)), prefix: "child"}).version(second, "")
					nested = fmt.Sprintf("TemplateURL: %q", s.put(fmt.Sprintf("child-%v.yaml", second), child))
				}
				return (&randomStack{r: r, prefix: "root"}).version(second, nested)
			}
			s.create("prod", body(false))
			r := rand.New(rand.NewPCG(seed, 3))
			s.cloud.FailResource("prod", "Last", rescuetest.OnUpdate, "no")
			for st := range s.tree("prod").All() {
				for _, res := range st.Resources {
					if r.IntN(4) == 0 && res.Type != "AWS::CloudFormation::Stack" {
						s.cloud.FailResource(st.Name, res.LogicalID, rescuetest.OnRollback, "cannot go back")
					}
				}
			}
			if s.update("prod", body(true)) != "UPDATE_ROLLBACK_FAILED" {
				return
			}
			stuck++
			before := s.revisions()
			var rounds []cfnx.Round
			out, err := cfnx.ContinueRollbackSkipping(t.Context(), s.cfn, "prod", cfnx.SkipMinimal, func(o *cfnx.ContinueOptions) {
				o.Before = func(r cfnx.Round) error { rounds = append(rounds, r); return nil }
				o.Rounds = 20
			})
			require.NoError(t, err, "seed %d", seed)
			after := s.revisions()
			skipped := map[string]bool{}
			for _, k := range out.Skipped {
				skipped[k.PhysicalID] = true
			}
			told := map[string]string{}
			for _, d := range rounds[0].Deploys {
				told[d.PhysicalID] = d.To
			}
			for arn, was := range before {
				if is := after[arn]; is != was {
					require.Equal(t, told[arn], is, "seed %d: %s was deployed", seed, arn)
					deployed++
				}
			}
			for arn, to := range told {
				if !skipped[arn] {
					require.Equal(t, to, after[arn], "seed %d: %s was said to be deployed", seed, arn)
				}
			}
			var stacks, expected []string
			for st := range s.tree("prod").All() {
				stacks = append(stacks, st.ID)
			}
			for _, d := range rounds[0].Deletes {
				if !skipped[d.PhysicalID] {
					expected = append(expected, d.PhysicalID)
				}
			}
			slices.Sort(expected)
			really := s.deleted(stacks...)
			for _, id := range really {
				if !slices.Contains(expected, id) {
					require.Contains(t, skipped, id, "seed %d: deleted and not said", seed)
				}
			}
			for _, id := range expected {
				require.Contains(t, really, id, "seed %d: said and not deleted", seed)
			}
			deleted += len(really)
		})
	}
	t.Logf("%d of %d updates were stuck: %d deployments and %d deletions as said", stuck, *seeds, deployed, deleted)
	require.Greater(t, stuck, *seeds/4)
	require.Positive(t, deployed)
	require.Positive(t, deleted)
}

// revisions are the task definitions of all services, by their ARN.
func (s *site) revisions() map[string]string {
	s.t.Helper()
	out := map[string]string{}
	for _, cluster := range []string{"root", "child"} {
		list, err := s.ecs.ListServices(s.t.Context(), &ecs.ListServicesInput{Cluster: &cluster})
		if err != nil || len(list.ServiceArns) == 0 {
			continue
		}
		services, err := s.ecs.DescribeServices(s.t.Context(), &ecs.DescribeServicesInput{Cluster: &cluster, Services: list.ServiceArns})
		require.NoError(s.t, err)
		for _, v := range services.Services {
			out[*v.ServiceArn] = *v.TaskDefinition
		}
	}
	return out
}

package cfnx_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// randomStack is a stack of services, parameters and topics in a random order,
// with stacks nested in it, in two versions: what the second changes, replaces,
// adds, keeps and removes is random too.
type randomStack struct {
	r      *rand.Rand
	put    func(key, body string) string
	prefix string
	depth  int
}

// version writes one of the two templates; the choices are those of the seed.
func (s *randomStack) version(second bool) string {
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
	add := func(id, typ, properties, more string) {
		fmt.Fprintf(&b, "  %s: {Type: %s, DependsOn: %s, Properties: {%s}%s}\n", id, typ, last, properties, more)
		last = id
	}
	for i := range 2 + s.r.IntN(3) {
		changes, replaces, adds, keeps, removes := s.r.IntN(2) == 0, s.r.IntN(3) == 0, s.r.IntN(3) == 0, s.r.IntN(3) == 0, s.r.IntN(5) == 0
		switch kind := s.r.IntN(4); {
		case kind == 0:
			id := fmt.Sprintf("Svc%d", i)
			fmt.Fprintf(&b, "  %sTask: {Type: AWS::ECS::TaskDefinition, Properties: {Family: %s-%d, ContainerDefinitions: [{Name: c, Image: %sweb:%s, HealthCheck: {Command: [CMD, 'true'], Interval: 10, Retries: 3}}]}}\n", id, p, i, registry, tag(changes))
			add(id, "AWS::ECS::Service", fmt.Sprintf("ServiceName: %s-%d, Cluster: !Ref Cluster, TaskDefinition: !Ref %sTask, DesiredCount: 1, DeploymentConfiguration: {DeploymentCircuitBreaker: {Enable: true, Rollback: true}}", p, i, id), "")
		case kind == 1 && !(second && removes):
			name := fmt.Sprintf("/%s/%d", p, i)
			if second && replaces {
				name += "-new"
			}
			add(fmt.Sprintf("Par%d", i), "AWS::SSM::Parameter", "Type: String, Name: "+name+", Value: "+tag(changes), "")
		case kind == 2 && !(second && removes):
			add(fmt.Sprintf("Top%d", i), "AWS::SNS::Topic", "DisplayName: d"+tag(changes), "")
		case kind == 3 && s.depth < 3:
			child := &randomStack{rand.New(rand.NewPCG(s.r.Uint64(), 1)), s.put, fmt.Sprintf("%s-%d", p, i), s.depth + 1}
			if body := child.version(second); second || !adds { // else one that the update makes
				add(fmt.Sprintf("Sub%d", i), "AWS::CloudFormation::Stack", fmt.Sprintf("TemplateURL: %q", s.put(fmt.Sprintf("%s-%v.yaml", child.prefix, second), body)), "")
			}
		}
		if adds && second {
			policy := ""
			if keeps {
				policy = ", DeletionPolicy: Retain"
			}
			add(fmt.Sprintf("New%d", i), "AWS::DynamoDB::Table", fmt.Sprintf("TableName: %s-new-%d", p, i), policy)
		}
	}
	if s.depth == 1 {
		add("Last", "AWS::SNS::Topic", "DisplayName: last"+tag(true), "")
	}
	return b.String()
}

// What a continue would deploy and delete, said before, is what the simulated
// cloud then records: nothing less, and nothing else.
func TestRandomIncidents(t *testing.T) {
	t.Parallel()
	stuck, deployed, deleted, kept, deep := 0, 0, 0, 0, 0
	seeds := sample.Count(t, 20, 300)
	for seed := range uint64(seeds) {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t)
			s.push("web", "v1", rescuetest.Runs())
			s.push("web", "v2", rescuetest.Runs())
			body := func(second bool) string {
				return (&randomStack{rand.New(rand.NewPCG(seed, 1)), s.put, "root", 1}).version(second)
			}
			s.create("prod", body(false))
			r := rand.New(rand.NewPCG(seed, 3))
			s.cloud.FailResource("prod", "Last", simtype.OnUpdate, "no")
			injected := map[string]bool{}
			for st := range s.tree("prod").All() {
				for _, res := range st.Resources {
					if r.IntN(4) == 0 && res.Type != "AWS::CloudFormation::Stack" {
						s.cloud.FailResource(st.Name, res.LogicalID, simtype.OnRollback, "cannot go back")
						injected[st.Name+"."+res.LogicalID] = true
					}
				}
			}
			update, readable := s.update, seed%2 == 1
			if readable {
				update = s.updateByChangeSet
			}
			if update("prod", body(true)) != "UPDATE_ROLLBACK_FAILED" {
				return
			}
			stuck++
			for st := range s.tree("prod").All() {
				if st.Parent() != nil && st.Parent().Parent() != nil {
					deep++
					break
				}
			}
			causes := s.tree("prod").Causes()
			require.Len(t, causes.Update, 1, "seed %d", seed)
			require.Equal(t, "Last", causes.Update[0].LogicalID)
			for _, f := range causes.Rollback {
				require.Contains(t, injected, f.StackName+"."+f.LogicalID, "seed %d: nobody made it fail", seed)
			}
			before := s.revisions()
			var rounds []cfnx.Round
			var stacks []string
			for st := range s.tree("prod").All() {
				stacks = append(stacks, st.ID)
			}
			out, err := cfnx.ContinueRollbackSkipping(t.Context(), s.cfn, "prod", cfnx.SkipMinimal, func(o *cfnx.ContinueOptions) {
				o.Before = func(r cfnx.Round) error { rounds = append(rounds, r); return nil }
				o.Rounds = 20
				if readable {
					o.Enrich = func(ctx context.Context, t *cfnx.Tree) error { return t.ReadAttempted(ctx, s.cfn, s.s3) }
				}
			})
			require.NoError(t, err, "seed %d", seed)
			after := s.revisions()
			skipped := map[string]bool{}
			for _, k := range out.Skipped {
				skipped[k.PhysicalID] = true
				require.Contains(t, injected, k.StackName+"."+k.LogicalID, "seed %d: skipped for nothing", seed)
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
			var expected []string
			for _, d := range rounds[0].Deletes {
				if d.Kept {
					kept++
				} else if !skipped[d.PhysicalID] {
					expected = append(expected, d.PhysicalID)
				}
			}
			slices.Sort(expected)
			really := s.deleted(stacks...)
			if !readable { // assumed to be deleted, never less
				expected = slices.DeleteFunc(expected, func(id string) bool { return strings.Contains(id, "-new-") && !slices.Contains(really, id) })
			}
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
	t.Logf("%d of %d updates were stuck, %d of them on three levels: %d deployments, %d deletions and %d that are kept as said", stuck, seeds, deep, deployed, deleted, kept)
	require.Greater(t, stuck, seeds/4)
	require.Positive(t, deployed)
	require.Positive(t, deleted)
	require.Positive(t, kept)
	require.Positive(t, deep)
}

// revisions are the task definitions of all services, by their ARN.
func (s *site) revisions() map[string]string {
	s.t.Helper()
	out := map[string]string{}
	clusters, err := s.ecs.ListClusters(s.t.Context(), &ecs.ListClustersInput{})
	require.NoError(s.t, err)
	for _, cluster := range clusters.ClusterArns {
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

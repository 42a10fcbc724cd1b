// Package ecssim simulates Amazon ECS on Fargate: clusters, task definition
// revisions, services with deployments, circuit breaker and rollback, tasks
// with their whole life cycle, and what happens inside their containers.
//
// Handlers are the SDK's typed operations. They, and every callback, run
// inside the clock's Do.
package ecssim

import (
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/page"
	"github.com/stackrescue/stackrescue/internal/sim/world"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// Deps are the other services a task meets. A nil function means that the
// thing asked for always exists.
type Deps struct {
	// Resolve finds the digest that an image reference stands for, Pull does the
	// same and counts as a pull. The error text is what the registry says,
	// without ECS's prefix.
	Resolve func(ref string) (digest string, err error)
	Pull    func(ref string) (digest string, err error)
	// Secret reads what a container definition's valueFrom names.
	Secret func(valueFrom string) (string, error)
	// GroupExists and Append are CloudWatch Logs of a region.
	GroupExists func(region, group string) bool
	Append      func(region, group, stream string, at time.Time, line string) error
	// Targets is the load balancer; nil checks as the simulator does by itself.
	Targets Targets
	// Program is what an image does when it runs; nil means it runs for ever
	// and is healthy.
	Program func(digest string) simtype.Program
}

// Service is ECS in one region.
type Service struct {
	// Capacity is how many tasks can run at once; a negative number is no limit.
	Capacity int

	world    *world.World
	deps     Deps
	clusters map[string]*cluster // by name
	families map[string]*family
	tokens   map[string][]string // RunTask client token -> task ARNs
	order    uint64
	faults   []string // contradictions, see Check
}

// New returns ECS with the cluster "default" (created on first use by AWS
// too: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCluster.html).
func New(w *world.World, deps Deps) *Service {
	s := &Service{
		Capacity: -1,
		world:    w,
		deps:     deps,
		clusters: map[string]*cluster{},
		families: map[string]*family{},
		tokens:   map[string][]string{},
	}
	return s
}

// Register puts the operations in t.
func (s *Service) Register(t *op.Table) {
	op.On(t, s.CreateCluster)
	op.On(t, s.DescribeClusters)
	op.On(t, s.DeleteCluster)
	op.On(t, s.ListClusters)
	op.On(t, s.RegisterTaskDefinition)
	op.On(t, s.DescribeTaskDefinition)
	op.On(t, s.DeregisterTaskDefinition)
	op.On(t, s.ListTaskDefinitions)
	op.On(t, s.ListTaskDefinitionFamilies)
	op.On(t, s.CreateService)
	op.On(t, s.UpdateService)
	op.On(t, s.DeleteService)
	op.On(t, s.DescribeServices)
	op.On(t, s.ListServices)
	op.On(t, s.ListServiceDeployments)
	op.On(t, s.DescribeServiceDeployments)
	op.On(t, s.DescribeServiceRevisions)
	op.On(t, s.StopServiceDeployment)
	op.On(t, s.ContinueServiceDeployment)
	op.On(t, s.RunTask)
	op.On(t, s.StopTask)
	op.On(t, s.ListTasks)
	op.On(t, s.DescribeTasks)
	op.On(t, s.TagResource)
	op.On(t, s.ListTagsForResource)
}

// last is the part of an ARN, or of a plain name, after the last slash.
func last(s string) string { return s[strings.LastIndexByte(s, '/')+1:] }

// paged cuts one page out of all: maxResults long, or usual if that is not
// given.
func paged[T any](all []T, token *string, maxResults *int32, usual int) (items []T, next *string, err error) {
	limit := usual
	if maxResults != nil {
		if limit = int(*maxResults); limit < 1 || limit > 100 {
			return nil, nil, invalid("maxResults must be between 1 and 100.")
		}
	}
	items, next, ok := page.Of(all, token, limit)
	if !ok {
		return nil, nil, invalid("Invalid nextToken.")
	}
	return items, next, nil
}

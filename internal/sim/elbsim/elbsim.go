// Package elbsim simulates what a deployment meets of Elastic Load Balancing:
// target groups, their health checks, and the health of their targets. Load
// balancers and listeners can be made and read, and carry no traffic: a target
// group's checks run whether a listener forwards to it or not.
//
// All methods are called inside the clock's Do.
package elbsim

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/world"
)

// Service is the load balancing of one region.
type Service struct {
	w         *world.World
	groups    []*group // in the order they were made
	balancers []*balancer
}

type group struct {
	d       types.TargetGroup
	targets []*target
}

type target struct {
	id    string
	port  int32
	state types.TargetHealthStateEnum
	codes string // of the last failed check
}

// New returns a region without target groups.
func New(w *world.World) *Service { return &Service{w: w} }

// Register adds the service's operations to t.
func (s *Service) Register(t *op.Table) {
	op.On(t, s.CreateTargetGroup)
	op.On(t, s.DescribeTargetGroups)
	op.On(t, s.ModifyTargetGroup)
	op.On(t, s.DeleteTargetGroup)
	op.On(t, s.DescribeTargetHealth)
	s.registerBalancers(t)
}

func (s *Service) find(arn *string) (*group, error) {
	for _, g := range s.groups {
		if arn != nil && *g.d.TargetGroupArn == *arn {
			return g, nil
		}
	}
	return nil, &types.TargetGroupNotFoundException{Message: new("One or more target groups not found")}
}

// A Check is how a target group checks its targets.
type Check struct {
	Path      string
	Interval  time.Duration
	Unhealthy int // consecutive failures
	matcher   string
}

// Check is the health check of a target group as it is now, of which every
// registered target is judged, old ones too
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html).
func (s *Service) Check(arn string) (c Check, ok bool) {
	g, err := s.find(&arn)
	if err != nil {
		return Check{}, false
	}
	return Check{*g.d.HealthCheckPath, time.Duration(*g.d.HealthCheckIntervalSeconds) * time.Second, int(*g.d.UnhealthyThresholdCount), *g.d.Matcher.HttpCode}, true
}

// Passes reports whether an answer's status is one that the check wants: codes
// and ranges, separated by commas.
func (c Check) Passes(status int) bool {
	if c.matcher == "" {
		return status == http.StatusOK
	}
	for part := range strings.SplitSeq(c.matcher, ",") {
		from, to, ranged := strings.Cut(part, "-")
		low, err := strconv.Atoi(from)
		high := low
		if ranged {
			high, err = strconv.Atoi(to)
		}
		if err == nil && low <= status && status <= high {
			return true
		}
	}
	return false
}

// SetHealth registers a target, if it is new, with what the last check found.
func (s *Service) SetHealth(arn, id string, port int32, state types.TargetHealthStateEnum, status int) {
	g, err := s.find(&arn)
	if err != nil {
		return // a group outside the account: nobody asks for its health
	}
	i := slices.IndexFunc(g.targets, func(t *target) bool { return t.id == id && t.port == port })
	if i < 0 {
		g.targets = append(g.targets, &target{id: id, port: port})
		i = len(g.targets) - 1
	}
	g.targets[i].state, g.targets[i].codes = state, fmt.Sprint(status)
}

// Deregister removes a target.
func (s *Service) Deregister(arn, id string, port int32) {
	if g, err := s.find(&arn); err == nil {
		g.targets = slices.DeleteFunc(g.targets, func(t *target) bool { return t.id == id && t.port == port })
	}
}

func validation(format string, a ...any) error {
	return op.WithStatus(http.StatusBadRequest, op.Error("ValidationError", fmt.Sprintf(format, a...)))
}

package rescue

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/migrate"
)

// Patience reads off a service and its task definition what ECS grants a
// container that waits for a migration. MaxWait, Drain and Grace are left for
// the caller, who knows them; then [migrate.Patience.Check] judges. container is a
// name, or "" for the first essential one. It calls nothing.
//
// A health check counts as one that asks for /live when its command says so:
// what a script behind it asks for cannot be seen from here, nor whether the
// checks of other containers go through this one.
func Patience(s *ecstypes.Service, def *ecstypes.TaskDefinition, container string) (migrate.Patience, error) {
	var p migrate.Patience
	if s == nil || def == nil {
		return p, errors.New("service and task definition are needed")
	}
	i := slices.IndexFunc(def.ContainerDefinitions, func(c ecstypes.ContainerDefinition) bool {
		if container == "" {
			return c.Essential == nil || *c.Essential
		}
		return aws.ToString(c.Name) == container
	})
	if i < 0 {
		return p, fmt.Errorf("task definition %s has no container %s", short(aws.ToString(def.TaskDefinitionArn)), container)
	}
	c := def.ContainerDefinitions[i]
	p.GracePeriod = secondsOf(s.HealthCheckGracePeriodSeconds)
	p.LoadBalanced = len(s.LoadBalancers) > 0
	p.StopTimeout = secondsOf(c.StopTimeout)
	if h := c.HealthCheck; h != nil && len(h.Command) > 0 && h.Command[0] != "NONE" {
		p.ContainerCheck, p.LiveCheck = true, strings.Contains(strings.Join(h.Command, " "), "/live")
		p.StartPeriod = secondsOf(h.StartPeriod)
	}
	for _, other := range def.ContainerDefinitions {
		for _, d := range other.DependsOn {
			if aws.ToString(d.ContainerName) != aws.ToString(c.Name) {
				continue
			}
			if d.Condition == ecstypes.ContainerConditionSuccess || d.Condition == ecstypes.ContainerConditionComplete ||
				d.Condition == ecstypes.ContainerConditionHealthy && !p.LiveCheck {
				p.StartTimeout = secondsOf(c.StartTimeout)
			}
		}
	}
	if cfg := s.DeploymentConfiguration; cfg != nil {
		p.Breaker, p.Rollback = breaker(cfg.DeploymentCircuitBreaker, int(s.DesiredCount))
	}
	return p, nil
}

// breaker is how many failed tasks trip the circuit breaker, 0 if there is
// none: half the desired count, at least 3 and at most 200, unless configured
// (docs/aws/ecs.md 1.3).
func breaker(b *ecstypes.DeploymentCircuitBreaker, desired int) (threshold int, rollback bool) {
	if b == nil || !b.Enable {
		return 0, false
	}
	kind, value := ecstypes.ThresholdTypeBoundedPercent, 50
	if t := b.ThresholdConfiguration; t != nil {
		kind, value = t.Type, int(t.Value)
	}
	share := (value*desired + 99) / 100
	switch kind {
	case ecstypes.ThresholdTypeCount:
		return max(value, 1), b.Rollback
	case ecstypes.ThresholdTypeUnboundedPercent:
		return max(share, 1), b.Rollback
	}
	return min(max(share, 3), 200), b.Rollback
}

func secondsOf(n *int32) time.Duration { return time.Duration(aws.ToInt32(n)) * time.Second }

package migrate

import (
	"errors"
	"fmt"
	"time"
)

// Patience is what ECS grants a task that starts slowly, and what the
// migration needs. The caller reads it off the service and its task definition.
type Patience struct {
	// MaxWait is the longest that a replica may wait for the migration: its
	// deadline.
	MaxWait time.Duration
	// Drain is [RunOptions.Drain], and Grace [Program.Grace] if one is run.
	Drain, Grace time.Duration
	// GracePeriod is the service's health check grace period; LoadBalanced says
	// whether it has target groups.
	GracePeriod  time.Duration
	LoadBalanced bool
	// ContainerCheck says whether the container has a health check, and
	// LiveCheck whether that asks for Handler's /live, or nothing that depends
	// on the migration. StartPeriod is the check's.
	ContainerCheck, LiveCheck bool
	StartPeriod               time.Duration
	// StopTimeout is the container's; 0 is ECS's default of 30 s.
	StopTimeout time.Duration
	// StartTimeout is the container's, where others of its task wait for it to
	// end well, as for a one-shot container, or for a health that depends on the
	// migration. 0 for none.
	StartTimeout time.Duration
	// Breaker is how many tasks that failed make the service's circuit breaker
	// end the deployment, and Rollback whether it then goes back. 0 for no
	// circuit breaker.
	Breaker  int
	Rollback bool
}

// Check says what would kill a replica for waiting, or a leader before it
// has handed over, one error per reason. Nil if nothing would.
//
// Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html,
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html,
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html,
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
func (p Patience) Check() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	// What ends replicas ends the deployment with them.
	after := ""
	if p.Breaker > 0 {
		after = fmt.Sprintf("; after %d of them the circuit breaker fails the deployment", p.Breaker)
		if p.Rollback {
			after += " and rolls it back"
		}
	}
	if p.MaxWait <= 0 {
		add("no longest wait: a replica would wait for ever, and the deployment with it")
	}
	if p.LoadBalanced && p.GracePeriod < p.MaxWait {
		add("health check grace period %s is shorter than the longest wait of %s: the load balancer's 503 would end replicas that wait%s: raise healthCheckGracePeriodSeconds to %d", p.GracePeriod, p.MaxWait, after, seconds(p.MaxWait))
	}
	// The grace period covers container checks as well; a start period ends
	// with the first success and is at most 300 s.
	if p.ContainerCheck && !p.LiveCheck && max(p.StartPeriod, p.GracePeriod) < p.MaxWait {
		add("the container's health check depends on the migration, and its start period of %s and the grace period of %s are shorter than the longest wait of %s: it would end replicas that wait%s: let it ask for /live", p.StartPeriod, p.GracePeriod, p.MaxWait, after)
	}
	if p.StartTimeout > 0 && p.StartTimeout < p.MaxWait {
		add("start timeout %s is shorter than the longest wait of %s: the containers that wait for this one would give up, and their tasks end%s: set startTimeout to %d, or migrate in a one-off task", p.StartTimeout, p.MaxWait, after, seconds(p.MaxWait))
	}
	stop := p.StopTimeout
	if stop == 0 {
		stop = 30 * time.Second
	}
	if need := p.Drain + p.Grace + 5*time.Second; need > stop {
		add("stop timeout %s is shorter than the %s that a leader needs to stop and hand over (drain %s, grace %s, 5s): raise stopTimeout, which Fargate limits to 120 s, or drain for less", stop, need, p.Drain, p.Grace)
	}
	return errors.Join(errs...)
}

// seconds rounds up.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

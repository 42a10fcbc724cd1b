package ecssim

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// A stage is a lifecycle stage of a deployment. The SDK has two enumerations
// of them, and neither is complete (docs/aws/ecs.md 2.4).
type stage = string

const (
	preScaleUp  stage = "PRE_SCALE_UP"
	scaleUp     stage = "SCALE_UP"
	postScaleUp stage = "POST_SCALE_UP"
	production  stage = "PRODUCTION_TRAFFIC_SHIFT"
	bakeTime    stage = "BAKE_TIME"
	cleanUp     stage = "CLEAN_UP"
)

// trafficStages are those of a blue/green deployment between its green tasks
// being healthy and its bake time, in order.
var trafficStages = []stage{postScaleUp, "TEST_TRAFFIC_SHIFT", "POST_TEST_TRAFFIC_SHIFT", "PRE_PRODUCTION_TRAFFIC_SHIFT", production, "POST_PRODUCTION_TRAFFIC_SHIFT"}

// hook is one invocation of a PAUSE hook.
type hook struct {
	id      string
	config  int // its place in the service's configuration
	stage   stage
	status  types.DeploymentLifecycleHookStatus
	expires time.Time
	action  types.DeploymentLifecycleHookAction
}

// pauseTime is how long a PAUSE hook waits by default (docs/aws/ecs.md 2.4).
const pauseTime = 1440 * time.Minute

func (v *service) blueGreen() bool {
	return v.configuration().Strategy == types.DeploymentStrategyBlueGreen
}

// passed reports whether the deployment may go on behind a stage: every PAUSE
// hook of the stage was continued. Rollbacks have no PAUSE hooks.
func (d *deployment) passed(at stage) bool {
	if d.back != nil || d.done[at] {
		return true
	}
	d.stage = at
	for i, h := range d.service.configuration().LifecycleHooks {
		if slices.Contains(h.LifecycleStages, types.DeploymentLifecycleHookStage(at)) && d.hook(i, at, h).status != types.DeploymentLifecycleHookStatusSucceeded {
			return false
		}
	}
	d.done[at] = true
	return true
}

// hook is the invocation of a hook at a stage, which begins with the first
// look.
func (d *deployment) hook(config int, at stage, h types.DeploymentLifecycleHook) *hook {
	for _, r := range d.record.hooks {
		if r.config == config && r.stage == at {
			return r
		}
	}
	w := d.service.svc.world
	r := &hook{id: "ecs-pause-" + w.Mixed(43), config: config, stage: at, status: types.DeploymentLifecycleHookStatusAwaitingAction, action: types.DeploymentLifecycleHookActionRollback}
	wait := pauseTime
	if t := h.TimeoutConfiguration; t != nil {
		if t.TimeoutInMinutes != nil {
			wait = time.Duration(*t.TimeoutInMinutes) * time.Minute
		}
		if t.Action != "" {
			r.action = t.Action
		}
	}
	r.expires = w.Now().Add(wait)
	d.record.hooks = append(d.record.hooks, r)
	w.After(wait, func() { d.timedOut(r) })
	return r
}

func (d *deployment) timedOut(r *hook) {
	if r.status != types.DeploymentLifecycleHookStatusAwaitingAction || d.record.over() {
		return
	}
	if r.action == types.DeploymentLifecycleHookActionContinue {
		r.status = types.DeploymentLifecycleHookStatusSucceeded
		d.service.reconcileSoon()
		return
	}
	r.status = types.DeploymentLifecycleHookStatusTimedOut
	reason := "Service deployment rolled back because " + r.stage + " pause hook timed out." // docs/aws/ecs.md 2.1
	d.giveUp(reason)
}

// giveUp fails a deployment under way and goes back.
func (d *deployment) giveUp(reason string) {
	d.fail()
	d.service.event("(deployment %s) deployment failed: %s", d.id, reason)
	d.service.rollBack(d, reason, "ECS deployment rolling back to deploymentId ")
}

// reconcileBlueGreen is one look at a blue/green deployment under way: the
// green tasks start beside the blue ones, traffic shifts at once, and the blue
// tasks stop after the bake time (docs/aws/ecs.md 2.4).
func (v *service) reconcileBlueGreen(p *deployment) {
	v.steady = false
	if !p.passed(preScaleUp) {
		return
	}
	v.scaleIn(p)
	v.start(p, 2*v.desired+v.oldAlive()+v.stoppingTasks())
	ready := 0
	for _, t := range p.alive() {
		if t.ready() {
			ready++
		}
	}
	if ready < v.desired && !p.done[production] {
		p.stage = scaleUp
		return
	}
	for _, s := range trafficStages {
		if !p.passed(s) {
			return
		}
	}
	now := v.svc.world.Now()
	if p.bakeUntil.IsZero() {
		bake := time.Duration(0)
		if m := v.configuration().BakeTimeInMinutes; m != nil {
			bake = time.Duration(*m) * time.Minute
		}
		p.stage, p.bakeUntil = bakeTime, now.Add(bake)
		v.svc.world.After(bake, v.reconcileSoon)
	}
	if now.Before(p.bakeUntil) {
		return
	}
	p.stage = cleanUp
	var old []*task
	for _, t := range v.cluster.sortedTasks() {
		if t.service == v && t.deployment != p && t.desiredStatus == "RUNNING" {
			old = append(old, t)
		}
	}
	v.stopAll(old, p)
	if len(old) == 0 {
		p.complete()
	}
}

// ContinueServiceDeployment ends the pause of a hook; the texts are AWS's
// (docs/aws/ecs.md 2.4).
func (s *Service) ContinueServiceDeployment(_ context.Context, in *ecs.ContinueServiceDeploymentInput) (*ecs.ContinueServiceDeploymentOutput, error) {
	r := s.record(*in.ServiceDeploymentArn)
	switch {
	case r == nil:
		return nil, &types.ServiceDeploymentNotFoundException{Message: new("The service deployment does not exist.")}
	case !strings.HasPrefix(*in.HookId, "ecs-"):
		return nil, invalid("Invalid hookId: hookId must follow the format: ecs-{hookType}-{id}")
	case r.over():
		return nil, invalid("Continuing a service deployment is not allowed for service deployment in terminal states.")
	}
	i := slices.IndexFunc(r.hooks, func(h *hook) bool { return h.id == *in.HookId })
	if i < 0 || r.hooks[i].status != types.DeploymentLifecycleHookStatusAwaitingAction || r.status != types.ServiceDeploymentStatusInProgress {
		return nil, invalid("Provided hookId is either completed, unavailable, or not associated with the given Resource ARN")
	}
	r.service.remember()
	if in.Action == types.DeploymentLifecycleHookActionRollback {
		r.hooks[i].status = types.DeploymentLifecycleHookStatusFailed
		r.deployment.giveUp(userReason)
	} else {
		r.hooks[i].status = types.DeploymentLifecycleHookStatusSucceeded
		r.service.reconcileSoon()
	}
	return &ecs.ContinueServiceDeploymentOutput{ServiceDeploymentArn: &r.arn}, nil
}

// describeStages shows where a deployment is.
func (r *serviceDeployment) describeStages(d *types.ServiceDeployment) {
	p := r.deployment
	if !r.over() && p.stage != "" {
		d.LifecycleStage = types.ServiceDeploymentLifecycleStage(p.stage)
	}
	for _, h := range r.hooks {
		x := types.DeploymentLifecycleHookDetail{HookId: &h.id, TargetType: types.DeploymentLifecycleHookTargetTypePause, Status: h.status}
		if h.status == types.DeploymentLifecycleHookStatusAwaitingAction {
			x.ExpiresAt, x.TimeoutAction = &h.expires, h.action
		}
		d.LifecycleHookDetails = append(d.LifecycleHookDetails, x)
	}
}

// checkHooks refuses PAUSE hooks where AWS has none (docs/aws/ecs.md 2.4).
func checkHooks(cfg *types.DeploymentConfiguration, lbs []types.LoadBalancer) error {
	if cfg == nil {
		return nil
	}
	for _, lb := range lbs {
		if cfg.Strategy == types.DeploymentStrategyBlueGreen && lb.AdvancedConfiguration == nil {
			return invalid("advancedConfiguration field is required for all loadBalancers when using a non-ROLLING deployment strategy")
		}
	}
	for _, h := range cfg.LifecycleHooks {
		if len(h.LifecycleStages) == 0 {
			return invalid("lifecycleStages cannot be empty.")
		}
		for _, s := range h.LifecycleStages {
			if s == types.DeploymentLifecycleHookStageTestTrafficShift || s == types.DeploymentLifecycleHookStageProductionTrafficShift {
				return invalid("Invalid lifecycle stage provided for Pause Hook")
			}
		}
	}
	return nil
}

package ecssim

import "github.com/aws/aws-sdk-go-v2/service/ecs/types"

// replaceUnhealthy starts tasks of the deployments that are being replaced, for
// those of theirs that failed their health checks meanwhile: an unhealthy task
// is replaced by one of its own service revision, whatever becomes of the new
// one (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html).
// The maximum percentage must allow it, and a deployment that FAILED launches
// nothing.
func (v *service) replaceUnhealthy(maximum int) {
	if v.status != "ACTIVE" {
		return
	}
	for _, d := range v.deployments[1:] {
		var started []*task
		for d.owed > 0 && d.state == types.DeploymentRolloutStateCompleted && v.readyTasks()+v.starting(d) < v.desired && v.oldAlive()+len(v.deployments[0].alive())+v.stoppingTasks() < maximum && !v.svc.full() {
			d.owed--
			started = append(started, v.svc.launch(v.cluster, d.rev.td, nil, func(t *task) {
				t.service, t.deployment, t.startedBy, t.group, t.replacement = v, d, d.id, "service:"+v.name, true
			}))
		}
		if len(started) > 0 {
			v.event("has started %d tasks: %s.", len(started), names(started))
		}
	}
}

func (v *service) readyTasks() int {
	n := 0
	for _, t := range v.cluster.tasks {
		if t.service == v && t.ready() {
			n++
		}
	}
	return n
}

// starting are a deployment's tasks that are not ready yet.
func (v *service) starting(d *deployment) int {
	n := 0
	for _, t := range d.alive() {
		if !t.ready() {
			n++
		}
	}
	return n
}

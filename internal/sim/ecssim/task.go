package ecssim

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// How long the steps of a task's life take on Fargate. AWS documents none of
// them; the failing pull is set so that, with the scheduler's pauses, three
// failures take about eleven minutes, as observed (docs/aws/ecs.md 1.3).
const (
	provisionTime   = 12 * time.Second
	pullTime        = 9 * time.Second
	pullFailTime    = 118 * time.Second // seven retries of the manifest
	initFailTime    = 14 * time.Second
	startTime       = 2 * time.Second
	deprovisionTime = 11 * time.Second
	retention       = time.Hour // docs/aws/ecs.md 1.1
)

type task struct {
	svc        *Service
	cluster    *cluster
	service    *service    // nil for RunTask
	deployment *deployment // nil for RunTask
	rev        *revision
	overrides  *types.TaskOverride
	containers []*container

	id, arn, startedBy, group  string
	order                      uint64
	lastStatus, desiredStatus  string
	version                    int64
	created, startedAt         time.Time
	pullStarted, pullStopped   *time.Time
	stopping, executionStopped *time.Time
	stopped                    *time.Time
	connectivityAt             *time.Time
	stopCode                   types.TaskStopCode
	stoppedReason              string
	tags                       []types.Tag
	targetHealthy              bool
	wasReady                   bool // has counted as healthy once
	replacement                bool // of an unhealthy task, while another deployment is PRIMARY
	targetFailures             int
	counted                    bool // as a failure of its deployment
}

// launch starts a task of a revision. digests, by container, override what the
// tags mean now.
func (s *Service) launch(c *cluster, r *revision, o *types.TaskOverride, setup func(*task)) *task {
	s.order++
	id := s.world.Hex(32)
	t := &task{
		svc: s, cluster: c, rev: r, overrides: o,
		id: id, arn: s.world.ARN("ecs", "task/"+c.name+"/"+id),
		order: s.order, lastStatus: "PROVISIONING", desiredStatus: "RUNNING",
		version: 1, created: s.world.Now(), group: "family:" + *r.def.Family,
	}
	for _, def := range r.def.ContainerDefinitions {
		t.containers = append(t.containers, &container{task: t, def: def, image: *def.Image, status: "PENDING", health: types.HealthStatusUnknown})
	}
	if setup != nil {
		setup(t)
	}
	c.tasks[id], c.sorted = t, nil
	s.world.After(provisionTime, t.provisioned)
	return t
}

func (t *task) now() *time.Time { return new(t.svc.world.Now()) }

func (t *task) set(status string) {
	if slices.Index(taskOrder, status) <= slices.Index(taskOrder, t.lastStatus) {
		t.svc.fault("task %s: %s -> %s", t.id[:8], t.lastStatus, status)
	}
	t.lastStatus = status
	t.version++
	t.observe()
}

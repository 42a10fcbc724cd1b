package ecssim

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// container is one container of one task: the host of its program's
// [simtype.Container].
type container struct {
	task    *task
	def     types.ContainerDefinition
	image   string // as written in the task definition
	digest  string
	runtime string

	env      map[string]string
	command  []string
	status   string // PENDING, RUNNING, STOPPED
	reason   string
	exit     *int32
	started  bool
	begun    time.Time
	healthy  bool
	health   types.HealthStatus
	failures int
	checking bool           // a health check is due
	answers  map[string]int // to the load balancer, by path
	onStop   func()
}

func (c *container) Name() string { return *c.def.Name }

func (c *container) TaskARN() string { return c.task.arn }

func (c *container) Image() string { return c.image }

func (c *container) ImageDigest() string { return c.digest }

func (c *container) Env(name string) string { return c.env[name] }

func (c *container) Command() []string { return c.command }

func (c *container) Running() bool { return c.status == "RUNNING" }

func (c *container) Print(line string) {
	lc := c.def.LogConfiguration
	if lc == nil || lc.LogDriver != types.LogDriverAwslogs || c.task.svc.deps.Append == nil {
		return
	}
	// An error here is a group that was deleted while the container ran; the
	// driver drops the line (docs/aws/ecs.md 1.6).
	_ = c.task.svc.deps.Append(c.logRegion(), lc.Options["awslogs-group"], c.stream(), c.task.svc.world.Now(), line)
}

func (c *container) logRegion() string {
	if r := c.def.LogConfiguration.Options["awslogs-region"]; r != "" {
		return r
	}
	return c.task.svc.world.Region
}

// stream is prefix/container/task; without a prefix it is the runtime id
// (docs/aws/ecs.md 1.6).
func (c *container) stream() string {
	if p := c.def.LogConfiguration.Options["awslogs-stream-prefix"]; p != "" {
		return p + "/" + c.Name() + "/" + c.task.id
	}
	return c.runtime
}

func (c *container) After(d time.Duration, fn func()) {
	c.task.svc.world.After(d, func() {
		if c.Running() {
			fn()
		}
	})
}

func (c *container) SetHealthy(healthy bool) {
	c.healthy = healthy
	if !c.checking && c.def.HealthCheck != nil && c.Running() {
		c.checking = true
		c.After(c.healthInterval(), c.checkHealth)
	}
	if c.task.service != nil {
		c.task.service.reconcileSoon()
	}
}

func (c *container) Answer(path string, status int) {
	if c.answers == nil {
		c.answers = map[string]int{}
	}
	if c.answers[path] = status; status == 0 {
		delete(c.answers, path)
	}
}

func (c *container) OnStop(fn func()) { c.onStop = fn }

func (c *container) Exit(code int) {
	if !c.Running() {
		return
	}
	c.status, c.exit, c.health = "STOPPED", new(int32(code)), types.HealthStatusUnknown
	c.task.version++
	c.task.containerExited(c)
}

func (c *container) essential() bool { return c.def.Essential == nil || *c.def.Essential }

func (c *container) start() {
	c.status, c.started, c.begun = "RUNNING", true, c.task.svc.world.Now()
	c.runtime = c.task.id + "-" + c.task.svc.world.Digits(10)
	c.health = types.HealthStatusUnknown
	start := simtype.Start{Cluster: c.task.cluster.name, Task: c.task.arn, Revision: c.task.rev.arn(), Container: c.Name(), Image: c.image, Digest: c.digest}
	if c.task.service != nil {
		start.Service = c.task.service.name
	}
	c.task.svc.world.Started(start)
	run := func(c *simtype.Container) { c.SetHealthy(true) }
	if c.task.svc.deps.Program != nil {
		if p := c.task.svc.deps.Program(c.digest); p != nil {
			run = p
		}
	}
	if c.def.HealthCheck != nil {
		c.checking = true
		c.After(c.healthInterval(), c.checkHealth)
	}
	run(simtype.NewContainer(c))
}

// terminate sends SIGTERM, and SIGKILL after the stop timeout: 30 s unless the
// definition says otherwise
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html).
func (c *container) terminate() {
	if !c.Running() {
		return
	}
	timeout := 30 * time.Second
	if c.def.StopTimeout != nil {
		timeout = time.Duration(*c.def.StopTimeout) * time.Second
	}
	c.After(timeout, func() { c.Exit(137) })
	if c.onStop != nil {
		c.onStop()
		return
	}
	c.After(100*time.Millisecond, func() { c.Exit(143) })
}

func (c *container) healthInterval() time.Duration {
	if h := c.def.HealthCheck; h.Interval != nil {
		return time.Duration(*h.Interval) * time.Second
	}
	return 30 * time.Second
}

// checkHealth is one run of the container health check: a success makes it
// HEALTHY, as many consecutive failures as retries make it UNHEALTHY, and
// failures within the start period do not count
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html).
func (c *container) checkHealth() {
	h := c.def.HealthCheck
	start, retries := time.Duration(0), 3
	if h.StartPeriod != nil {
		start = time.Duration(*h.StartPeriod) * time.Second
	}
	if h.Retries != nil {
		retries = int(*h.Retries)
	}
	before := c.health
	switch {
	case c.healthy:
		c.health, c.failures = types.HealthStatusHealthy, 0
	case c.task.svc.world.Now().Sub(c.begun) > max(start, c.task.grace()):
		if c.failures++; c.failures >= retries {
			c.health = types.HealthStatusUnhealthy
		}
	}
	if c.health != before {
		c.task.version++
		c.task.observe()
		c.task.healthChanged(c)
	}
	// Nothing changes while a healthy container stays healthy: the next check
	// that matters is the one after SetHealthy.
	if c.checking = !c.healthy || c.health != types.HealthStatusHealthy; c.checking {
		c.After(c.healthInterval(), c.checkHealth)
	}
}

// prepare fills in what the container runs with. It fails as the task would
// when a secret cannot be read.
func (c *container) prepare(o *types.ContainerOverride) error {
	c.env = map[string]string{}
	for _, kv := range c.def.Environment {
		if kv.Name != nil && kv.Value != nil {
			c.env[*kv.Name] = *kv.Value
		}
	}
	c.command = c.def.Command
	if o != nil {
		for _, kv := range o.Environment {
			if kv.Name != nil && kv.Value != nil {
				c.env[*kv.Name] = *kv.Value
			}
		}
		if len(o.Command) > 0 {
			c.command = o.Command
		}
	}
	for _, sec := range c.def.Secrets {
		if c.task.svc.deps.Secret == nil {
			continue
		}
		v, err := c.task.svc.deps.Secret(*sec.ValueFrom)
		if err != nil {
			return fmt.Errorf("%s: %w", secretStore(*sec.ValueFrom), err)
		}
		c.env[*sec.Name] = v
	}
	return nil
}

// secretStore is how ECS abbreviates where a secret is read from.
func secretStore(valueFrom string) string {
	if strings.Contains(valueFrom, ":secretsmanager:") {
		return "asm"
	}
	return "ssm"
}

package ecssim

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// provisioned has the network interface: secrets and log drivers come next,
// then the images.
func (t *task) provisioned() {
	if t.desiredStatus == "STOPPED" {
		return
	}
	t.set("PENDING")
	t.connectivityAt = t.now()
	if reason := t.initError(); reason != "" {
		t.svc.world.After(initFailTime, func() { t.failToStart(reason) })
		return
	}
	t.pullStarted = t.now()
	if reason := t.pull(); reason != "" {
		t.svc.world.After(pullFailTime, func() { t.failToStart(reason) })
		return
	}
	t.svc.world.After(pullTime, t.pulled)
}

// initError is the ResourceInitializationError the task would stop with, or
// "" (texts: docs/aws/ecs.md 1.2).
func (t *task) initError() string {
	for _, c := range t.containers {
		if err := c.prepare(t.override(c.Name())); err != nil {
			store, text, _ := strings.Cut(err.Error(), ": ")
			return fmt.Sprintf("ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from %s: service call has been retried 1 time(s): %s", store, text)
		}
	}
	for _, c := range t.containers {
		lc := c.def.LogConfiguration
		if lc == nil || lc.LogDriver != types.LogDriverAwslogs || lc.Options["awslogs-create-group"] == "true" || t.svc.deps.GroupExists == nil {
			continue
		}
		if !t.svc.deps.GroupExists(c.logRegion(), lc.Options["awslogs-group"]) {
			return "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1"
		}
	}
	return ""
}

func (t *task) override(name string) *types.ContainerOverride {
	if t.overrides == nil {
		return nil
	}
	for i, o := range t.overrides.ContainerOverrides {
		if o.Name != nil && *o.Name == name {
			return &t.overrides.ContainerOverrides[i]
		}
	}
	return nil
}

// pull fetches every image, by the digest its service revision recorded where
// there is one; it returns the reason for a failure.
func (t *task) pull() string {
	for _, c := range t.containers {
		ref := c.image
		if t.deployment != nil {
			if d := t.deployment.rev.digests[c.Name()]; d != "" {
				ref = repository(ref) + "@" + d
			}
		}
		if t.svc.deps.Pull == nil {
			continue
		}
		digest, err := t.svc.deps.Pull(ref)
		if err != nil {
			return fmt.Sprintf("CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to resolve ref %s: %s", ref, err)
		}
		c.digest = digest
		if t.deployment != nil {
			// The first task establishes the digests of its service revision
			// (docs/aws/ecs.md 1.4).
			t.deployment.rev.record(c, digest)
		}
	}
	return ""
}

// repository cuts tag and digest off an image reference; the colon of a port
// is not a tag's.
func repository(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		ref = ref[:i]
	}
	return ref
}

func (t *task) pulled() {
	if t.desiredStatus == "STOPPED" {
		return
	}
	t.pullStopped = t.now()
	t.svc.world.After(startTime, func() {
		if t.desiredStatus == "STOPPED" {
			return
		}
		t.startContainers()
	})
}

// startContainers starts every container whose dependencies are met; it is
// called again whenever one changes.
func (t *task) startContainers() {
	for changed := true; changed; {
		changed = false
		for _, c := range t.containers {
			if t.desiredStatus == "RUNNING" && !c.started && t.dependenciesMet(c) {
				c.start()
				changed = true
			}
		}
	}
	if t.lastStatus != "PENDING" || t.desiredStatus == "STOPPED" {
		return
	}
	for _, c := range t.containers {
		if !c.started {
			return
		}
	}
	t.set("RUNNING")
	t.startedAt = t.svc.world.Now()
	if t.service != nil {
		t.service.taskRunning(t)
		t.becameReady() // its checks may have passed while others still started
	}
}

// dependenciesMet follows dependsOn
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDependency.html).
func (t *task) dependenciesMet(c *container) bool {
	for _, d := range c.def.DependsOn {
		for _, other := range t.containers {
			if other.Name() != *d.ContainerName {
				continue
			}
			ok := other.started
			switch d.Condition {
			case types.ContainerConditionComplete:
				ok = other.exit != nil
			case types.ContainerConditionSuccess:
				ok = other.exit != nil && *other.exit == 0
			case types.ContainerConditionHealthy:
				ok = other.health == types.HealthStatusHealthy
			}
			if !ok {
				return false
			}
		}
	}
	return true
}

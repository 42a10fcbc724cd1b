package simtype

import "time"

// A Program is what an image does: it is called when a container of that image
// starts and goes on through callbacks that it sets up with the container's
// methods. The program and its callbacks run inside the cloud's clock: they
// must not block and must not call the cloud.
type Program func(*Container)

// A Container is one running container, as its program sees it. Its methods
// may be called by the program and its callbacks only.
type Container struct{ host Host }

// NewContainer returns the container that h runs. Simulated clouds call it;
// programs are handed theirs.
func NewContainer(h Host) *Container { return &Container{h} }

// A Host runs one container. Its methods are those of [Container].
type Host interface {
	Name() string
	TaskARN() string
	Image() string
	ImageDigest() string
	Env(name string) string
	Command() []string
	Running() bool
	Print(line string)
	After(d time.Duration, fn func())
	SetHealthy(healthy bool)
	Answer(path string, status int)
	OnStop(fn func())
	Exit(code int)
}

// Name is the container's name in its task definition.
func (c *Container) Name() string { return c.host.Name() }

// TaskARN is the ARN of the container's task.
func (c *Container) TaskARN() string { return c.host.TaskARN() }

// Image is the image's reference as the task definition has it.
func (c *Container) Image() string { return c.host.Image() }

// ImageDigest is the digest of the image that was pulled, or "" for an image
// of a registry that is not simulated.
func (c *Container) ImageDigest() string { return c.host.ImageDigest() }

// Env is an environment variable of the container: from the task definition,
// its secrets or the task's overrides. It is "" if the variable is not set.
func (c *Container) Env(name string) string { return c.host.Env(name) }

// Command is the container's command: the override's, else the task
// definition's, else nil.
func (c *Container) Command() []string { return c.host.Command() }

// Running reports whether the container has started and not exited.
func (c *Container) Running() bool { return c.host.Running() }

// Print writes a line to the container's log, if it has an awslogs driver.
func (c *Container) Print(line string) { c.host.Print(line) }

// After calls fn when d of the cloud's time has passed, unless the container
// has exited by then.
func (c *Container) After(d time.Duration, fn func()) { c.host.After(d, fn) }

// SetHealthy sets what health checks find from now on: the container's own
// check, and the load balancer's on every path without an [Container.Answer].
// A container is unhealthy until it is set healthy.
func (c *Container) SetHealthy(healthy bool) { c.host.SetHealthy(healthy) }

// Answer sets the HTTP status with which the container answers a load
// balancer's health check on a path, such as "/health", whether it is healthy
// or not. Status 0 removes the answer.
func (c *Container) Answer(path string, status int) { c.host.Answer(path, status) }

// OnStop replaces what happens on SIGTERM, which by default is an exit with
// code 143. The container has its stop timeout, 30 s by default, until it is
// killed.
func (c *Container) OnStop(fn func()) { c.host.OnStop(fn) }

// Exit ends the container. It does nothing if the container is not running.
func (c *Container) Exit(code int) { c.host.Exit(code) }

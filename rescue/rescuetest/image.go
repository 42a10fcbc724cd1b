package rescuetest

import (
	"fmt"

	"github.com/stackrescue/stackrescue/internal/sim/ecrsim"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// PushImage pushes an image to a repository of the home region, as a build
// does, and says what it does when it runs. The content takes the place of the layers:
// the same content always has the same digest. It returns the digest.
func (c *Cloud) PushImage(repository, content string, run simtype.Program, tags ...string) (digest string, err error) {
	c.clock.Do(func() {
		digest, err = c.in(c.region).ecr.Push(repository, ecrsim.Content{Name: content}, tags...)
		if err == nil && run != nil {
			c.shared.programs[digest] = run
		}
	})
	if err != nil {
		return "", fmt.Errorf("push %s: %w", repository, err)
	}
	return digest, nil
}

// AddImage makes an image of a registry outside the account exist, such as
// "nginx:1.27", and says what it does when it runs; nil runs for ever.
func (c *Cloud) AddImage(ref string, run simtype.Program) {
	c.clock.Do(func() {
		digest := c.in(c.region).ecr.AddExternal(ref)
		if delete(c.shared.programs, digest); run != nil {
			c.shared.programs[digest] = run
		}
	})
}

// RemoveImage makes an image of a registry outside the account not exist, by
// its tag and by its digest.
func (c *Cloud) RemoveImage(ref string) {
	c.clock.Do(func() { c.in(c.region).ecr.RemoveExternal(ref) })
}

// SetCapacity limits how many tasks the home region's clusters can run at once;
// a negative number takes the limit away. What does not fit is reported as
// "unable to place".
func (c *Cloud) SetCapacity(tasks int) {
	c.clock.Do(func() { c.in(c.region).ecs.Capacity = tasks })
}

// Registry is the host name of the home region's registry.
func (c *Cloud) Registry() (host string) {
	c.clock.Do(func() { host = c.in(c.region).ecr.Host() })
	return host
}

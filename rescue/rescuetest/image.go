package rescuetest

import (
	"fmt"

	"github.com/stackrescue/stackrescue/internal/sim/ecrsim"
)

// PushImage pushes an image to a repository of the home region, as a build
// does, and says what it does when it runs. The content stands for the layers:
// the same content always has the same digest. It returns the digest.
func (c *Cloud) PushImage(repository, content string, run Program, tags ...string) (digest string, err error) {
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

// Registry is the host name of the home region's registry.
func (c *Cloud) Registry() (host string) {
	c.clock.Do(func() { host = c.in(c.region).ecr.Host() })
	return host
}

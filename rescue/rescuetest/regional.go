package rescuetest

import (
	"github.com/stackrescue/stackrescue/internal/sim/ecssim"
	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/world"
)

// regional is the services of one region.
type regional struct {
	world *world.World
	table op.Table
	ecs   *ecssim.Service
}

// shared is what all regions have in common.
type shared struct {
	programs map[string]Program // by image digest
}

func newShared() shared { return shared{programs: map[string]Program{}} }

// in is a region, made on first use. It is called inside the clock's Do.
func (c *Cloud) in(region string) *regional {
	if r := c.regions[region]; r != nil {
		return r
	}
	r := &regional{world: c.home.In(region)}
	c.regions[region] = r
	r.ecs = ecssim.New(r.world, ecssim.Deps{
		Program: func(digest string) ecssim.Program { return c.shared.programs[digest] },
	})
	r.ecs.Register(&r.table)
	return r
}

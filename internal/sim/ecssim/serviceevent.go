package ecssim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// event adds a service event. An event is left out when the same one was told
// within six hours and its cause was not resolved since (docs/aws/ecs.md 1.3).
func (v *service) event(format string, a ...any) {
	msg := fmt.Sprintf(format, a...)
	if strings.HasPrefix(msg, "was unable") {
		if t, ok := v.told[msg]; ok && v.svc.world.Now().Sub(t) < 6*time.Hour {
			return
		}
		v.told[msg] = v.svc.world.Now()
	}
	e := types.ServiceEvent{CreatedAt: new(v.svc.world.Now()), Id: new(v.svc.world.UUID()), Message: new("(service " + v.name + ") " + msg)}
	v.events = slices.Insert(v.events, 0, e)
	if len(v.events) > 100 {
		v.events = v.events[:100]
	}
}

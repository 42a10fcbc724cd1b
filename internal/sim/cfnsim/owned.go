package cfnsim

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// Owned is a resource that a stack has made and not given up.
type Owned struct {
	PhysicalID string
	// Properties are those it was last given, not those of the template.
	Properties map[string]any
	// Created is when its status was last set.
	Created time.Time
}

// Owned lists the resources of a type, by stack and order of the template.
func (s *Service) Owned(typ string) []Owned {
	var all []Owned
	for _, st := range s.stacks {
		if !st.live() {
			continue
		}
		st.each(func(r *resource) {
			if r.typ != typ || r.physical == "" || r.vanished || r.status == types.ResourceStatusDeleteComplete {
				return
			}
			props := r.given
			if props == nil {
				props = r.sent
			}
			all = append(all, Owned{r.physical, props, r.at})
		})
	}
	return all
}

// Text is a property as text, "" if it is not there.
func (o Owned) Text(property string) string { return Text(o.Properties[property]) }

// Text writes a scalar of a template as text, "" for nil.
func Text(v any) string {
	if v == nil {
		return ""
	}
	return text(v)
}

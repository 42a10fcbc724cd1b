package world

import (
	"slices"
	"time"

	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// journal is the record of one cloud, and who acts at the moment.
type journal struct {
	simtype.Record
	actor string
}

// Customer is who calls through a door.
const Customer = "customer"

// As runs fn while actor is who acts.
func (w *World) As(actor string, fn func()) {
	before := w.journal.actor
	w.journal.actor = actor
	defer func() { w.journal.actor = before }()
	fn()
}

// Record is a copy of what was recorded.
func (w *World) Record() simtype.Record {
	r := w.journal.Record
	r.Starts, r.Shortages = slices.Clone(r.Starts), slices.Clone(r.Shortages)
	r.Deletions, r.Mutations = slices.Clone(r.Deletions), slices.Clone(r.Mutations)
	return r
}

// ForgetRecord empties the record; shortages that last begin now.
func (w *World) ForgetRecord() {
	open := slices.DeleteFunc(slices.Clone(w.journal.Shortages), func(s simtype.Shortage) bool { return !s.To.IsZero() })
	for i := range open {
		open[i].From = w.Now()
	}
	w.journal.Record = simtype.Record{Shortages: open}
}

// Started records the start of a container.
func (w *World) Started(s simtype.Start) {
	s.At = w.Now()
	w.journal.Starts = append(w.journal.Starts, s)
}

// Deleted records a deletion by whoever acts.
func (w *World) Deleted(kind, name string) {
	w.journal.Deletions = append(w.journal.Deletions, simtype.Deletion{At: w.Now(), Kind: kind, Name: name, Cause: w.journal.actor})
}

// Mutated records a call by whoever acts.
func (w *World) Mutated(action string, err error) {
	m := simtype.Mutation{At: w.Now(), Action: action, Caller: w.journal.actor}
	if err != nil {
		m.Err = err.Error()
	}
	w.journal.Mutations = append(w.journal.Mutations, m)
}

// Healthy records how many healthy tasks of the desired a service has now.
func (w *World) Healthy(cluster, service string, healthy, desired int) {
	now := w.Now()
	for i := len(w.journal.Shortages) - 1; i >= 0; i-- {
		s := &w.journal.Shortages[i]
		if s.Cluster != cluster || s.Service != service || !s.To.IsZero() {
			continue
		}
		if s.Healthy == healthy && s.Desired == desired {
			return
		}
		if s.To = now; s.From.Equal(now) {
			w.journal.Shortages = slices.Delete(w.journal.Shortages, i, i+1)
		}
		break
	}
	if healthy < desired {
		w.journal.Shortages = append(w.journal.Shortages, simtype.Shortage{Cluster: cluster, Service: service, From: now, To: time.Time{}, Healthy: healthy, Desired: desired})
	}
}

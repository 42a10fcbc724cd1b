package proof

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// tally is the figures of all runs.
type tally struct {
	mu        sync.Mutex
	runs      int
	took      time.Duration
	faults    map[string]int
	led       int
	takeovers []time.Duration
	refused   int
	stale     int
}

func (s *tally) add(r *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.faults == nil {
		s.faults = map[string]int{}
	}
	s.runs++
	s.took += time.Since(r.log.begin)
	for _, f := range r.faults {
		s.faults[f.kind]++
		if f.epoch > 0 {
			s.led++
		}
	}
	s.takeovers = append(s.takeovers, r.takeovers...)
	s.stale += r.stale
	s.refused += r.count(`refused`)
}

func (s *tally) String() string {
	if s.runs == 0 {
		return "no runs"
	}
	slices.Sort(s.takeovers)
	text := fmt.Sprintf("%d runs of %s on average; %d late statements turned down by the fence, %d that did not ask", s.runs, (s.took / time.Duration(s.runs)).Round(time.Millisecond), s.refused, s.stale)
	if n := len(s.takeovers); n > 0 {
		text += fmt.Sprintf("; %d takeovers from the fault on, other faults in between included: median %s, longest %s, bound %s",
			n, s.takeovers[n/2].Round(time.Millisecond), s.takeovers[n-1].Round(time.Millisecond), takeoverBound)
	}
	var kinds []string
	total := 0
	for k, n := range s.faults {
		kinds = append(kinds, fmt.Sprintf("%s %d", k, n))
		total += n
	}
	slices.Sort(kinds)
	return fmt.Sprintf("%s; %d faults, %d of them to a leader: %s", text, total, s.led, strings.Join(kinds, ", "))
}

package migrate

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// The phases.
const (
	phaseIdle    = "idle"
	phaseWaiting = "waiting"
	phaseLeading = "leading"
	phaseReady   = "ready"
	phaseFailed  = "failed"
)

// Health is what a runner answers to health checks.
type Health struct {
	// Phase is idle, waiting, leading, ready or failed.
	Phase string `json:"phase"`
	// Leader is who leads, Fence this process's epoch if it does.
	Leader   string   `json:"leader,omitempty"`
	Fence    Fence    `json:"fence,omitempty"`
	State    State    `json:"state"`
	Progress Progress `json:"progress,omitzero"`
	// QuietSeconds is the time since this process last polled or renewed, and
	// Wedged whether that is too long.
	QuietSeconds float64 `json:"quietSeconds"`
	Wedged       bool    `json:"wedged,omitempty"`
	Error        string  `json:"error,omitempty"`
}

// health is where a run writes what a health check reads.
type health struct {
	mu    sync.Mutex
	h     Health
	last  time.Time
	limit time.Duration
}

func (x *health) set(fn func(*Health)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	fn(&x.h)
}

func (x *health) tick() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.last = time.Now()
}

func (x *health) begin(o LeadOptions) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.h, x.last, x.limit = Health{Phase: phaseWaiting}, time.Now(), 2*max(o.Lease, o.perLook())+10*o.Interval
}

func (x *health) finish(err error) {
	x.set(func(h *Health) {
		h.Phase, h.Error = phaseReady, ""
		if err != nil {
			h.Phase, h.Error = phaseFailed, err.Error()
		}
	})
}

// Health is what the runner is at now.
func (r *Runner) Health() Health {
	if r == nil {
		return Health{Phase: phaseIdle}
	}
	x := &r.health
	x.mu.Lock()
	defer x.mu.Unlock()
	h := x.h
	if h.Phase == "" {
		h.Phase = phaseIdle
	}
	if h.Phase == phaseWaiting || h.Phase == phaseLeading {
		quiet := time.Since(x.last)
		h.QuietSeconds, h.Wedged = quiet.Seconds(), quiet > x.limit
	}
	return h
}

// Handler answers the two questions that a task is asked while it waits.
//
// Path /live is for the container's health check, which replaces the task: 200
// while this process waits or works, however long that takes, and 503 only when
// its own loop has stopped for more than two leases and ten intervals: a probe
// that hangs is one reason, until [RunOptions.ProbeTimeout] ends it. Path /ready
// is for the load balancer, which must not send requests, nor let ECS stop the
// old tasks, too early: 503 until the state has been verified. Any other path
// answers like /ready. The body is [Health] as JSON.
//
// A load balancer's check that says 503 ends the task after the service's
// health check grace period: see [Patience].
func (r *Runner) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		h := r.Health()
		ok := h.Phase == phaseReady
		if req.URL.Path == "/live" {
			ok = !h.Wedged
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if !ok {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(h)
	})
}

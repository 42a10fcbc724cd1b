package migrate

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Step is one part of the work. A leader may be killed at any point, and the
// next one begins anew: unless Done says otherwise, Run is called again and
// must be safe to repeat.
type Step struct {
	// ID names the step in events, errors and progress.
	ID string
	// Run does it. Its context ends when leadership is lost.
	Run func(context.Context, Fence) error
	// Done, where it is not nil, reads whether the step was applied already.
	Done func(context.Context) (bool, error)
}

// Func is work of one step, named "migrate".
func Func(run func(context.Context, Fence) error) []Step { return []Step{{ID: "migrate", Run: run}} }

// Applied is a step that was run, or that was found done.
type Applied struct {
	ID string `json:"id"`
	// TookSeconds is how long it ran.
	TookSeconds float64 `json:"tookSeconds"`
	// Found is set for a step that was found done.
	Found bool `json:"found,omitempty"`
}

// checkSteps refuses steps that share an ID or cannot be run.
func checkSteps(steps []Step) error {
	if len(steps) == 0 {
		return errors.New("no steps")
	}
	seen := map[string]bool{}
	for i, s := range steps {
		switch {
		case s.ID == "":
			return fmt.Errorf("step %d has no ID", i+1)
		case seen[s.ID]:
			return fmt.Errorf("two steps have the ID %s", s.ID)
		case s.Run == nil:
			return fmt.Errorf("step %s: nothing to run", s.ID)
		}
		seen[s.ID] = true
	}
	return nil
}

// reportKey finds the progress in the context of a step.
type reportKey struct{}

// ReportProgress says how far a step has got. The text reaches those who wait with the
// next heartbeat, without a call of its own. ctx is the one that the step was
// given; with another one it does nothing.
func ReportProgress(ctx context.Context, text string) {
	if d, ok := ctx.Value(reportKey{}).(*progress); ok {
		d.change(func(p *Progress) { p.Text = text })
	}
}

// progress is what heartbeats carry.
type progress struct {
	mu sync.Mutex
	p  Progress
}

func (d *progress) change(fn func(*Progress)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fn(&d.p)
}

func (d *progress) now() Progress {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.p
}

func (d *progress) note() []byte { return d.now().encode() }

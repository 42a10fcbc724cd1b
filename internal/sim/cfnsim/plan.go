package cfnsim

// plan runs tasks in the order of their dependencies, side by side where none
// stands between them.
type plan struct {
	tasks map[string]*task
	order []string
	// failFast makes the first failure cancel what runs and start nothing more,
	// as a forward update does; a rollback lets the rest finish.
	failFast bool
	// finish is called once, with the failed tasks in the order they failed.
	finish func(failed []string)

	failed           []string
	busy, again, end bool
}

type taskState int

const (
	waiting taskState = iota
	running
	succeeded
	failed
	cancelled
)

type task struct {
	id    string
	deps  []string
	start func(done func(error))
	// cancel is told when a sibling's failure ends the task.
	cancel func()
	state  taskState
}

func (p *plan) add(t *task) {
	if p.tasks == nil {
		p.tasks = map[string]*task{}
	}
	if _, there := p.tasks[t.id]; !there {
		p.order = append(p.order, t.id)
	}
	p.tasks[t.id] = t
}

// run starts what can start. It may be called from within a task's start.
func (p *plan) run() {
	if p.end {
		return
	}
	if p.busy {
		p.again = true
		return
	}
	p.busy = true
	for {
		p.again = false
		for _, id := range p.order {
			if t := p.tasks[id]; !p.end && t.state == waiting && p.ready(t) {
				p.begin(t)
			}
		}
		if !p.again {
			break
		}
	}
	p.busy = false
	if !p.end && p.idle() {
		p.stop()
	}
}

func (p *plan) begin(t *task) {
	t.state = running
	t.start(func(err error) {
		if t.state != running {
			return // cancelled meanwhile
		}
		t.state = succeeded
		if err != nil {
			t.state = failed
			p.failed = append(p.failed, t.id)
			if p.failFast {
				p.halt()
				return
			}
		}
		p.run()
	})
}

// halt cancels everything that runs and ends the plan.
func (p *plan) halt() {
	if p.end {
		return
	}
	p.end = true
	for _, id := range p.order {
		if t := p.tasks[id]; t.state == running {
			t.state = cancelled
			if t.cancel != nil {
				t.cancel()
			}
		}
	}
	p.finish(p.failed)
}

func (p *plan) stop() {
	p.end = true
	p.finish(p.failed)
}

func (p *plan) ready(t *task) bool {
	for _, d := range t.deps {
		if o, ok := p.tasks[d]; ok && o != t && o.state != succeeded {
			return false
		}
	}
	return true
}

func (p *plan) idle() bool {
	for _, t := range p.tasks {
		if t.state == running {
			return false
		}
	}
	return true
}

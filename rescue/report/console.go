package report

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/stackrescue/stackrescue/rescue"
)

// ConsoleOptions change a [Console]. The zero value is the default.
type ConsoleOptions struct {
	// Width is the terminal's, in columns; 0 does not wrap.
	Width func() int
	// Live is whether a status line is kept below the others and redrawn in place:
	// for terminals only.
	Live bool
	// Actions is whether GitHub Actions reads what is written: steps become groups.
	Actions bool
	// Zone is the time zone of the times that are shown. Defaults to the local one.
	Zone *time.Location
	// Quiet is the longest time without a line while something is waited for.
	// Defaults to 30 s.
	Quiet time.Duration
	// Now is the time of what is rescued. Defaults to time.Now.
	Now func() time.Time
}

// Console shows progress: a line for each event, wrapped and final, with the
// time that has passed; on a terminal a status line below them; and a line that
// says what is waited for where nothing else has been written for a while. It
// must be closed.
type Console struct {
	o     ConsoleOptions
	w     io.Writer
	mu    sync.Mutex
	err   error
	began time.Time
	steps map[string]planned
	count int
	step  string
	since time.Time // when the step began
	last  time.Time // when something happened, by the events' clock
	wrote time.Time // when a line was written, by this machine's clock
	text  string
	live  bool // a status line is shown
	// paused is whether nothing is written until something happens.
	paused bool
	group  bool
	stop   chan struct{}
	done   chan struct{}
}

type planned struct {
	n       int
	kind    rescue.Kind
	subject string
	limit   time.Duration
}

// usually is how long a kind of step takes where nothing is in its way: seen in
// the recorded incidents (docs/aws/recordings.md) and given as a range, because
// no end can be foretold.
var usually = map[rescue.Kind]string{
	"freeze": "seconds", "stamp": "2 to 6 min", "migrate": "as long as the migration", "redeploy": "1 to 8 min",
	"proof": "6 to 12 min", "unlock": "1 to 20 min", "savepoint": "2 to 20 min", "verify": "5 to 6 min",
}

// NewConsole returns a console that writes to w until it is closed.
func NewConsole(w io.Writer, o ConsoleOptions) *Console {
	if o.Width == nil {
		o.Width = func() int { return 0 }
	}
	if o.Zone == nil {
		o.Zone = time.Local
	}
	if o.Quiet <= 0 {
		o.Quiet = 30 * time.Second
	}
	if o.Now == nil {
		o.Now = machine
	}
	c := &Console{o: o, w: w, steps: map[string]planned{}, wrote: machine(), stop: make(chan struct{}), done: make(chan struct{})}
	go c.tick()
	return c
}

// Plan gives the console the steps to come, for their numbers and limits.
func (c *Console) Plan(p *rescue.Plan) {
	if p == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count = len(p.Steps)
	for i, s := range p.Steps {
		c.steps[s.ID] = planned{i + 1, s.Kind, say(s.Subject), s.Takes}
	}
}

// Event shows one event; use it as Options.Observe.
func (c *Console) Event(e rescue.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = false
	if c.began.IsZero() {
		c.began = e.At
	}
	if e.Step != c.step {
		c.step, c.since = e.Step, e.At
		c.endGroup()
		if c.o.Actions && e.Step != "" {
			c.raw("::group::" + c.title())
			c.group = true
		}
	}
	c.last, c.text = e.At, say(e.Text)
	c.line(e.At, say(e.String()))
}

// Line shows a line of the program's own.
func (c *Console) Line(s string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = false
	c.clear()
	for _, l := range wrap(say(s), "  ", c.o.Width()) {
		c.raw(l)
	}
	c.draw()
}

// Pause takes the status line away and writes nothing, such as while a question waits
// for its answer, until the next event or line.
func (c *Console) Pause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clear()
	c.paused = true
}

// Close ends the display and returns the first error of the writer.
func (c *Console) Close() error {
	c.mu.Lock()
	select {
	case <-c.stop:
		c.mu.Unlock()
		return c.err
	default:
	}
	close(c.stop)
	c.mu.Unlock()
	<-c.done
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clear()
	c.endGroup()
	return c.err
}

func (c *Console) tick() {
	defer close(c.done)
	every := c.o.Quiet / 10
	if c.o.Live {
		every = time.Second
	}
	t := time.NewTicker(every) //nolint:forbidigo // as machine
	defer t.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-t.C:
		}
		c.mu.Lock()
		if c.paused {
			c.mu.Unlock()
			continue
		}
		if c.o.Live {
			c.draw()
		} else if machine().Sub(c.wrote) > c.o.Quiet-every && !c.began.IsZero() {
			c.line(c.o.Now(), c.waiting())
		}
		c.mu.Unlock()
	}
}

// title is the step's number, name and subject.
func (c *Console) title() string {
	s, ok := c.steps[c.step]
	if !ok {
		return say(c.step)
	}
	return fmt.Sprintf("[%d of %d] %s %s", s.n, c.count, s.kind, s.subject)
}

// waiting says what is waited for, for how long, and how long that usually
// takes.
func (c *Console) waiting() string {
	now := c.o.Now()
	if c.step == "" {
		return "waiting: " + c.text
	}
	out := c.title() + ": waiting for " + duration(now.Sub(c.since))
	if s, ok := c.steps[c.step]; ok {
		out += fmt.Sprintf(", usually %s, at most %s", usually[s.kind], duration(s.limit))
	}
	if quiet := now.Sub(c.last); quiet >= time.Minute {
		out += ", last change " + duration(quiet) + " ago"
	}
	return out
}

func (c *Console) line(at time.Time, text string) {
	c.clear()
	stamp := at.In(c.o.Zone).Format("15:04:05-07:00")
	lead := fmt.Sprintf("%s %6s  ", stamp, elapsed(at.Sub(c.began)))
	for _, l := range wrap(lead+text, strings.Repeat(" ", min(24, cells(lead))), c.o.Width()) {
		c.raw(l)
	}
	c.draw()
}

// elapsed is short: +12:34.
func elapsed(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	if d >= time.Hour {
		return fmt.Sprintf("+%d:%02d:%02d", d/time.Hour, d%time.Hour/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("+%d:%02d", d/time.Minute, d%time.Minute/time.Second)
}

func (c *Console) raw(s string) {
	c.write(s + "\n")
	c.wrote = machine()
}

func (c *Console) write(s string) {
	if _, err := io.WriteString(c.w, s); err != nil && c.err == nil {
		c.err = err
	}
}

func (c *Console) endGroup() {
	if c.group {
		c.raw("::endgroup::")
		c.group = false
	}
}

// clear takes the status line away. A line is rewritten and never the screen:
// terminals push what is cleared into their history.
func (c *Console) clear() {
	if c.live {
		c.write("\r\x1b[K")
		c.live = false
	}
}

func (c *Console) draw() {
	if !c.o.Live || c.began.IsZero() {
		return
	}
	width := c.o.Width()
	if width <= 0 {
		width = 80
	}
	c.write("\r" + cut("~ "+c.waiting(), width-1) + "\x1b[K")
	c.live = true
}

// machine is the time of whoever looks at the screen: how long nothing was
// written has nothing to do with the time of what is rescued.
func machine() time.Time { return time.Now() } //nolint:forbidigo // see above

package proof

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/pglease"
	"github.com/stackrescue/stackrescue/migrate/toolcmd"
)

// process is this process, where it is a replica.
type process struct {
	order
	out sync.Mutex
	// data and truth are the database through the proxy, and directly.
	data, truth *sql.DB
	leading     worker
}

// say prints a line. The pipe is read by the parent at once.
func (p *process) say(l line) {
	p.out.Lock()
	defer p.out.Unlock()
	if err := json.NewEncoder(os.Stdout).Encode(l); err != nil {
		os.Exit(1) // nobody is there any longer
	}
}

// obey is a replica's main function: it tries until it succeeds, is told to
// stop, or MaxWait is over, as a container that is started again does.
func obey(o order) int {
	go func() { // the end of the parent is the end of its replicas
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	stopped, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	ctx, cancel := context.WithTimeout(stopped, o.MaxWait)
	defer cancel()
	p := &process{order: o}
	attempt, end, err := p.prepare()
	if err != nil {
		p.say(line{Kind: returned, Err: err.Error()})
		return 1
	}
	defer end()
	for {
		err := attempt(ctx)
		switch {
		case err == nil:
			// A question to the server itself is later than the return: where
			// its answer is no, Run was too early, whatever the clocks say.
			s, serr := state(context.Background(), p.truth, len(p.Jobs))
			if serr != nil || !s.Done {
				p.say(line{Kind: returned, Text: s.String(), Err: fmt.Sprint("nil, but not done ", serr)})
				return exitLied
			}
			p.say(line{Kind: returned})
			return exitDone
		case stopped.Err() != nil:
			p.say(line{Kind: returned, Err: err.Error()})
			return exitStopped
		case ctx.Err() != nil:
			p.say(line{Kind: returned, Err: err.Error()})
			return exitLate
		}
		p.say(line{Kind: returned, Err: err.Error()})
		pause(ctx, time.Duration(50+rand.IntN(100))*time.Millisecond)
	}
}

// pause waits as a container that is started again does.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// prepare is what an attempt needs: nothing is sent yet.
func (p *process) prepare() (attempt func(context.Context) error, end func(), err error) {
	if p.data, err = dial(p.DataAddr, p.Database, "data", nil); err != nil {
		return nil, nil, err
	}
	if p.truth, err = dial(p.Direct, p.Database, "truth", nil); err != nil {
		return nil, nil, err
	}
	switch p.Mode {
	case gooses:
		return p.goose()
	case golangs:
		return p.golangMigrate()
	}
	w := &wire{}
	var store migrate.Store = &everybody{next: p.next}
	if p.Mode == ours {
		if store, err = openStore(p.Store, p.StoreAddr, p.Database, "store", w); err != nil {
			return nil, nil, err
		}
	}
	eye := &watched{Store: store, wire: w, say: p.say, skew: p.Skew}
	r, err := migrate.New(eye, p.Key, p.probe, p.steps(), p.options)
	if err != nil {
		return nil, nil, err
	}
	attempt = func(ctx context.Context) error {
		eye.begin()
		res, err := r.Run(ctx)
		if err == nil && (!res.State.Done || res.State.Dirty) {
			err = fmt.Errorf("nil, but it saw %s", res.State)
		}
		return err
	}
	return attempt, func() {
		p.say(line{Kind: counted, Text: fmt.Sprintf("%d acquires, %d writes", eye.acquires, w.writes.Load())})
	}, nil
}

func (p *process) options(o *migrate.RunOptions) {
	o.Owner, o.Lease, o.Interval, o.Drain, o.Backoff = p.Name, p.Lease, p.Every, p.Drain, p.Backoff
	o.Attempts = 1000 // no failure here is the migration's own
	o.ProbeTimeout = time.Second
	o.Enter = p.enter
	o.Observe = func(e migrate.Event) {
		l := line{Kind: string(e.Kind), Owner: e.Owner, Fence: int64(e.Fence), Step: e.Step, Text: e.Text}
		if e.Err != nil {
			l.Err = e.Err.Error()
		}
		p.say(l)
	}
}

// enter opens the leader's own way to the database, which carries its epoch,
// and raises the fence.
func (p *process) enter(ctx context.Context, fence migrate.Fence) error {
	if err := p.lead(fence); err != nil || p.Mode == anarchy {
		return err
	}
	if err := p.leading.enter(ctx, p.data, p.Name, p.Terminate); err != nil {
		return err
	}
	p.say(line{Kind: entered, Fence: int64(fence)})
	return nil
}

// lead replaces the connections of a term of before, if any.
func (p *process) lead(epoch migrate.Fence) error {
	db, err := dial(p.DataAddr, p.Database, pglease.ApplicationName(p.Key, epoch), nil)
	if err != nil {
		return err
	}
	if old := p.leading.db; old != nil {
		go func() { _ = old.Close() }() // which waits for the network
	}
	p.leading = worker{db, p.Key, epoch, p.Mode == ours || p.Mode == fenced}
	return nil
}

// probe is given up on by the runner where the network is silent, or where its
// program hangs: a shell whose child keeps the pipe open.
func (p *process) probe(ctx context.Context) (migrate.State, error) {
	if _, err := os.Stat(p.Hang); err == nil && p.Hang != "" {
		_, err := toolcmd.Local(ctx, []string{"/bin/sh", "-c", "sleep 60; exit 1"})
		return migrate.State{}, err
	}
	return state(ctx, p.data, len(p.Jobs))
}

// steps are the jobs. What is safe to repeat is repeated.
func (p *process) steps() []migrate.Step {
	var out []migrate.Step
	for i, j := range p.Jobs {
		s := migrate.Step{
			ID:  fmt.Sprint(i, "-", j.Kind),
			Run: func(ctx context.Context, _ migrate.Fence) error { return p.leading.do(ctx, i, j) },
		}
		if j.Kind == inTx || p.Mode == fenced { // where leaders come too often to repeat anything
			s.Done = func(ctx context.Context) (bool, error) { return isDone(ctx, p.leading.db, i) }
		}
		out = append(out, s)
	}
	return out
}

// next is a number that grows with every call, of all processes.
func (p *process) next(ctx context.Context) (n migrate.Fence, err error) {
	err = p.truth.QueryRowContext(ctx, `SELECT nextval('epochs')`).Scan(&n)
	return n, err
}

// everybody is a store that grants the key to all who ask.
type everybody struct {
	next  func(context.Context) (migrate.Fence, error)
	epoch migrate.Fence
}

func (e *everybody) Read(context.Context, string) (migrate.Record, error) {
	return migrate.Record{Version: migrate.Version{Epoch: 1}}, nil
}

func (e *everybody) Acquire(ctx context.Context, _ string, _ migrate.Claim) (_ migrate.Hold, err error) {
	e.epoch, err = e.next(ctx)
	return e, err
}

func (e *everybody) Fence() migrate.Fence                  { return e.epoch }
func (e *everybody) Note() []byte                          { return nil }
func (e *everybody) Renew(context.Context, []byte) error   { return nil }
func (e *everybody) Release(context.Context, []byte) error { return nil }

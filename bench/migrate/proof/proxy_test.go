package proof

import (
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// proxy stands between one replica and one server, and does to their
// connections what networks do. What it holds back arrives late, as packets do
// that are sent again.
type proxy struct {
	target   string
	listener net.Listener
	done     chan struct{}
	wg       sync.WaitGroup

	mu      sync.Mutex
	changed chan struct{}
	cut     bool
	late    bool // requests are held back
	mute    bool // answers are, and get lost
	delay   time.Duration
	lose    int
	pairs   map[*pair]struct{}
}

// pair is a connection and its other half.
type pair struct{ client, server net.Conn }

func (c *pair) close() {
	_ = c.client.Close()
	_ = c.server.Close()
}

// reset ends both halves at once, without a goodbye.
func (c *pair) reset() {
	for _, half := range []net.Conn{c.client, c.server} {
		if tcp, ok := half.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	}
	c.close()
}

// newProxy listens on a port of its own and forwards to target.
func newProxy(t testing.TB, target string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{target: target, listener: l, done: make(chan struct{}), changed: make(chan struct{}), pairs: map[*pair]struct{}{}}
	p.wg.Go(p.serve)
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

// close ends everything, also what is held back.
func (p *proxy) close() {
	close(p.done)
	_ = p.listener.Close()
	p.resetAll()
	p.wg.Wait()
}

func (p *proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.connect(client) })
	}
}

// connect dials when the network lets it.
func (p *proxy) connect(client net.Conn) {
	defer func() { _ = client.Close() }()
	if !p.pass(nil, false, true) {
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	c := &pair{client, server}
	defer c.close()
	p.mu.Lock()
	p.pairs[c] = struct{}{}
	p.mu.Unlock()
	var wg sync.WaitGroup
	wg.Go(func() { p.pump(c, client, server, false) })
	wg.Go(func() { p.pump(c, server, client, true) })
	wg.Wait()
	p.mu.Lock()
	delete(p.pairs, c)
	p.mu.Unlock()
}

// pump carries bytes, and the end of the connection, in one direction.
func (p *proxy) pump(c *pair, from, to net.Conn, answers bool) {
	defer c.close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if errors.Is(err, net.ErrClosed) || !p.pass(c, answers, n > 0) {
			return
		}
		if n > 0 {
			if _, werr := to.Write(buf[:n]); werr != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// pass waits until a piece may go on, bytes or the end of a direction. It is
// false when it never will.
func (p *proxy) pass(c *pair, answer, bytes bool) bool {
	muted := false
	for {
		p.mu.Lock()
		mute := answer && bytes && p.mute
		held, changed := p.cut || mute || !answer && p.late, p.changed
		muted = muted || mute
		delay, lost := p.delay, false
		if !held && answer && bytes && p.lose > 0 {
			p.lose--
			lost = p.lose == 0
		}
		p.mu.Unlock()
		switch {
		case held:
			select {
			case <-p.done:
				return false
			case <-changed:
			}
			continue
		case c != nil && (muted || lost):
			c.reset()
			return false
		case delay > 0:
			timer := time.NewTimer(delay)
			defer timer.Stop()
			select {
			case <-p.done:
				return false
			case <-timer.C:
			}
		}
		return true
	}
}

// set changes what the network does.
func (p *proxy) set(change func(*proxy)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
	close(p.changed)
	p.changed = make(chan struct{})
}

// resetAll ends all connections at once.
func (p *proxy) resetAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.pairs {
		c.reset()
	}
}

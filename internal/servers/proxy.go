//go:build unix

package servers

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Proxy is an address that leads to one server and then to another, as the name
// of a database cluster does: connections that are open stay where they are.
type Proxy struct {
	Port   int
	target atomic.Pointer[string]
}

// StartProxy listens. Until To is called connections are closed at once.
func StartProxy(t testing.TB) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	p := &Proxy{Port: l.Addr().(*net.TCPAddr).Port}
	var wg sync.WaitGroup
	var open sync.Map
	t.Cleanup(func() {
		_ = l.Close()
		open.Range(func(c, _ any) bool { _ = c.(net.Conn).Close(); return true })
		wg.Wait()
	})
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Store(c, true)
			wg.Go(func() {
				defer func() { _ = c.Close() }()
				addr := p.target.Load()
				if addr == nil {
					return
				}
				s, err := net.Dial("tcp", *addr)
				if err != nil {
					return
				}
				open.Store(s, true)
				wg.Go(func() {
					_, _ = io.Copy(s, c)
					_ = s.Close()
				})
				_, _ = io.Copy(c, s)
			})
		}
	})
	return p
}

// To leads new connections to an address.
func (p *Proxy) To(addr string) { p.target.Store(&addr) }

package proof

import (
	"bufio"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestProxy checks that the network does what the faults are named after.
func TestProxy(t *testing.T) {
	t.Parallel()
	echo, heard := echoServer(t)
	open := func(t *testing.T) (*proxy, func(string), func() (string, error)) {
		p := newProxy(t, echo)
		t.Cleanup(p.close)
		c, err := net.Dial("tcp", p.addr())
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		in := bufio.NewReader(c)
		send := func(s string) {
			_, err := io.WriteString(c, s+"\n")
			require.NoError(t, err)
		}
		receive := func() (string, error) {
			require.NoError(t, c.SetReadDeadline(time.Now().Add(200*time.Millisecond)))
			return in.ReadString('\n')
		}
		send("hello")
		require.Equal(t, "hello", <-heard)
		s, err := in.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "hello\n", s)
		return p, send, receive
	}
	// patient waits for an answer that must come.
	patient := func(receive func() (string, error)) (s string, err error) {
		until(t.Context(), grace, func() bool {
			s, err = receive()
			return err == nil
		})
		return s, err
	}
	t.Run("cut", func(t *testing.T) {
		p, send, receive := open(t)
		p.set(func(p *proxy) { p.cut = true })
		send("a")
		_, err := receive()
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Empty(t, heard)
		p.set(func(p *proxy) { p.cut = false })
		require.Equal(t, "a", <-heard, "late")
		s, err := patient(receive)
		require.NoError(t, err)
		require.Equal(t, "a\n", s)
	})
	t.Run("late", func(t *testing.T) {
		p, send, _ := open(t)
		p.set(func(p *proxy) { p.late = true })
		send("b")
		require.Never(t, func() bool { return len(heard) > 0 }, 200*time.Millisecond, 20*time.Millisecond)
		p.set(func(p *proxy) { p.late = false })
		require.Equal(t, "b", <-heard)
	})
	t.Run("mute", func(t *testing.T) {
		p, send, receive := open(t)
		p.set(func(p *proxy) { p.mute = true })
		send("c")
		require.Equal(t, "c", <-heard, "it was carried out")
		_, err := receive()
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		p.set(func(p *proxy) { p.mute = false })
		require.True(t, until(t.Context(), grace, func() bool {
			_, err = receive()
			return !os.IsTimeout(err)
		}))
		require.Error(t, err, "the answer is lost")
	})
	t.Run("lose", func(t *testing.T) {
		p, send, receive := open(t)
		p.set(func(p *proxy) { p.lose = 2 })
		send("d")
		require.Equal(t, "d", <-heard)
		s, err := patient(receive)
		require.NoError(t, err)
		require.Equal(t, "d\n", s)
		send("e")
		require.Equal(t, "e", <-heard, "it was carried out")
		require.True(t, until(t.Context(), grace, func() bool {
			_, err = receive()
			return !os.IsTimeout(err)
		}))
		require.Error(t, err)
	})
}

// echoServer answers each line with itself, and tells what it heard.
func echoServer(t *testing.T) (addr string, heard chan string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	heard = make(chan string, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				for s := bufio.NewScanner(c); s.Scan(); {
					heard <- s.Text()
					if _, err := io.WriteString(c, s.Text()+"\n"); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String(), heard
}

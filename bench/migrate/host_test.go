package bench

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// host is a network namespace with one link to this one: a machine that can
// vanish without a word to those it is connected to.
type host struct {
	name string
	// outside is this machine's address on the link.
	outside string
}

// newHost skips where that is not allowed. The addresses are of the block that
// is meant for benchmarks.
//
// Source: https://www.rfc-editor.org/rfc/rfc2544, appendix C.
func newHost(b *testing.B) *host {
	h := &host{name: fmt.Sprint("srbench", os.Getpid()), outside: "198.18.77.1"}
	if out, err := ip("netns", "add", h.name); err != nil {
		b.Skipf("a host that vanishes needs root, CAP_NET_ADMIN and iproute2: %v: %s", err, out)
	}
	here := fmt.Sprint("sr", os.Getpid())
	b.Cleanup(func() {
		_, _ = ip("link", "del", here)
		_, _ = ip("netns", "del", h.name)
	})
	for _, args := range [][]string{
		{"link", "add", here, "type", "veth", "peer", "name", "eth0", "netns", h.name},
		{"addr", "add", h.outside + "/30", "dev", here},
		{"link", "set", here, "up"},
		{"-n", h.name, "addr", "add", "198.18.77.2/30", "dev", "eth0"},
	} {
		if out, err := ip(args...); err != nil {
			b.Skipf("ip %v: %v: %s", args, err, out)
		}
	}
	return h
}

// appear brings the link up.
func (h *host) appear(b *testing.B) {
	h.set(b, "up")
}

// vanish takes the link down inside: no packet leaves any longer, no FIN and no
// answer.
func (h *host) vanish(b *testing.B) {
	h.set(b, "down")
}

func (h *host) set(b *testing.B, state string) {
	b.Helper()
	if out, err := ip("-n", h.name, "link", "set", "eth0", state); err != nil {
		b.Fatalf("set the link %s: %v: %s", state, err, out)
	}
}

func ip(args ...string) (string, error) {
	out, err := exec.Command("ip", args...).CombinedOutput()
	return string(out), err
}

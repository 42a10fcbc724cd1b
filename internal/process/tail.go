package process

import (
	"bytes"
	"cmp"
	"strings"
	"sync"
)

// Tail is a writer that keeps the last lines that were written to it. It may be
// used by several goroutines.
type Tail struct {
	// Size is how many bytes are kept, 4,096 where it is 0.
	Size int

	mu  sync.Mutex
	buf []byte
	cut bool
}

// Write keeps the end of what was written. It never fails.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	size := cmp.Or(t.Size, 4096)
	t.cut = t.cut || len(p) > size
	t.buf = append(t.buf, p[max(0, len(p)-size):]...)
	if n := len(t.buf) - size; n > 0 {
		t.cut = true
		t.buf = append(t.buf[:0], t.buf[n:]...)
	}
	return len(p), nil
}

// Lines are the last n lines that are not empty, oldest first.
func (t *Tail) Lines(n int) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := t.buf
	if t.cut { // and with it a line
		if i := bytes.IndexByte(text, '\n'); i >= 0 {
			text = text[i+1:]
		}
	}
	var out []string
	for l := range strings.SplitSeq(strings.ToValidUTF8(string(text), "\uFFFD"), "\n") {
		if l = strings.TrimRight(l, " \t\r"); l != "" {
			out = append(out, l)
		}
	}
	return out[max(0, len(out)-n):]
}

package main

import (
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/stackrescue/stackrescue/internal/redact"
	"github.com/stackrescue/stackrescue/migrate"
)

// redactor takes what is known to be secret out of what is printed, and what has
// the shape of a secret: drivers and tools have many ways to name an address.
type redactor struct {
	mu     sync.Mutex
	values []string
}

// secrets are those of this process.
var secrets redactor

// add makes values secret. Short ones are passed over: they would be found in
// every other word.
func (r *redactor) add(values ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, v := range values {
		if len(v) > 3 && !slices.Contains(r.values, v) {
			r.values = append(r.values, v)
		}
	}
	// The longest first: one may be a part of another.
	slices.SortFunc(r.values, func(a, b string) int { return len(b) - len(a) })
}

func (r *redactor) text(s string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, v := range r.values {
		s = strings.ReplaceAll(s, v, "***")
	}
	// Other addresses, of a proxy or another database, have the shape alone.
	return redact.Text(s)
}

// writer redacts whole writes, which are lines.
func (r *redactor) writer(w io.Writer) io.Writer { return redacted{r, w} }

type redacted struct {
	r *redactor
	w io.Writer
}

func (x redacted) Write(p []byte) (int, error) {
	if _, err := io.WriteString(x.w, x.r.text(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// exit redacts the arguments and lines of a tool that failed: they are kept in
// the store.
func (r *redactor) exit(e *migrate.ExitError) *migrate.ExitError {
	out := *e
	out.Args, out.Lines = nil, nil
	for _, a := range e.Args {
		out.Args = append(out.Args, r.text(a))
	}
	for _, l := range e.Lines {
		out.Lines = append(out.Lines, r.text(l))
	}
	return &out
}

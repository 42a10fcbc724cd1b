package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/stackrescue/stackrescue/internal/neutral"
	"github.com/stackrescue/stackrescue/internal/redact"
	"github.com/stackrescue/stackrescue/rescue"
)

// answers reads lines that somebody types, so that waiting for one can be
// interrupted.
type answers struct {
	lines chan string
}

// newAnswers reads until ctx is done; a read that is under way then is left to
// the end of the process.
func newAnswers(ctx context.Context, r io.Reader) *answers {
	a := &answers{lines: make(chan string)}
	go func() {
		defer close(a.lines)
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			select {
			case a.lines <- lines.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return a
}

// ask lets a person confirm a step. Anything but yes is no, and so is the end of
// ctx or of the input.
func (a *answers) ask(ctx context.Context, w io.Writer, s rescue.Step) bool {
	line := func(name, text string) string {
		if text == "" {
			return ""
		}
		return "  " + name + neutral.Line(redact.Text(text)) + "\n"
	}
	_, _ = fmt.Fprintf(w, "\n%s %s (risk: %s)\n%s%s%stype yes to do it, anything else to stop: ", s.ID, neutral.Line(redact.Text(s.Subject)), s.Risk, line("why   ", s.Why), line("after ", s.After), line("undo  ", s.Undo))
	select {
	case <-ctx.Done():
		return false
	case text, ok := <-a.lines:
		return ok && strings.TrimSpace(text) == "yes"
	}
}

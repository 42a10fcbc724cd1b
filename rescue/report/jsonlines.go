package report

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/stackrescue/stackrescue/internal/neutral"
	"github.com/stackrescue/stackrescue/internal/redact"
	"github.com/stackrescue/stackrescue/rescue"
)

// Lines writes one JSON object per line and nothing else, for programs. It keeps
// the first error of the writer. It is for one goroutine.
type Lines struct {
	W   io.Writer
	err error
}

// Event writes one event; use it as Options.Observe.
func (l *Lines) Event(e rescue.Event) { l.object(e) }

// Diagnosis writes {"diagnosis":…}.
func (l *Lines) Diagnosis(d *rescue.Diagnosis) {
	l.object(struct {
		Version   int               `json:"version"`
		Diagnosis *rescue.Diagnosis `json:"diagnosis"`
	}{1, d})
}

// Proposals writes {"proposals":…}.
func (l *Lines) Proposals(p []rescue.Proposal) {
	l.object(struct {
		Version   int               `json:"version"`
		Proposals []rescue.Proposal `json:"proposals"`
	}{1, p})
}

// Plan writes {"plan":…}.
func (l *Lines) Plan(p *rescue.Plan) {
	l.object(struct {
		Version int          `json:"version"`
		Plan    *rescue.Plan `json:"plan"`
	}{1, p})
}

// Report writes the report itself.
func (l *Lines) Report(r *rescue.Report) { l.object(r) }

// Story writes {"story":…}.
func (l *Lines) Story(s *Story) {
	l.object(struct {
		Version int    `json:"version"`
		Story   *Story `json:"story"`
	}{1, s})
}

// Fail writes why a program ends early, with its exit code and a word for it.
func (l *Lines) Fail(err error, exit int, word string) {
	type failure struct {
		Text string `json:"text"`
		Next string `json:"next,omitempty"`
		Code string `json:"code"`
		Exit int    `json:"exit"`
	}
	f := failure{Text: say(err.Error()), Code: word, Exit: exit}
	if e, ok := errors.AsType[*rescue.Error](err); ok {
		f.Next = say(e.Next)
	}
	l.object(struct {
		Version int     `json:"version"`
		Error   failure `json:"error"`
	}{1, f})
}

// Err is the first error of the writer.
func (l *Lines) Err() error { return l.err }

func (l *Lines) object(v any) {
	b, err := json.Marshal(v)
	if err == nil {
		b, err = redact.JSON(b, func(path []string, s string) (string, bool) { return s, leaves(path) })
	}
	if err == nil {
		_, err = l.W.Write(append(neutral.JSON(b), '\n'))
	}
	if err != nil && l.err == nil {
		l.err = err
	}
}

// leaves are texts of ours that are no secrets whatever they look like: a plan
// is of no use when they are changed.
func leaves(path []string) bool {
	switch path[len(path)-1] {
	case "hash", "fingerprint", "token", "startedBy":
		return true
	}
	return false
}

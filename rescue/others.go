package rescue

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/internal/redact"
)

// Other is somebody, or some program, that operates on the same stack: another
// pipeline, a person at a console, another run of this package. Two who rescue at
// the same time undo each other's work.
type Other struct {
	// At is when it acted last, by the clock of the source; zero where that is not
	// known.
	At time.Time `json:"at,omitzero"`
	// Who is a principal, a pipeline, or the token that an operation was begun with.
	Who string `json:"who"`
	// What it did.
	What string `json:"what"`
	// Source is events, journal, or what the program names it, such as CloudTrail.
	Source string `json:"source"`
}

// String is one line.
func (o Other) String() string {
	s := o.Who + ": " + o.What + " (" + o.Source + ")"
	if o.At.IsZero() {
		return s
	}
	return o.At.UTC().Format("2006-01-02 15:04:05 MST") + "  " + s
}

// operators reads who else operates on the stack. Only the events and the folder's
// journal are read here; principals and pipelines are for the program to say.
func (c *capturer) operators(ctx context.Context) error {
	c.b.Others = operations(c.b)
	if c.o.Evidence != "" {
		runs, err := journalRuns(c.o.Evidence)
		if err != nil {
			if err := c.problem(ctx, "journal of other runs", err); err != nil {
				return err
			}
		}
		c.b.Others = append(c.b.Others, runs...)
	}
	if c.o.Operators == nil {
		return nil
	}
	more, err := c.o.Operators(ctx, c.b.Tree.Root.ID, attemptBegan(c.b.Tree))
	for _, o := range more {
		o.Who, o.What = redact.Text(o.Who), redact.Text(o.What)
		c.b.Others = append(c.b.Others, o)
	}
	if err != nil {
		return c.problem(ctx, "who else operates", err)
	}
	return nil
}

// operations are those of the events: each event bears the token with which its
// operation was begun (docs/aws/cfn.md 1.2). A rollback that CloudFormation began by
// itself has the update's; a nested stack's are the root's, but for one that somebody
// began alone.
func operations(b *Bundle) []Other {
	var out []Other
	for s := range b.Tree.All() {
		token := ""
		for _, e := range slices.Backward(s.Events) { // the oldest first
			if e.PhysicalID != e.StackID || !strings.HasSuffix(string(e.Status), "_IN_PROGRESS") || strings.Contains(string(e.Status), "CLEANUP") {
				continue
			}
			if p := s.Parent(); p != nil && (len(p.Events) == 0 || e.Time.Before(p.Events[len(p.Events)-1].Time)) {
				continue // whose it was is not among the parent's events that were read
			}
			asked := strings.Contains(e.Reason, "User Initiated")
			if other := e.Token != "" && e.Token != token; !asked && (!other || s.Parent() != nil) {
				continue
			}
			token = e.Token
			if p := s.Parent(); p != nil && slices.ContainsFunc(p.Events, func(r cfnx.Event) bool {
				return token != "" && r.Token == token || r.PhysicalID == s.ID && verbOf(r) == verbOf(e) && e.Time.Sub(r.Time).Abs() < passedOn
			}) {
				continue
			}
			out = append(out, Other{At: e.Time, Who: tokenOwner(token), What: fmt.Sprintf("%s of stack %s", e.Status, s.Name), Source: "events"})
		}
	}
	slices.SortStableFunc(out, func(a, b Other) int { return b.At.Compare(a.At) })
	return out[:min(len(out), mostOthers)]
}

// passedOn is how far apart the events of a nested stack's operation are that its
// parent began: the parent's of the resource, and the stack's own.
const passedOn = time.Minute

// verbOf is CREATE, UPDATE, DELETE or IMPORT.
func verbOf(e cfnx.Event) string { verb, _, _ := strings.Cut(string(e.Status), "_"); return verb }

// mostOthers is how many operations are listed, the newest of them.
const mostOthers = 10

// tokenOwner is what a client request token says of who sent it: the console's are
// of the format Console-OPERATION-ID
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html),
// this module's begin with "stackrescue-".
func tokenOwner(token string) string {
	switch {
	case token == "":
		return "a caller without a token"
	case strings.HasPrefix(token, "stackrescue"):
		return "a run of stackrescue, token " + token
	case strings.HasPrefix(token, "Console-"):
		return "somebody at the console, token " + token
	}
	return "token " + token
}

// journalRuns are the runs that the journal of a folder of evidence has.
func journalRuns(dir string) ([]Other, error) {
	journal, err := readJournal(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // no run has begun
	}
	if err != nil {
		return nil, err
	}
	last := map[string]Other{}
	for _, r := range journal {
		last[r.Plan] = Other{At: r.Began.Add(r.Took), Who: "run of plan " + r.Plan[:min(12, len(r.Plan))], What: strings.TrimSpace(fmt.Sprintf("step %s %s", r.ID, r.Outcome)), Source: "journal"}
	}
	var out []Other
	for _, plan := range sortedKeys(last) {
		out = append(out, last[plan])
	}
	slices.SortStableFunc(out, func(a, b Other) int { return b.At.Compare(a.At) })
	return out, nil
}

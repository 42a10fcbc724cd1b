package awsretry

import (
	"context"
	"errors"
	"time"

	"github.com/stackrescue/stackrescue/internal/poll"
)

// Tries is how often a change is tried in all, unless a Mutation says
// otherwise.
const Tries = 8

// Mutation is a change that must not be made twice, although its answer may
// get lost on the way.
type Mutation struct {
	// Do makes the change, with the SDK's own retries off. Where the service has
	// tokens it sends the same one each time.
	Do func(context.Context) error
	// Happened reads whether the change has taken effect. It is called after
	// every error of Do, right before the next try, and nil where repeating Do has no further effect. A
	// typed error says that somebody else has changed the subject.
	Happened func(context.Context) (bool, error)
	// Again reports whether an error of Do that is not transient passes all the
	// same; nil means that none does.
	Again func(error) bool
	// Interval is the time between tries; Tries defaults to [Tries].
	Interval time.Duration
	Tries    int
}

// Run makes the change and returns nil when it has been made, by this call or,
// as Happened says, by one whose answer was lost. It returns the last error of
// Do if that does not pass, joined with one of Happened.
func (m Mutation) Run(ctx context.Context) error {
	tries := m.Tries
	if tries <= 0 {
		tries = Tries
	}
	for n := 1; ; n++ {
		err := m.Do(ctx)
		if err == nil {
			return nil
		}
		last := n >= tries || !Transient(err) && (m.Again == nil || !m.Again(err))
		if !last {
			// The subject is read after the wait, right before the next try: it
			// may change meanwhile.
			if serr := poll.Sleep(ctx, m.Interval); serr != nil {
				return serr
			}
		}
		if m.Happened != nil {
			happened, rerr := m.Happened(ctx)
			if rerr != nil {
				return errors.Join(err, rerr)
			}
			if happened {
				return nil
			}
		}
		if last {
			return err
		}
	}
}

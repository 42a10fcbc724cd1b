package ecrx

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// State is the state of an image in its registry. It is one of
//   - "ok": there, under the tag or digest that was asked for;
//   - "tag-moved": the tag names another digest than the one asked for, or none; the
//     digest is there;
//   - "archived": in the archive class: not pullable until restored;
//   - "activating": being restored from the archive;
//   - "missing-repository": the repository is not there;
//   - "missing": the repository is, the image is not;
//   - "incomplete": an index is there, an image that it lists is not, or is archived;
//   - "external": in a registry that ECR does not know;
//   - "unknown": could not be read.
type State string

const (
	stateOK                State = "ok"
	stateTagMoved          State = "tag-moved"
	stateArchived          State = "archived"
	stateActivating        State = "activating"
	stateMissingRepository State = "missing-repository"
	stateMissing           State = "missing"
	stateIncomplete        State = "incomplete"
	stateExternal          State = "external"
	stateUnknown           State = "unknown"
)

// Usable reports whether a task can pull the image now. An external image may
// or may not be pullable.
func (s State) Usable() bool { return s == stateOK || s == stateTagMoved }

// Gone reports whether the image is known not to be pullable; neither is true
// of external and unknown ones.
func (s State) Gone() bool { return !s.Usable() && s != stateExternal && s != stateUnknown }

// Status is the state of one image.
type Status struct {
	// Ref is as it was asked for, Image taken apart.
	Ref   string `json:"ref"`
	Image Image  `json:"image"`
	State State  `json:"state"`
	// Digest is what a task that uses the reference would pull; "" where there
	// is nothing.
	Digest string   `json:"digest,omitempty"`
	Tags   []string `json:"tags,omitempty"`
	// TagDigest is what the reference's tag names now, where that is not
	// Digest.
	TagDigest string    `json:"tagDigest,omitempty"`
	PushedAt  time.Time `json:"pushedAt,omitzero"`
	// Headroom is how long the image is safe from the lifecycle policy; nil
	// where that was not asked for or is not known.
	Headroom *Headroom `json:"headroom,omitempty"`
	// Upstream is the registry from which a pull-through cache would fetch a
	// missing image again.
	Upstream string `json:"upstream,omitempty"`
	// Reason says more about the state, as text.
	Reason string `json:"reason,omitempty"`

	err error
}

// Err is why the state is unknown, nil otherwise. In a status that was read from
// JSON, Reason alone says it.
func (s Status) Err() error {
	if s.err == nil && s.State == stateUnknown {
		return errors.New(s.Reason)
	}
	return s.err
}

// String is one line.
func (s Status) String() string {
	out := fmt.Sprintf("image %s: %s", s.Ref, s.State)
	if s.Reason != "" {
		out += ": " + s.Reason
	}
	if s.Headroom != nil {
		out += " (" + s.Headroom.String() + ")"
	}
	return out
}

// ErrNotFound is returned by [Image.Resolve] and whatever else needs an image, in a
// *[StatusError], if the image or its repository is not there or cannot be pulled
// because it is archived.
var ErrNotFound = errors.New("image not found")

// StatusError is an image that cannot be used. It matches [ErrNotFound] where
// that is known for certain; otherwise it wraps why it is not known.
type StatusError struct{ Status Status }

// Error names the image, its state and the next step.
func (e *StatusError) Error() string {
	s := e.Status.String()
	switch e.Status.State {
	case stateArchived:
		s += "; unarchive it"
	case stateActivating:
		s += "; wait until it is active"
	}
	return s
}

// Unwrap is [ErrNotFound] or the reason.
func (e *StatusError) Unwrap() error {
	if e.Status.State.Gone() {
		return ErrNotFound
	}
	return e.Status.Err()
}

// Headroom is how long an image is safe from a lifecycle policy: what its
// [Verdict] says, for reports.
type Headroom struct {
	// Now is what happens to it the next time the policy runs, within 24 hours.
	Now Action `json:"now"`
	// May is true where another reading of the documentation has it deleted or
	// archived now.
	May bool `json:"may,omitempty"`
	// Rule is the rule that decides, 0 for none: then it is safe for good.
	Rule int `json:"rule,omitempty"`
	// Does is what that rule does when it acts, from At on or with the last of
	// PushesLeft pushes.
	Does       Action    `json:"does"`
	At         time.Time `json:"at,omitzero"`
	PushesLeft int       `json:"pushesLeft,omitempty"`
	// PushesPerDay is how many images the repository got on a day, over the last
	// 30: how soon PushesLeft is over.
	PushesPerDay float64 `json:"pushesPerDay,omitempty"`
	// Held is true where an index lists the image: the rule cannot take it
	// before the index goes.
	Held bool `json:"held,omitempty"`
}

// Until reports whether the image may be taken before until, as seen at now:
// because of its age, or by as many pushes as are expected until then. pushes is
// that number; 0 expects the rate of the last 30 days, and a negative one none.
func (h Headroom) Until(now, until time.Time, pushes int) bool {
	if h.May {
		return true
	}
	if h.Held {
		return false
	}
	if !h.At.IsZero() && h.At.Before(until) {
		return true
	}
	if pushes == 0 {
		pushes = int(math.Ceil(h.PushesPerDay * until.Sub(now).Hours() / 24))
	}
	return h.PushesLeft > 0 && h.PushesLeft <= pushes
}

// pushRate is how many images were pushed on a day, over the last 30 days or
// since the oldest image that is left: what a policy took before is not seen.
func pushRate(images []Stored, now time.Time) float64 {
	const most = 30 * 24 * time.Hour
	n, oldest := 0, time.Duration(0)
	for _, x := range images {
		age := now.Sub(x.PushedAt)
		if oldest = max(oldest, age); age >= 0 && age < most {
			n++
		}
	}
	span := most
	if oldest < most {
		n, span = n-1, max(oldest, 24*time.Hour)
	}
	return float64(max(n, 0)) / (span.Hours() / 24)
}

// Headroom is the part of the verdict that says how long.
func (v Verdict) Headroom() Headroom {
	h := Headroom{Now: v.Action, May: v.MayGo(), Rule: v.MatchedBy, Does: v.Does, At: v.At, PushesLeft: v.PushesLeft, Held: v.HeldBy != ""}
	if h.At.Year() > 9999 {
		h.At = time.Time{} // JSON has no such year, and nobody waits for it
	}
	return h
}

// String is such as "rule 1 expires it in 3 pushes".
func (h Headroom) String() string {
	word := map[Action]string{actionExpire: "expires", actionTransition: "archives"}[h.Does]
	switch {
	case h.Rule == 0 && h.Now == actionKeep && h.May:
		return "may go with another image"
	case h.Rule == 0 && h.Now == actionKeep:
		return "no rule takes it"
	case h.Rule == 0:
		return "goes with another image"
	case h.Now == actionBlocked || h.Held && !h.May:
		return fmt.Sprintf("rule %d would take it, an index holds it", h.Rule)
	case h.Now != actionKeep:
		return fmt.Sprintf("rule %d %s it within 24 hours", h.Rule, word)
	case h.May:
		return fmt.Sprintf("rule %d may take it within 24 hours", h.Rule)
	case h.PushesLeft == 1:
		return fmt.Sprintf("rule %d %s it with the next push", h.Rule, word) + h.rate()
	case h.PushesLeft > 0:
		return fmt.Sprintf("rule %d %s it in %d pushes", h.Rule, word, h.PushesLeft) + h.rate()
	case !h.At.IsZero():
		return fmt.Sprintf("rule %d %s it after %s", h.Rule, word, h.At.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("rule %d keeps it", h.Rule)
}

// rate is such as ", at 2.5 a day".
func (h Headroom) rate() string {
	if h.PushesPerDay == 0 {
		return ""
	}
	return fmt.Sprintf(", at %.2g a day", h.PushesPerDay)
}

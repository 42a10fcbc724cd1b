package ecrx

import (
	"slices"
	"time"
)

// Action is what a lifecycle policy does to an image. It is one of
//   - "keep": nothing happens to it;
//   - "expire": it is deleted;
//   - "transition": it is moved to the archive class; not pullable until restored;
//   - "blocked": a rule tries to take it and cannot, because an index lists it.
type Action string

const (
	actionKeep       Action = "keep"
	actionExpire     Action = "expire"
	actionTransition Action = "transition"
	actionBlocked    Action = "blocked"
)

// Verdict is what a policy does to one image at one moment.
type Verdict struct {
	Image Stored
	// Action is what happens under the likeliest reading of the documentation.
	Action Action
	// Rule is the priority of the rule that acts or, where Action is Blocked,
	// tries to; 0 where none does.
	Rule int
	// MatchedBy is the priority of the first rule that matches the image, 0
	// where none does. No other rule can ever act on it while its tags and
	// storage class stay as they are.
	MatchedBy int
	// ShieldedBy is MatchedBy where a later rule matches the image too, and is
	// kept from acting by that.
	ShieldedBy int
	// Reason says why, as text.
	Reason string
	// HeldBy is the digest of an index that lists the image, and without whose
	// going no rule can take it; "" where there is none.
	HeldBy string
	// At is the moment from which MatchedBy acts, in the past where it does
	// already; zero where that does not depend on time.
	At time.Time
	// Does is what MatchedBy does when it acts: Expire or Transition, or Keep
	// where no rule matches.
	Does Action
	// PushesLeft is how many more images that MatchedBy matches may be pushed
	// until it acts on this one: 1 means that the next push does it. It is 0
	// where MatchedBy does not count, or acts already.
	PushesLeft int
	// Possible are the actions under every reading of what is documented badly
	// or not at all, sorted; with one entry the verdict is certain. Doubts
	// names those points.
	Possible []Action
	Doubts   []string
}

// Certain reports whether every reading gives the same action.
func (v Verdict) Certain() bool { return len(v.Possible) == 1 }

// MayGo reports whether under some reading the image is deleted or archived.
func (v Verdict) MayGo() bool {
	return slices.Contains(v.Possible, actionExpire) || slices.Contains(v.Possible, actionTransition)
}

// Goes reports whether under every reading the image is deleted or archived.
func (v Verdict) Goes() bool {
	return !slices.Contains(v.Possible, actionKeep) && !slices.Contains(v.Possible, actionBlocked)
}

// Points that AWS's documentation leaves open (docs/aws/ecr.md 1.2), as
// [Verdict.Doubts] names them.
const (
	// doubtChildrenCount: whether the children of an index count in the pool of
	// imageCountMoreThan. The likeliest reading is that they do.
	doubtChildrenCount = "children-count"
	// doubtUnreadIndex: the image may be a child of an index whose list is not
	// known. The likeliest reading is that it is not.
	doubtUnreadIndex = "unread-index"
	// doubtIndexGoes: the index that lists the image goes. Whether the child
	// goes with it, or the rule gets it the next time, is not settled; the
	// likeliest reading is that it is blocked for now.
	doubtIndexGoes = "index-goes"
	// doubtOrder: whether a restored image is ordered by its restore, which is
	// the likeliest reading, or by its push.
	doubtOrder = "restored-order"
	// doubtAge: whether the age of a restored image counts from its push, which
	// is the likeliest reading, or from its restore.
	doubtAge = "restored-age"
	// doubtTie: which of two images with the same time is the newer one.
	doubtTie = "tie"
	// doubtActivating: whether an image that is being restored counts as
	// standard already. The likeliest reading is that no rule sees it.
	doubtActivating = "activating"
	// doubtSubject: the image belongs to another one that may go.
	doubtSubject = "subject-goes"
)

func (v *Verdict) possible(a Action, why string) {
	if !slices.Contains(v.Possible, a) {
		v.Possible = append(v.Possible, a)
		slices.Sort(v.Possible)
	}
	if a != v.Action && !slices.Contains(v.Doubts, why) {
		v.Doubts = append(v.Doubts, why)
		slices.Sort(v.Doubts)
	}
}

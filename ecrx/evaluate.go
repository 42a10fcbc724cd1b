package ecrx

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// Evaluate says what the policy does at now to each image of a repository, in
// the order of images. images are all of the repository, of every status: what
// is left out does not count either. A nil policy keeps everything. It is pure,
// and the order of images does not matter to what happens to each.
//
// ECR acts within 24 hours after an image meets a rule, on the images that are
// there at that moment. See [Verdict] for what is certain and what is not.
//
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html,
// docs/aws/ecr.md 1.2.
func (p *Policy) Evaluate(images []Stored, now time.Time) []Verdict {
	e := newEvaluation(p, images, now)
	for r := range e.rules {
		e.rank(r)
	}
	out := make([]Verdict, len(images))
	for i := range images {
		out[i] = e.verdict(i)
	}
	e.followIndexes(out)
	e.followSubjects(out)
	return out
}

// evaluation is what all rules see at once: the same images, however the other
// rules act.
type evaluation struct {
	now    time.Time
	rules  []Rule
	images []Stored
	// first is the index of the rule that matches an image first, -1 for none;
	// shields whether a later one matches it too. Both take an activating image
	// for a standard one.
	first   []int
	shields []bool
	ranks   []rank
	// parents are the indexes, out of the archive, that list a digest; unread is when the last index
	// with unknown children was pushed, zero where there is none.
	parents map[string][]int
	unread  time.Time
}

func newEvaluation(p *Policy, images []Stored, now time.Time) *evaluation {
	e := &evaluation{now: now, images: images, first: make([]int, len(images)), shields: make([]bool, len(images)),
		ranks: make([]rank, len(images)), parents: map[string][]int{}}
	if p != nil {
		e.rules = slices.SortedStableFunc(slices.Values(p.Rules), byPriority)
	}
	for i, x := range images {
		e.first[i] = -1
		for r, rule := range e.rules {
			if !rule.sees(x) {
				continue
			}
			if e.first[i] >= 0 {
				e.shields[i] = true
				break
			}
			e.first[i] = r
		}
		if x.Status == types.ImageStatusArchived {
			continue // what it lists can go
		}
		for _, c := range x.Children {
			e.parents[c] = append(e.parents[c], i)
		}
		if x.Index() && x.Children == nil && x.PushedAt.After(e.unread) {
			e.unread = x.PushedAt
		}
	}
	return e
}

// sees is the requirement of tags and storage class, which is also what shields
// an image from later rules.
func (r Rule) sees(x Stored) bool {
	return r.Selection.archive() == (x.Status == types.ImageStatusArchived) && r.Selection.Matches(x.Tags)
}

// maybeChild: an index is pushed after what it lists, and its children are
// rarely tagged.
func (e *evaluation) maybeChild(i int) bool {
	x := e.images[i]
	return !e.unread.IsZero() && !x.Index() && len(x.Tags) == 0 && !x.PushedAt.After(e.unread)
}

func (e *evaluation) verdict(i int) Verdict {
	x := e.images[i]
	v := Verdict{Image: x, Action: actionKeep, Does: actionKeep, Possible: []Action{}}
	if p := e.parents[x.Digest]; len(p) > 0 {
		v.HeldBy = e.images[p[0]].Digest
		for _, i := range p {
			v.HeldBy = min(v.HeldBy, e.images[i].Digest)
		}
	}
	if e.first[i] < 0 {
		v.Reason = "no rule matches it"
		v.possible(actionKeep, "")
		return v
	}
	r := e.rules[e.first[i]]
	v.MatchedBy = r.Priority
	v.Does = r.Action
	likely, may := e.reach(i, r, &v)
	if e.shields[i] {
		v.ShieldedBy = r.Priority
	}
	activating := x.Status == types.ImageStatusActivating
	blocked := v.HeldBy != ""
	if likely && !activating {
		v.Action, v.Rule, v.ShieldedBy = v.Does, r.Priority, 0
		if blocked {
			v.Action = actionBlocked
			v.Reason += "; index " + v.HeldBy + " lists it"
		}
	}
	v.possible(v.Action, "")
	for _, m := range may {
		act := actionKeep
		switch {
		case m.acts && blocked:
			act = actionBlocked
		case m.acts:
			act = v.Does
		}
		v.possible(act, m.why)
	}
	if activating && slices.ContainsFunc(may, func(m maybe) bool { return m.acts }) {
		v.possible(v.Does, doubtActivating)
	}
	if activating {
		v.Reason = "it is being restored from the archive"
	}
	if !blocked && v.MayGo() && e.maybeChild(i) {
		v.possible(actionBlocked, doubtUnreadIndex)
	}
	return v
}

// followIndexes adds that a child may go where all indexes that list it may.
// Indexes list indexes, so it goes on until nothing changes.
func (e *evaluation) followIndexes(out []Verdict) {
	for changed := len(e.parents) > 0; changed; {
		changed = false
		for i := range out {
			parents := e.parents[out[i].Image.Digest]
			stays := slices.ContainsFunc(parents, func(p int) bool { return p != i && !out[p].MayGo() })
			if stays {
				continue
			}
			for _, p := range parents {
				changed = out[i].mayFollow(out[p], doubtIndexGoes) || changed
			}
		}
	}
}

// mayFollow adds what may happen to other, and reports whether that is new.
func (v *Verdict) mayFollow(other Verdict, why string) bool {
	n := len(v.Possible)
	for _, a := range other.Possible {
		if a == actionExpire || a == actionTransition {
			v.possible(a, why)
		}
	}
	return len(v.Possible) > n
}

// followSubjects makes artifacts go within a day after the image they belong
// to. Artifacts have artifacts, so it goes on until nothing changes.
func (e *evaluation) followSubjects(out []Verdict) {
	at := map[string]int{}
	for i, v := range out {
		at[v.Image.Digest] = i
	}
	for changed := true; changed; {
		changed = false
		for i := range out {
			v := &out[i]
			s, ok := at[v.Image.Subject]
			if !ok || v.Image.Subject == "" || s == i {
				continue
			}
			subject := out[s]
			if v.Action == actionKeep && (subject.Action == actionExpire || subject.Action == actionTransition) {
				v.Action, v.Rule, v.ShieldedBy, changed = subject.Action, 0, 0, true
				v.Reason = "it belongs to " + subject.Image.Digest + ", which goes"
				v.Possible, v.Doubts = slices.Clone(subject.Possible), slices.Clone(subject.Doubts)
				continue
			}
			changed = v.mayFollow(subject, doubtSubject) || changed
		}
	}
}

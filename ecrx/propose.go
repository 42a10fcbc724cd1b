package ecrx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/stackrescue/stackrescue/internal/clock"
)

// ProposeOptions change [Policy.Propose]. The zero value is the default.
type ProposeOptions struct {
	// Prefix is that of pins. Defaults to "pin".
	Prefix string
	// Keep is how many images a rule that went by age keeps at least. Defaults
	// to 20.
	Keep int
	// Pins is how many pins the first rule keeps at least. Defaults to 100.
	Pins int
	// Window is how long the proposal must hold, such as the longest deploy and
	// its rollback. Defaults to 7 days; the next 24 hours are always looked at.
	Window time.Duration
	// Now is the moment for which it is proposed. Defaults to time.Now.
	Now func() time.Time
}

// Proposal is a policy that keeps what is needed, and what was done to prove
// it.
type Proposal struct {
	// Old and New are the policies' texts. They are equal where nothing has to
	// change.
	Old string `json:"old"`
	New string `json:"new"`
	// Pin are the digests that need a pin before New is put in force: without
	// them it protects nothing.
	Pin []string `json:"pin,omitempty"`
	// Changes say what differs from Old, one line each.
	Changes []string `json:"changes,omitempty"`
	// Absent are needed images that are not there: no policy brings them back.
	Absent []string `json:"absent,omitempty"`
	// Proven are the moments at which New was evaluated and lost nothing that is
	// needed, under any reading.
	Proven []time.Time `json:"proven"`
}

// ErrUnsafe is returned by [Policy.Propose] if no policy was found that keeps
// everything that is needed.
var ErrUnsafe = errors.New("no safe lifecycle policy")

// Propose returns a policy that keeps what is needed: a rule for pins first, so
// that no other rule reaches them, and counts in place of ages, which keep at
// least what the policy keeps now. The proposal is evaluated again, with the
// pins, at now, a day later and at the end of the window; one that would lose a
// needed image under any reading is not returned: [ErrUnsafe]. images are all
// of the repository; needs of other repositories must not be among needs. It is
// pure.
//
// Pin first, then put the policy in force. A nil policy keeps everything and
// stays.
func (p *Policy) Propose(images []Stored, needs []Need, optFns ...func(*ProposeOptions)) (*Proposal, error) {
	opts := ProposeOptions{Now: func() time.Time { return clock.Now(context.Background()) }}
	for _, fn := range optFns {
		if fn != nil {
			fn(&opts)
		}
	}
	opts.Prefix, opts.Keep, opts.Pins = cmp.Or(opts.Prefix, pinPrefix), cmp.Or(opts.Keep, 20), cmp.Or(opts.Pins, 100)
	opts.Window = cmp.Or(opts.Window, 7*24*time.Hour)
	now := opts.Now()
	out := &Proposal{}
	located := locate(images, needs)
	for _, n := range needs {
		if !slices.ContainsFunc(images, func(x Stored) bool {
			return x.Digest == n.Image.Digest || n.Image.Digest == "" && slices.Contains(x.Tags, n.Image.Tag)
		}) {
			out.Absent = append(out.Absent, n.Ref())
		}
	}
	pinned := slices.Clone(images)
	for i := range images {
		if len(located[i]) > 0 && images[i].Status != types.ImageStatusArchived && len(images[i].pins(opts.Prefix)) == 0 {
			out.Pin = append(out.Pin, images[i].Digest)
			pinned[i].Tags = append(slices.Clone(images[i].Tags), opts.Prefix+"-"+hexOf(images[i].Digest))
		}
	}
	if p == nil {
		out.Pin = nil
		return out, nil
	}
	out.Old = p.String()
	q := out.pinFirst(out.counts(p, opts.Keep), len(located), opts)
	out.widen(q, pinned, p.Evaluate(images, now), now)
	out.New = q.String()
	if err := q.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsafe, err)
	}
	for _, at := range []time.Time{now, now.Add(24 * time.Hour), now.Add(opts.Window + 24*time.Hour)} {
		var lost []string
		for i, v := range q.Evaluate(pinned, at) {
			if len(located[i]) > 0 && v.MayGo() {
				lost = append(lost, fmt.Sprintf("%s at %s: %s", located[i][0].Ref(), at.UTC().Format(time.RFC3339), v.Reason))
			}
		}
		if len(lost) > 0 {
			return nil, fmt.Errorf("%w: it would lose %s", ErrUnsafe, strings.Join(lost, "; "))
		}
		out.Proven = append(out.Proven, at.UTC())
	}
	return out, nil
}

// counts puts counts in place of ages.
func (out *Proposal) counts(p *Policy, keep int) *Policy {
	q := &Policy{Rules: slices.Clone(p.Rules)}
	for r := range q.Rules {
		rule := &q.Rules[r]
		if rule.Selection.CountType != sincePushed || rule.Action != actionExpire {
			continue
		}
		counted := *rule
		counted.Selection.CountType, counted.Selection.CountUnit, counted.Selection.CountNumber = countMoreThan, "", keep
		out.Changes = append(out.Changes, fmt.Sprintf("%s -> %s", *rule, counted))
		*rule = counted
	}
	return q
}

// widen makes counts large enough for what the old policy keeps: pins take
// places too.
func (out *Proposal) widen(q *Policy, pinned []Stored, before []Verdict, now time.Time) {
	e := newEvaluation(q, pinned, now)
	for r := range e.rules {
		e.rank(r)
	}
	for r, rule := range e.rules {
		keep, why := rule.Selection.CountNumber, ""
		for i, v := range before {
			if n := max(e.ranks[i].high[0], e.ranks[i].high[1]) + 1; e.first[i] == r && !v.MayGo() && n > keep {
				keep, why = n, v.Image.Digest
			}
		}
		if rule.Selection.CountType == countMoreThan && why != "" {
			at := slices.IndexFunc(q.Rules, func(x Rule) bool { return x.Priority == rule.Priority })
			q.Rules[at].Selection.CountNumber = keep
			out.Changes = append(out.Changes, fmt.Sprintf("rule %d keeps %d, because %s is kept now", rule.Priority, keep, why))
		}
	}
}

// pinFirst adds the rule for pins, or gives it room.
func (out *Proposal) pinFirst(p *Policy, n int, opts ProposeOptions) *Policy {
	if ok, room := covers(p, opts.Prefix, n); ok && room > 0 {
		return p
	}
	prefix := opts.Prefix + "-"
	rest := slices.DeleteFunc(slices.Clone(p.Rules), func(r Rule) bool {
		return !r.Selection.archive() && slices.Equal(r.Selection.TagPrefixList, []string{prefix})
	})
	if len(rest) > 0 && rest[0].Priority == 1 {
		for i := range rest {
			rest[i].Priority++
		}
		out.Changes = append(out.Changes, "priorities of the other rules grow by 1")
	}
	description := "Pinned images: needed for a rollback"
	pin := Rule{Priority: 1, Description: &description, Selection: Selection{TagStatus: tagged, TagPrefixList: []string{prefix}, CountType: countMoreThan, CountNumber: max(opts.Pins, 2*n)}, Action: actionExpire}
	out.Changes = append(out.Changes, "new: "+pin.String())
	return &Policy{Rules: append([]Rule{pin}, rest...)}
}

package ecrx

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// rank is an image's place among those that its first rule matches, newest
// first, counted from 0: the likeliest, and the bounds for each way in which
// restored images may be ordered.
type rank struct {
	likely, of int
	low, high  [2]int // by restore, by push
	tie, child bool   // what makes low and high differ
}

// rank fills the ranks of the images that rule r matches first.
func (e *evaluation) rank(r int) {
	if e.rules[r].Selection.CountType != countMoreThan {
		return
	}
	type member struct {
		i    int
		at   time.Time
		sure bool // it counts under every reading
	}
	for mode := range 2 {
		var pool []member
		for i, x := range e.images {
			if !e.rules[r].sees(x) {
				continue
			}
			m := member{i: i, at: x.PushedAt, sure: len(e.parents[x.Digest]) == 0 && !e.maybeChild(i) && x.Status != types.ImageStatusActivating}
			if mode == 0 && !x.ActivatedAt.IsZero() {
				m.at = x.ActivatedAt
			}
			pool = append(pool, m)
		}
		slices.SortFunc(pool, func(a, b member) int {
			return cmp.Or(b.at.Compare(a.at), cmp.Compare(e.images[a.i].Digest, e.images[b.i].Digest))
		})
		sure, all, visible := 0, 0, 0 // of those strictly newer than the group
		for from := 0; from < len(pool); {
			to := from
			for to < len(pool) && pool[to].at.Equal(pool[from].at) {
				to++
			}
			place := visible
			for _, m := range pool[from:to] {
				if e.first[m.i] == r {
					k := &e.ranks[m.i]
					k.low[mode], k.high[mode] = sure, all+to-from-1
					k.tie = k.tie || to-from > 1
					k.child = k.child || sure < all
					if mode == 0 {
						k.likely, k.of = place, len(pool)
					}
				}
				if e.images[m.i].Status != types.ImageStatusActivating {
					place++
				}
			}
			visible = place
			for _, m := range pool[from:to] {
				all++
				if m.sure {
					sure++
				}
			}
			from = to
		}
	}
}

// maybe is what a rule does under one reading that differs from the likeliest.
type maybe struct {
	acts bool
	why  string
}

// reach says whether rule r, the first that matches image i, acts on it: under
// the likeliest reading, and under the others. It fills in v's reason, moment
// and pushes.
func (e *evaluation) reach(i int, r Rule, v *Verdict) (likely bool, may []maybe) {
	x, n := e.images[i], r.Selection.CountNumber
	if r.Selection.CountType == countMoreThan {
		k := e.ranks[i]
		likely = k.likely >= n
		v.Reason = fmt.Sprintf("rule %d keeps %d, it is number %d of %d", r.Priority, n, k.likely+1, k.of)
		if !likely {
			v.PushesLeft = n - k.likely
		}
		for mode := range 2 {
			why := doubtOrder
			switch {
			case k.child:
				why = doubtChildrenCount
			case k.tie:
				why = doubtTie
			}
			may = append(may, maybe{k.low[mode] >= n, why}, maybe{k.high[mode] >= n, why})
		}
		return likely, may
	}
	since, what := x.PushedAt, "pushed"
	switch r.Selection.CountType {
	case sincePulled:
		switch {
		case x.ActivatedAt.After(x.PulledAt):
			since, what = x.ActivatedAt, "restored"
		case !x.PulledAt.IsZero():
			since, what = x.PulledAt, "pulled"
		}
	case sinceTransitioned:
		since, what = x.ArchivedAt, "archived"
	}
	v.At = days(since, n)
	likely = v.At.Before(e.now)
	v.Reason = fmt.Sprintf("rule %d: %s %s, more than %d days ago", r.Priority, what, since.UTC().Format(time.RFC3339), n)
	if !likely {
		v.Reason = fmt.Sprintf("rule %d: %s %s, acts after %d days", r.Priority, what, since.UTC().Format(time.RFC3339), n)
	}
	may = append(may, maybe{likely, ""})
	if r.Selection.CountType == sincePushed && !x.ActivatedAt.IsZero() {
		may = append(may, maybe{days(x.ActivatedAt, n).Before(e.now), doubtAge})
	}
	return likely, may
}

// days is n times 24 hours later, however many.
func days(t time.Time, n int) time.Time { return t.UTC().AddDate(0, 0, n) }

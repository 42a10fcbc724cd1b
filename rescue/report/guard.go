package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/rescue"
)

// Guard is what a guard run found: whether a rollback of each stack would
// succeed today, and until when.
type Guard struct {
	Account string       `json:"account"`
	Region  string       `json:"region"`
	At      time.Time    `json:"at"`
	Stacks  []GuardStack `json:"stacks"`
}

// GuardStack is one stack. Verdict is ok, at-risk, broken or unknown; Until is
// until when a rollback works, zero for always or not known.
type GuardStack struct {
	Stack    string         `json:"stack"`
	Verdict  string         `json:"verdict"`
	Until    time.Time      `json:"until,omitzero"`
	Findings []GuardFinding `json:"findings,omitempty"`
	// Columns are what was looked at, by a short name such as "images", each with
	// a few words such as "2 of 3".
	Columns map[string]string `json:"columns,omitempty"`
	Unknown []string          `json:"unknown,omitempty"`
}

// GuardFinding is one thing that would make a rollback fail, and what to do.
type GuardFinding struct {
	What     string    `json:"what"`
	Proof    string    `json:"proof,omitempty"`
	Means    string    `json:"means,omitempty"`
	When     time.Time `json:"when,omitzero"`
	Commands []string  `json:"commands,omitempty"`
}

// guardStory is a [Guard] as it is shown, worst first.
type guardStory struct {
	Stacks  []GuardStack `json:"stacks"`
	Columns []string     `json:"columns"`
	Horizon time.Time    `json:"horizon,omitzero"`
}

// GuardOf puts reports of package rescue together. A check that could not be
// made makes a stack unknown, and never safe.
func GuardOf(reports ...*rescue.GuardReport) *Guard {
	out := &Guard{}
	for _, r := range reports {
		if r == nil {
			continue
		}
		out.Account, out.Region = r.Account, r.Region
		if r.At.After(out.At) {
			out.At = r.At
		}
		s := GuardStack{Stack: r.Stack, Verdict: "ok", Columns: map[string]string{}}
		held := 0
		for _, c := range r.Checks {
			switch {
			case c.OK:
				held++
			case c.Unknown:
				s.Unknown = append(s.Unknown, c.What+parens(c.Detail))
			default:
				s.Findings = append(s.Findings, GuardFinding{What: c.What + ": does not hold", Proof: c.Detail})
			}
		}
		for _, d := range r.Debt {
			s.Findings = append(s.Findings, GuardFinding{What: d})
		}
		s.Columns["checks"] = fmt.Sprintf("%d of %d", held, len(r.Checks))
		switch {
		case len(r.Failed()) > 0:
			s.Verdict = "broken"
			if !slices.ContainsFunc(r.Failed(), func(c rescue.Check) bool { return !strings.Contains(c.What, "lifecycle") }) {
				s.Verdict = "at-risk" // rules take images later
			}
		case len(s.Unknown) > 0:
			s.Verdict = "unknown"
		}
		out.Stacks = append(out.Stacks, s)
	}
	return out
}

var verdictRank = map[string]int{"broken": 0, "at-risk": 1, "unknown": 2, "ok": 3}

func (t *teller) guard() {
	g, s := t.in.Guard, t.s
	s.Kind, s.Account, s.Region, s.End, s.Begin = ofGuard, say(g.Account), say(g.Region), g.At, g.At
	out := &guardStory{}
	names := map[string]bool{}
	count := map[string]int{}
	for _, x := range g.Stacks {
		y := GuardStack{Stack: say(x.Stack), Verdict: x.Verdict, Until: x.Until, Unknown: lines(x.Unknown), Columns: map[string]string{}}
		if _, known := verdictRank[y.Verdict]; !known {
			y.Verdict = "unknown"
		}
		count[y.Verdict]++
		for k, v := range x.Columns {
			names[k] = true
			y.Columns[say(k)] = say(v)
		}
		for _, f := range x.Findings {
			y.Findings = append(y.Findings, GuardFinding{say(f.What), say(f.Proof), say(f.Means), f.When, lines(f.Commands)})
		}
		if y.Until.After(out.Horizon) {
			out.Horizon = y.Until
		}
		out.Stacks = append(out.Stacks, y)
	}
	slices.SortStableFunc(out.Stacks, func(a, b GuardStack) int {
		return cmp.Or(verdictRank[a.Verdict]-verdictRank[b.Verdict], a.Until.Compare(b.Until), cmp.Compare(a.Stack, b.Stack))
	})
	out.Columns = sortedKeys(names)
	s.Guard = out
	s.Mark, s.Word, s.Tone = "✓", "SAFE", "ok"
	switch {
	case count["broken"] > 0:
		s.Mark, s.Word, s.Tone = "✗", "BROKEN", "bad"
	case count["at-risk"] > 0:
		s.Mark, s.Word, s.Tone = "!", "AT RISK", "warn"
	case count["unknown"] > 0:
		s.Mark, s.Word, s.Tone = "?", "NOT KNOWN", "warn"
	}
	s.Headline = fmt.Sprintf("A rollback would succeed in %d of %s.", count["ok"], counted(len(out.Stacks), "stack"))
	s.Facts = []fact{
		{"Would fail now", fmt.Sprint(count["broken"]), "", tone(count["broken"], "bad")},
		{"Will fail soon", fmt.Sprint(count["at-risk"]), "", tone(count["at-risk"], "warn")},
		{"Not known", fmt.Sprint(count["unknown"]), "", tone(count["unknown"], "warn")},
		{"Safe", fmt.Sprint(count["ok"]), "", "ok"},
	}
}

func tone(n int, bad string) string {
	if n > 0 {
		return bad
	}
	return "ok"
}

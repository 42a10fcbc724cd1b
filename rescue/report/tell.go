package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/internal/neutral"
	"github.com/stackrescue/stackrescue/internal/redact"
	"github.com/stackrescue/stackrescue/rescue"
)

// say makes a text of somebody else's harmless, on one line.
func say(s string) string { return neutral.Line(redact.Text(s)) }

// Tell puts the story together. It calls nothing.
func Tell(in Input) *Story {
	t := &teller{in: in, s: &Story{Version: 1, By: say(in.By), Program: in.Program, Evidence: say(in.Evidence), Made: in.At}}
	if in.Guard != nil {
		t.guard()
		return t.s
	}
	t.captures()
	t.place()
	t.events()
	t.steps()
	t.users()
	t.logs()
	t.causes()
	t.checks()
	t.choices()
	t.owed()
	t.lanes()
	t.moments()
	t.facts()
	t.headline()
	return t.s
}

type teller struct {
	in Input
	d  *rescue.Diagnosis
	s  *Story
	// eventOf finds the row of what happened to a subject at a time.
	rows map[string]int
	// sawAt are the users of each capture.
	saw []sample
}

// captures settles what the story rests on.
func (t *teller) captures() {
	t.d = t.in.Diagnosis
	if len(t.in.Captures) == 0 && t.d != nil && t.d.Evidence() != nil {
		t.in.Captures = []*rescue.Bundle{t.d.Evidence()}
	}
	t.in.Captures = slices.DeleteFunc(slices.Clone(t.in.Captures), func(b *rescue.Bundle) bool { return b == nil || b.Tree == nil || b.Tree.Root == nil })
	slices.SortStableFunc(t.in.Captures, func(a, b *rescue.Bundle) int { return a.At.Compare(b.At) })
	for _, b := range t.in.Captures {
		d := b.Explain()
		t.saw = append(t.saw, sample{b.At, d.Users})
		if t.d == nil || t.in.Diagnosis == nil && t.in.Report == nil && len(t.in.Steps) == 0 {
			t.d = d
		}
	}
	if t.d == nil {
		t.d = &rescue.Diagnosis{}
	}
}

func (t *teller) place() {
	s, d := t.s, t.d
	s.Stack, s.Account, s.Region = say(d.Stack), say(d.Account), say(d.Region)
	if r := t.in.Report; r != nil {
		s.Stack, s.Account, s.Region = say(cmp.Or(r.Stack, d.Stack)), say(cmp.Or(r.Account, d.Account)), say(cmp.Or(r.Region, d.Region))
	}
	s.Kind = ofDiagnosis
	switch {
	case t.in.Report != nil || len(t.in.Steps) > 0:
		s.Kind = ofRescue
	case t.in.Refused != nil:
		s.Kind = ofRefusal
	case t.in.Plan != nil:
		s.Kind = ofPlan
	}
	stacks := d.Stacks
	if t.in.Report != nil && len(t.in.Report.Stacks) > 0 {
		stacks = t.in.Report.Stacks
	}
	for _, x := range stacks {
		s.Stacks = append(s.Stacks, stackNow{say(x.Name), string(x.Status), x.Depth})
	}
	for _, x := range d.Unknown {
		s.Unknown = append(s.Unknown, say(x))
	}
	for _, x := range d.Assumed {
		s.Unknown = append(s.Unknown, "assumed: "+say(x))
	}
	for _, o := range d.Others {
		s.Others = append(s.Others, say(o.String()))
	}
	for _, u := range d.ImageUsers {
		s.ImageUsers = append(s.ImageUsers, say(u.String()))
	}
	if t.in.Plan != nil {
		for _, w := range t.in.Plan.Warnings {
			s.Warnings = append(s.Warnings, say(w))
		}
	}
	if t.in.Report != nil {
		for _, w := range t.in.Report.Warnings {
			s.Warnings = append(s.Warnings, say(w))
		}
	}
	for _, b := range t.in.Captures {
		if b.At.After(s.End) {
			s.End = b.At
		}
	}
	if s.End.IsZero() {
		s.End = d.At
	}
}

// steps joins what was planned with what became of it.
func (t *teller) steps() {
	results := map[string]rescue.StepResult{}
	var order []string
	keep := func(r rescue.StepResult) {
		if r.Outcome == "begun" {
			return
		}
		if _, known := results[r.ID]; !known {
			order = append(order, r.ID)
		}
		results[r.ID] = r
	}
	for _, r := range t.in.Steps {
		keep(r)
	}
	if t.in.Report != nil {
		for _, r := range t.in.Report.Steps {
			keep(r)
		}
	}
	var planned []rescue.Step
	if t.in.Plan != nil {
		planned = t.in.Plan.Steps
	}
	add := func(p rescue.Step, r rescue.StepResult, ran bool) {
		d := did{Number: len(t.s.Steps) + 1, ID: say(cmp.Or(p.ID, r.ID)), Kind: string(cmp.Or(p.Kind, r.Kind)), Outcome: "planned", Text: say(cmp.Or(p.Subject, r.Subject)), Risk: string(p.Risk), Undo: say(p.Undo), Why: say(p.Why), Command: say(p.Command), Limit: p.Takes}
		if ran {
			d.Outcome, d.Began, d.Took = string(r.Outcome), r.Began, r.Took
			d.Text = say(strings.TrimSpace(cmp.Or(p.Subject, r.Subject) + ": " + withoutUndo(r.Text)))
			if r.Kind != "freeze" {
				d.From, d.To = say(short(r.From)), say(short(r.To))
			}
			if t.s.RescueBegan.IsZero() || r.Began.Before(t.s.RescueBegan) {
				t.s.RescueBegan = r.Began
			}
			if end := r.Began.Add(r.Took); end.After(t.s.End) {
				t.s.End = end
			}
			for _, o := range r.Outputs {
				t.s.Restored = append(t.s.Restored, namedValue{say(o.Stack + "." + o.Key), say(redact.Value(o.Key, o.Value))})
			}
		} else if t.s.Kind == ofRescue {
			d.Outcome = "not reached"
		}
		d.TookSeconds, d.LimitSeconds = d.Took.Seconds(), d.Limit.Seconds()
		t.s.Steps = append(t.s.Steps, d)
	}
	for _, p := range planned {
		r, ran := results[p.ID]
		add(p, r, ran)
		delete(results, p.ID)
	}
	for _, id := range order {
		if r, left := results[id]; left {
			add(rescue.Step{}, r, true)
		}
	}
}

func withoutUndo(s string) string {
	if i := strings.Index(s, "; undo with: "); i >= 0 {
		return s[:i]
	}
	return s
}

// short is what is behind the last slash of an ARN.
func short(s string) string {
	if strings.HasPrefix(s, "arn:") {
		return s[strings.LastIndexByte(s, '/')+1:]
	}
	return s
}

func (t *teller) checks() {
	if t.in.Report == nil {
		return
	}
	for _, c := range t.in.Report.Checks {
		x := checkedFact{"ok", say(c.What), say(c.Detail)}
		switch {
		case c.OK:
		case c.Unknown:
			x.State = "unknown"
		case c.Debt:
			x.State = "owed"
		default:
			x.State = "failed"
		}
		t.s.Checks = append(t.s.Checks, x)
	}
	rank := map[string]int{"failed": 0, "unknown": 1, "owed": 2, "ok": 3}
	slices.SortStableFunc(t.s.Checks, func(a, b checkedFact) int { return rank[a.State] - rank[b.State] })
	for _, k := range slices.Sorted(mapKeys(t.in.Report.Calls)) {
		t.s.Calls = append(t.s.Calls, callCount{k, t.in.Report.Calls[k]})
	}
}

func mapKeys(m map[string]int) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

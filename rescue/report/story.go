package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/internal/neutral"
	"github.com/stackrescue/stackrescue/internal/redact"
	"github.com/stackrescue/stackrescue/rescue"
)

// Input is what is known of an incident. Whatever is nil or empty is left out of
// the story; Diagnosis or Captures is needed.
type Input struct {
	// Diagnosis is the one that the plan was made from; nil takes that of the
	// newest of the Captures.
	Diagnosis *rescue.Diagnosis
	// Captures are all captures of the evidence, the oldest first.
	Captures  []*rescue.Bundle
	Proposals []rescue.Proposal
	Plan      *rescue.Plan
	// Refused is why there is no plan.
	Refused error
	Report  *rescue.Report
	// Steps are the results of steps, those of previous runs included.
	Steps []rescue.StepResult
	// Guard is what a guard run found.
	Guard *Guard
	// By is who ran it, as AWS names the caller; Program its name and version;
	// Evidence the folder.
	By, Program, Evidence string
	// At is when the report was made.
	At time.Time
}

// Kind is what a story is of.
type Kind string

// Kinds of stories.
const (
	OfDiagnosis Kind = "diagnosis"
	OfPlan      Kind = "plan"
	OfRefusal   Kind = "refusal"
	OfRescue    Kind = "rescue"
	OfGuard     Kind = "guard"
)

// Story is an incident as it is reported: every text in it is redacted and on one
// line, and nothing in it has to be looked up. Parts without data are empty.
type Story struct {
	Version int  `json:"version"`
	Kind    Kind `json:"kind"`
	// Mark and Word are the result as a sign and a word; Tone is bad, ok, warn or
	// run.
	Mark string `json:"mark"`
	Word string `json:"word"`
	Tone string `json:"tone"`
	// Headline says whether it is over and what it cost; Lead is what happened, in
	// a sentence or two.
	Headline string `json:"headline"`
	Lead     string `json:"lead"`
	Stack    string `json:"stack"`
	Account  string `json:"account"`
	Region   string `json:"region"`
	By       string `json:"by,omitempty"`
	Program  string `json:"program,omitempty"`
	Evidence string `json:"evidence,omitempty"`
	// Begin is the first event of the failed update, End the last look; RescueBegan
	// is when the first step began.
	Begin       time.Time `json:"begin,omitzero"`
	End         time.Time `json:"end,omitzero"`
	RescueBegan time.Time `json:"rescueBegan,omitzero"`
	// Earlier is how many events of stacks were before Begin and are left out.
	Earlier int       `json:"earlier,omitempty"`
	Made    time.Time `json:"made,omitzero"`

	Users    []Band        `json:"users,omitempty"`
	Facts    []Fact        `json:"facts,omitempty"`
	Causes   []Why         `json:"causes,omitempty"`
	Decision string        `json:"decision,omitempty"`
	Steps    []Did         `json:"steps,omitempty"`
	Checks   []checkedFact `json:"checks,omitempty"`
	Refusal  *Refusal      `json:"refusal,omitempty"`
	Choices  []Choice      `json:"choices,omitempty"`
	Owed     []Owed        `json:"owed,omitempty"`
	First    []string      `json:"first,omitempty"` // what to do first
	Warnings []string      `json:"warnings,omitempty"`
	Unknown  []string      `json:"unknown,omitempty"`
	Stacks   []stackNow    `json:"stacks,omitempty"`
	Restored []namedValue  `json:"restored,omitempty"`
	Lanes    []laneRow     `json:"lanes,omitempty"`
	Moments  []Moment      `json:"moments,omitempty"`
	Events   []Row         `json:"events,omitempty"`
	// LogsLeft is how many more logs the evidence has.
	LogsLeft int         `json:"logsLeft,omitempty"`
	Logs     []Log       `json:"logs,omitempty"`
	Calls    []callCount `json:"calls,omitempty"`
	Guard    *GuardStory `json:"guard,omitempty"`
}

// Fact is one of the few figures at the top.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	More  string `json:"more,omitempty"`
	Tone  string `json:"tone,omitempty"`
}

// Why is one of the three questions, with its answers.
type Why struct {
	Letter   string   `json:"letter"`
	Question string   `json:"question"`
	Answer   string   `json:"answer"`
	Proof    []Proof  `json:"proof,omitempty"`
	More     []string `json:"more,omitempty"`
	Next     []string `json:"next,omitempty"`
	// Event is the row of the events table that it is, 0 for none.
	Event int `json:"event,omitempty"`
}

// Proof is a line that somebody else wrote.
type Proof struct {
	At     time.Time `json:"at,omitzero"`
	Line   string    `json:"line"`
	Source string    `json:"source"`
	Strong bool      `json:"strong,omitempty"`
	Log    int       `json:"log,omitempty"` // of Logs, from 1
}

// Did is a step with what became of it.
type Did struct {
	Number  int           `json:"number"`
	ID      string        `json:"id"`
	Kind    string        `json:"kind"`
	Outcome string        `json:"outcome"`
	Text    string        `json:"text"`
	From    string        `json:"from,omitempty"`
	To      string        `json:"to,omitempty"`
	Risk    string        `json:"risk,omitempty"`
	Undo    string        `json:"undo,omitempty"`
	Why     string        `json:"why,omitempty"`
	Command string        `json:"command,omitempty"`
	Began   time.Time     `json:"began,omitzero"`
	Took    time.Duration `json:"-"`
	Limit   time.Duration `json:"-"`
	// TookSeconds and LimitSeconds are the same for JSON.
	TookSeconds  float64 `json:"tookSeconds,omitempty"`
	LimitSeconds float64 `json:"limitSeconds,omitempty"`
	// Cost is what users paid for it.
	Cost string `json:"cost,omitempty"`
}

// checkedFact is a check: ok, failed, unknown or owed.
type checkedFact struct {
	State  string `json:"state"`
	What   string `json:"what"`
	Detail string `json:"detail,omitempty"`
}

// Refusal is why no plan was made.
type Refusal struct {
	Rule string `json:"rule"`
	Fact string `json:"fact"`
	Next string `json:"next"`
}

// Choice is one of the directions.
type Choice struct {
	Direction string   `json:"direction"`
	What      string   `json:"what"`
	Can       string   `json:"can"`
	Proposed  bool     `json:"proposed,omitempty"`
	Users     []string `json:"users,omitempty"`
	Data      []string `json:"data,omitempty"`
	NoReturn  []string `json:"noReturn,omitempty"`
	Owed      []string `json:"owed,omitempty"`
	Takes     string   `json:"takes,omitempty"`
	Refused   string   `json:"refused,omitempty"`
	Next      string   `json:"next,omitempty"`
}

// Owed is something that is left to do.
type Owed struct {
	Title    string   `json:"title"`
	By       string   `json:"by,omitempty"`
	Why      string   `json:"why,omitempty"`
	Commands []string `json:"commands,omitempty"`
	DoneWhen string   `json:"doneWhen,omitempty"`
}

// stackNow is a stack as it is at the end.
type stackNow struct {
	Name   string `json:"name"`
	Status string `json:"status"`
	Depth  int    `json:"depth"`
}

// namedValue is a value with its name.
type namedValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Moment is one of the moments that count.
type Moment struct {
	At     time.Time `json:"at"`
	Letter string    `json:"letter,omitempty"`
	Text   string    `json:"text"`
	Strong string    `json:"strong,omitempty"`
	Tone   string    `json:"tone,omitempty"`
	Event  int       `json:"event,omitempty"`
}

// Row is a line of the events table.
type Row struct {
	N      int       `json:"n"`
	At     time.Time `json:"at"`
	Where  string    `json:"where"`
	What   string    `json:"what"`
	Reason string    `json:"reason,omitempty"`
	Source string    `json:"source"`
	Tone   string    `json:"tone,omitempty"`
}

// Log is the log of one container of a stopped task.
type Log struct {
	Title   string  `json:"title"`
	Source  string  `json:"source"`
	Failed  bool    `json:"failed,omitempty"`
	Lines   []Proof `json:"lines"`
	Dropped int     `json:"dropped,omitempty"`
}

// callCount is how often an action was used.
type callCount struct {
	Action string `json:"action"`
	Count  int    `json:"count"`
}

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
		d := rescue.Explain(b)
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
	s.Kind = OfDiagnosis
	switch {
	case t.in.Report != nil || len(t.in.Steps) > 0:
		s.Kind = OfRescue
	case t.in.Refused != nil:
		s.Kind = OfRefusal
	case t.in.Plan != nil:
		s.Kind = OfPlan
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
	if t.in.Plan != nil {
		for _, w := range t.in.Plan.Warnings {
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
		if r.Outcome == rescue.Begun {
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
		d := Did{Number: len(t.s.Steps) + 1, ID: say(cmp.Or(p.ID, r.ID)), Kind: string(cmp.Or(p.Kind, r.Kind)), Outcome: "planned", Text: say(cmp.Or(p.Subject, r.Subject)), Risk: string(p.Risk), Undo: say(p.Undo), Why: say(p.Why), Command: say(p.Command), Limit: p.Takes}
		if ran {
			d.Outcome, d.Began, d.Took = string(r.Outcome), r.Began, r.Took
			d.Text = say(strings.TrimSpace(cmp.Or(p.Subject, r.Subject) + ": " + withoutUndo(r.Text)))
			if r.Kind != rescue.KindFreeze {
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
		} else if t.s.Kind == OfRescue {
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

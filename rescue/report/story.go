package report

import (
	"time"

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

// storyKind is what a story is of.
type storyKind string

// Kinds of stories.
const (
	ofDiagnosis storyKind = "diagnosis"
	ofPlan      storyKind = "plan"
	ofRefusal   storyKind = "refusal"
	ofRescue    storyKind = "rescue"
	ofGuard     storyKind = "guard"
)

// Story is an incident as it is reported: every text in it is redacted and on one
// line, and nothing in it has to be looked up. Parts without data are empty.
type Story struct {
	Version int       `json:"version"`
	Kind    storyKind `json:"kind"`
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

	Users    []band        `json:"users,omitempty"`
	Facts    []fact        `json:"facts,omitempty"`
	Causes   []why         `json:"causes,omitempty"`
	Decision string        `json:"decision,omitempty"`
	Steps    []did         `json:"steps,omitempty"`
	Checks   []checkedFact `json:"checks,omitempty"`
	Refusal  *refusal      `json:"refusal,omitempty"`
	Choices  []choice      `json:"choices,omitempty"`
	Owed     []owed        `json:"owed,omitempty"`
	First    []string      `json:"first,omitempty"` // what to do first
	Warnings []string      `json:"warnings,omitempty"`
	Unknown  []string      `json:"unknown,omitempty"`
	// Others are who else operates, ImageUsers the functions and scheduled tasks.
	Others     []string     `json:"others,omitempty"`
	ImageUsers []string     `json:"imageUsers,omitempty"`
	Stacks     []stackNow   `json:"stacks,omitempty"`
	Restored   []namedValue `json:"restored,omitempty"`
	Lanes      []laneRow    `json:"lanes,omitempty"`
	Moments    []moment     `json:"moments,omitempty"`
	Events     []row        `json:"events,omitempty"`
	// LogsLeft is how many more logs the evidence has.
	LogsLeft int         `json:"logsLeft,omitempty"`
	Logs     []logTail   `json:"logs,omitempty"`
	Calls    []callCount `json:"calls,omitempty"`
	Guard    *guardStory `json:"guard,omitempty"`
}

// fact is one of the few figures at the top.
type fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	More  string `json:"more,omitempty"`
	Tone  string `json:"tone,omitempty"`
}

// why is one of the questions, with its answers.
type why struct {
	Letter   string   `json:"letter"`
	Question string   `json:"question"`
	Answer   string   `json:"answer"`
	Proof    []proof  `json:"proof,omitempty"`
	More     []string `json:"more,omitempty"`
	Next     []string `json:"next,omitempty"`
	// Event is the row of the events table that it is, 0 for none.
	Event int `json:"event,omitempty"`
}

// proof is a line that somebody else wrote.
type proof struct {
	At     time.Time `json:"at,omitzero"`
	Line   string    `json:"line"`
	Source string    `json:"source"`
	Strong bool      `json:"strong,omitempty"`
	Log    int       `json:"log,omitempty"` // of Logs, from 1
}

// did is a step with what became of it.
type did struct {
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

// refusal is why no plan was made.
type refusal struct {
	Rule string `json:"rule"`
	Fact string `json:"fact"`
	Next string `json:"next"`
}

// choice is one of the directions.
type choice struct {
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

// owed is something that is left to do.
type owed struct {
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

// moment is one of the moments that count.
type moment struct {
	At     time.Time `json:"at"`
	Letter string    `json:"letter,omitempty"`
	Text   string    `json:"text"`
	Strong string    `json:"strong,omitempty"`
	Tone   string    `json:"tone,omitempty"`
	Event  int       `json:"event,omitempty"`
}

// row is a line of the events table.
type row struct {
	N      int       `json:"n"`
	At     time.Time `json:"at"`
	Where  string    `json:"where"`
	What   string    `json:"what"`
	Reason string    `json:"reason,omitempty"`
	Source string    `json:"source"`
	Tone   string    `json:"tone,omitempty"`
}

// logTail is the log of one container of a stopped task.
type logTail struct {
	Title   string  `json:"title"`
	Source  string  `json:"source"`
	Failed  bool    `json:"failed,omitempty"`
	Lines   []proof `json:"lines"`
	Dropped int     `json:"dropped,omitempty"`
}

// callCount is how often an action was used.
type callCount struct {
	Action string `json:"action"`
	Count  int    `json:"count"`
}

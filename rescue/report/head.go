package report

import (
	"fmt"
	"strings"

	"github.com/stackrescue/stackrescue/rescue"
)

// headline says what is true: whether it is over, and what users had.
func (t *teller) headline() {
	s := t.s
	lost := s.Lost()
	now := "unknown"
	for _, b := range s.Users {
		if n := len(b.Intervals); n > 0 {
			now = worse(now, b.Intervals[n-1].State)
		}
	}
	if r := t.in.Report; len(s.Users) == 0 && r != nil { // no capture: what the run saw last
		said := map[rescue.UserState]string{"served": "served", "scaled-to-zero": "served", "partly-served": "degraded", "not-served": "not-served"}
		for _, u := range r.Users {
			if said[u.State] == "" {
				now = "unknown"
				break
			}
			now = worse(now, said[u.State])
		}
	}
	users := map[string]string{
		"served": "Users are served.", "degraded": "Users are served in part.", "not-served": "Users are NOT served.", "unknown": "Whether users are served is not known.",
	}[now]
	if lost > 0 && now == "served" {
		users = "Users were without service for " + duration(lost) + "."
	} else if lost > 0 && now == "not-served" {
		users = "Users have had no service for " + duration(lost) + "."
	}
	root := ""
	if len(s.Stacks) > 0 {
		root = s.Stacks[0].Status
	}
	if len(s.Causes) > 0 {
		s.Lead = s.Causes[0].Question + ": " + s.Causes[0].Answer + ". "
	}
	if root != "" {
		s.Lead += "Stack " + s.Stack + " is " + root + "."
	}
	switch s.Kind {
	case ofRescue:
		result := rescue.Result("not-rescued")
		if t.in.Report != nil {
			result = t.in.Report.Result
		}
		switch result {
		case "rescued":
			s.Mark, s.Word, s.Tone, s.Headline = "✓", "RESCUED", "ok", "It is over. "+users
		case "served-with-debt":
			s.Mark, s.Word, s.Tone, s.Headline = "!", "SERVED, WITH DEBT", "warn", "Users come first: done. Something is still owed. "+users
		case "partly":
			s.Mark, s.Word, s.Tone, s.Headline = "!", "RESCUED IN PART", "warn", "Not everything holds yet. "+users
		default:
			s.Mark, s.Word, s.Tone, s.Headline = "✗", "NOT RESCUED", "bad", "It is not over. "+users
			if t.in.Report != nil && t.in.Report.Error != "" {
				s.Lead = say(t.in.Report.Error) + ". " + s.Lead
			}
		}
	case ofPlan:
		s.Mark, s.Word, s.Tone, s.Headline = "→", "PLAN", "run", users+" There is a way out: "+counted(len(s.Steps), "step")+"."
		if t.in.Plan != nil && t.in.Plan.Stop != nil {
			s.Tone = "warn"
			s.Headline = users + " There is a way out, up to " + string(t.in.Plan.Stop.Before) + "."
		}
	case ofRefusal:
		s.Mark, s.Word, s.Tone, s.Headline = "✗", "REFUSED", "bad", "No plan was made. "+users
	default:
		s.Mark, s.Word, s.Tone, s.Headline = "?", strings.ToUpper(string(t.d.Situation)), "warn", users+" "+situationSays(t.d.Situation)
		if t.d.Situation == "healthy" {
			s.Mark, s.Tone = "✓", "ok"
		}
		if t.d.Situation == "stuck" && now != "served" {
			s.Mark, s.Tone = "✗", "bad"
		}
		if t.d.Advice != "" {
			s.First = append(s.First, say(t.d.Advice))
		}
		for _, c := range t.d.Causes.Migration {
			s.First = append(s.First, say("Perhaps a migration: "+t.nice(c)+": "+c.Next))
		}
		if !t.d.Expires.IsZero() {
			s.First = append(s.First, "Evidence first: ECS may forget the first stopped task from "+t.s.moment(t.d.Expires)+" UTC on.")
		}
	}
}

func worse(a, b string) string {
	rank := map[string]int{"unknown": -1, "served": 0, "degraded": 1, "not-served": 2}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

func situationSays(s rescue.Situation) string {
	switch s {
	case "stuck":
		return "The stack is locked: it serves and scales, and cannot be deployed."
	case "healthy":
		return "There is nothing to rescue."
	case "degraded":
		return "The stack rests, and the next rollback would not succeed."
	case "in-progress":
		return "An operation is under way."
	case "child-stuck":
		return "A nested stack is stuck under a root that is not."
	case "not-rescuable":
		return "This tool knows no way out of its status."
	}
	return "Too little could be read to say what is wrong."
}

// facts are the figures at the top.
func (t *teller) facts() {
	s := t.s
	add := func(name, value, more, tone string) { s.Facts = append(s.Facts, fact{name, value, more, tone}) }
	if len(s.Users) > 0 {
		lost := s.Lost()
		switch {
		case lost > 0:
			more := "until ECS called the service steady"
			for _, b := range s.Users {
				if n := len(b.Intervals); n > 0 && b.Intervals[n-1].State == "not-served" {
					more = "and it is not over"
				}
			}
			add("Users without service", duration(lost), more, "bad")
		default:
			add("Users without service", "none seen", "", "ok")
		}
	}
	if !s.Begin.IsZero() && s.End.After(s.Begin) {
		add("From update to now", duration(s.End.Sub(s.Begin)), s.moment(s.Begin)+" to "+s.moment(s.End)+" UTC", "")
	}
	if s.Kind == ofRescue && !s.RescueBegan.IsZero() {
		ran := 0
		for _, d := range s.Steps {
			if d.Outcome != "not reached" {
				ran++
			}
		}
		add("This rescue", duration(s.End.Sub(s.RescueBegan)), fmt.Sprintf("%d of %s", ran, counted(len(s.Steps), "step")), "")
	}
	if len(s.Checks) > 0 {
		bad := 0
		for _, c := range s.Checks {
			if c.State != "ok" {
				bad++
			}
		}
		if bad == 0 {
			add("Next rollback", "✓ safe", counted(len(s.Checks), "check")+", all hold", "ok")
		} else {
			add("Next rollback", "✗ not safe", fmt.Sprintf("%d of %s do not hold", bad, counted(len(s.Checks), "check")), "bad")
		}
	}
	if s.Kind != ofRescue && !t.d.Expires.IsZero() {
		add("Evidence expires", s.moment(t.d.Expires), "ECS may forget stopped tasks from then on", "warn")
	}
	if n := len(s.Owed); n > 0 {
		add("Still owed", "! "+counted(n, "thing"), s.Owed[0].By, "warn")
	}
}

// moments are what one would tell: when it began, what failed, when users lost
// service and had it again, what was done.
func (t *teller) moments() {
	s := t.s
	add := func(m moment) { s.Moments = append(s.Moments, m) }
	if !s.Begin.IsZero() {
		add(moment{At: s.Begin, Text: "the update of stack " + s.Stack + " begins", Event: 1})
	}
	for _, b := range s.Users {
		for i, x := range b.Intervals {
			switch {
			case x.State == "not-served" && i > 0:
				add(moment{At: x.From, Strong: "users of " + b.Service + " lose service", Tone: "bad", Text: x.Why})
			case x.State == "served" && i > 0:
				add(moment{At: x.From, Strong: "users of " + b.Service + " are served again", Tone: "ok", Text: x.Why})
			}
		}
	}
	for _, c := range s.Causes {
		if c.Event > 0 {
			e := s.Events[c.Event-1]
			add(moment{At: e.At, Letter: c.Letter, Text: e.Where + " " + e.What, Event: e.N})
		}
	}
	n := 0
	for _, e := range s.Events {
		if e.Source == "CloudFormation" && e.What == "UPDATE_ROLLBACK_FAILED" && e.Where == s.Stack {
			if n++; n <= 3 {
				add(moment{At: e.At, Text: fmt.Sprintf("UPDATE_ROLLBACK_FAILED of %s, time %d", e.Where, n), Event: e.N})
			}
		}
	}
	for _, d := range s.Steps {
		if !d.Began.IsZero() && len(s.Moments) < 16 {
			add(moment{At: d.Began.Add(d.Took), Text: fmt.Sprintf("step %d, %s: %s", d.Number, d.Kind, d.Outcome), Event: t.rows["step "+d.ID]})
		}
	}
	sortMoments(s.Moments)
}

package report

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// laneRow is a row of the timeline.
type laneRow struct {
	Group string `json:"group"`
	Name  string `json:"name"`
	Depth int    `json:"depth,omitempty"`
	Bars  []bar  `json:"bars,omitempty"`
	Marks []mark `json:"marks,omitempty"`
	// Idle is said of a lane without bars.
	Idle string `json:"idle,omitempty"`
}

// bar is a stretch of time in one state: bad, ok, okrun, warn, unknown, run, our.
type bar struct {
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	Class string    `json:"class"`
	// Labels are from long to short.
	Labels []string `json:"labels"`
	// OpenLeft and OpenRight mean that it goes on beyond the chart.
	OpenLeft  bool `json:"openLeft,omitempty"`
	OpenRight bool `json:"openRight,omitempty"`
	Event     int  `json:"event,omitempty"`
}

// mark is a moment: failed, replaced, ours, seen, or the letter of a cause.
type mark struct {
	At    time.Time `json:"at"`
	Shape string    `json:"shape"`
	Text  string    `json:"text"`
	Event int       `json:"event,omitempty"`
}

func sortMoments(m []moment) {
	slices.SortStableFunc(m, func(a, b moment) int { return a.At.Compare(b.At) })
}

// Limits of what has a lane of its own.
const (
	mostStacks    = 10
	mostRevisions = 8
)

func (t *teller) lanes() {
	s := t.s
	if s.Begin.IsZero() || !s.End.After(s.Begin) {
		return
	}
	class := map[string]string{"served": "ok", "degraded": "warn", "not-served": "bad", "unknown": "unknown"}
	word := map[string]string{"served": "served", "degraded": "served in part", "not-served": "not served", "unknown": "not known"}
	for _, b := range s.Users {
		l := laneRow{Group: "Users", Name: "Users of " + b.Service}
		for i, x := range b.Intervals {
			l.Bars = append(l.Bars, bar{From: x.From, To: x.To, Class: class[x.State], Labels: labels(word[x.State], x.To.Sub(x.From)), OpenLeft: i == 0, OpenRight: x.Open})
		}
		s.Lanes = append(s.Lanes, l)
	}
	causes := laneRow{Group: "Users", Name: "Causes"}
	for _, c := range s.Causes {
		if c.Event > 0 {
			causes.Marks = append(causes.Marks, mark{s.Events[c.Event-1].At, c.Letter, c.Question, c.Event})
		}
	}
	if len(causes.Marks) > 0 {
		s.Lanes = append(s.Lanes, causes)
	}
	t.stackLanes()
	t.revisionLanes()
	t.taskLanes()
	t.imageLanes()
	steps := laneRow{Group: "What we did", Name: "steps"}
	for _, d := range s.Steps {
		if d.Began.IsZero() {
			continue
		}
		class := "our"
		if d.Outcome == "failed" {
			class = "bad"
		}
		steps.Bars = append(steps.Bars, bar{From: d.Began, To: d.Began.Add(d.Took), Class: class, Labels: []string{fmt.Sprintf("%d %s %s", d.Number, d.Kind, duration(d.Took)), fmt.Sprintf("%d %s", d.Number, d.Kind), fmt.Sprint(d.Number)}, Event: t.rows["step "+d.ID]})
	}
	if len(steps.Bars) > 0 {
		s.Lanes = append(s.Lanes, steps)
	}
}

func labels(word string, d time.Duration) []string { return []string{word + " " + duration(d), word} }

// stackLanes are a lane for each stack, or for the root and those that failed
// where there are many.
func (t *teller) stackLanes() {
	type state struct {
		at     time.Time
		status string
		row    int
	}
	of := map[string][]state{}
	for _, e := range t.stackEvents() {
		if own(e) && !e.Time.Before(t.s.Begin) {
			of[e.StackName] = append(of[e.StackName], state{e.Time, string(e.Status), t.rows["cfn "+e.StackName+"."+e.LogicalID+" "+string(e.Status)]})
		}
	}
	all := t.s.Stacks
	if len(t.in.Captures) > 0 && len(all) == 0 {
		all = nil
	}
	others := 0
	for _, x := range all {
		states := of[x.Name]
		interesting := x.Depth == 0 || slices.ContainsFunc(states, func(s state) bool {
			return strings.Contains(s.status, "FAILED") || strings.Contains(s.status, "ROLLBACK")
		})
		if len(all) > mostStacks && !interesting {
			others++
			continue
		}
		l := laneRow{Group: "Stacks", Name: t.stackName(x.Name), Depth: x.Depth}
		for i, st := range states {
			to, last := t.s.End, i == len(states)-1
			if !last {
				to = states[i+1].at
			}
			if !to.After(st.at) {
				continue
			}
			c, w := statusLook(st.status)
			l.Bars = append(l.Bars, bar{From: st.at, To: to, Class: c, Labels: []string{st.status + " " + duration(to.Sub(st.at)), w + " " + duration(to.Sub(st.at)), w}, OpenRight: last, Event: st.row})
		}
		if len(l.Bars) == 0 {
			l.Idle = "not touched (" + x.Status + ")"
		}
		t.s.Lanes = append(t.s.Lanes, l)
	}
	if others > 0 {
		t.s.Lanes = append(t.s.Lanes, laneRow{Group: "Stacks", Name: counted(others, "other"), Idle: counted(others, "other stack") + ": none failed"})
	}
}

func statusLook(status string) (class, word string) {
	switch {
	case strings.HasSuffix(status, "_FAILED"):
		return "bad", "FAILED"
	case strings.HasSuffix(status, "CLEANUP_IN_PROGRESS"):
		return "okrun", "clean-up"
	case strings.Contains(status, "ROLLBACK") && strings.HasSuffix(status, "_IN_PROGRESS"):
		return "warn", "rolling back"
	case strings.HasSuffix(status, "_IN_PROGRESS"):
		return "run", "updating"
	case strings.HasSuffix(status, "_COMPLETE"):
		return "ok", "complete"
	}
	return "unknown", status
}

// revisionLanes show from when to when tasks of a revision ran, as far as
// stopped tasks and what serves tell.
func (t *teller) revisionLanes() {
	s := t.s
	// Tasks that ran until ECS took them away, and those that failed, are two
	// stretches of one revision.
	type stretch struct {
		from, to time.Time
		open     bool
	}
	type life struct{ ran, failed *stretch }
	lives := map[string]*life{}
	of := func(name string) *life {
		if lives[name] == nil {
			lives[name] = &life{}
		}
		return lives[name]
	}
	for _, x := range t.tasks() {
		if !strings.HasPrefix(x.Group, "service:") || x.TaskDefinition == "" || ended(x).IsZero() || ended(x).Before(s.Begin) {
			continue
		}
		l := of(short(x.TaskDefinition))
		which := &l.ran
		if x.Failed() {
			which = &l.failed
		}
		from := x.CreatedAt
		if from.IsZero() {
			from = ended(x)
		}
		if *which == nil {
			*which = &stretch{from: from, to: ended(x)}
		}
		if from.Before((*which).from) {
			(*which).from = from
		}
		if ended(x).After((*which).to) {
			(*which).to = ended(x)
		}
	}
	var savepoint time.Time
	for _, d := range s.Steps {
		switch {
		case d.Began.IsZero():
		case d.Kind == "redeploy" && d.Outcome == "done" && d.To != "":
			if l := of(d.To); l.ran == nil {
				l.ran = &stretch{from: d.Began, to: s.End}
			}
		case d.Kind == "savepoint":
			savepoint = d.Began
		}
	}
	if n := len(t.in.Captures); n > 0 {
		b := t.in.Captures[n-1]
		for i := range b.Services {
			name := short(b.Services[i].Serving())
			if name == "" {
				continue
			}
			l := of(name)
			if l.ran == nil {
				from := s.Begin
				if !savepoint.IsZero() {
					from = savepoint
				}
				l.ran = &stretch{from: from}
			}
			l.ran.to, l.ran.open = s.End, true
		}
	}
	began := func(l *life) time.Time {
		switch {
		case l.ran == nil && l.failed == nil:
			return s.End
		case l.ran == nil, l.failed != nil && l.failed.from.Before(l.ran.from):
			return l.failed.from
		}
		return l.ran.from
	}
	names := sortedKeys(lives)
	slices.SortStableFunc(names, func(a, b string) int { return began(lives[a]).Compare(began(lives[b])) })
	if len(names) > mostRevisions {
		names = names[len(names)-mostRevisions:]
	}
	for _, n := range names {
		lane := laneRow{Group: "Deployments", Name: say(n)}
		put := func(x *stretch, class, word string) {
			if x == nil {
				return
			}
			left := x.from.Before(s.Begin)
			if left {
				x.from = s.Begin
			}
			if x.to.After(s.End) {
				x.to = s.End
			}
			if !x.to.After(x.from) {
				x.to = x.from.Add(time.Second)
			}
			lane.Bars = append(lane.Bars, bar{From: x.from, To: x.to, Class: class, Labels: labels(word, x.to.Sub(x.from)), OpenLeft: left, OpenRight: x.open})
		}
		if l := lives[n]; l.ran != nil && l.failed != nil && !l.ran.open && l.ran.from.Before(l.failed.to) && l.failed.from.Before(l.ran.to) {
			// Some failed while others ran: it is one stretch, and not a good one.
			l.failed.to = later(l.failed.to, l.ran.to)
			if l.ran.from.Before(l.failed.from) {
				l.failed.from = l.ran.from
			}
			l.ran = nil
		}
		word := "ran"
		if r := lives[n].ran; r != nil && r.open {
			word = "serves"
		}
		put(lives[n].ran, "ok", word)
		put(lives[n].failed, "bad", "FAILED")
		slices.SortStableFunc(lane.Bars, func(a, b bar) int { return a.From.Compare(b.From) })
		s.Lanes = append(s.Lanes, lane)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// taskLanes are the stopped tasks, a lane for each kind of cause.
func (t *teller) taskLanes() {
	lanes := map[string]*laneRow{}
	var order []string
	for _, x := range t.tasks() {
		at := ended(x)
		if at.IsZero() || at.Before(t.s.Begin) {
			continue
		}
		name, shape := "replaced by ECS", "replaced"
		switch {
		case !strings.HasPrefix(x.Group, "service:"):
			name, shape = "one-off", "ours"
		case x.Failed():
			name, shape = strings.ReplaceAll(string(x.Cause.Class), "-", " "), "failed"
		}
		if lanes[name] == nil {
			lanes[name] = &laneRow{Group: "Stopped tasks", Name: name}
			order = append(order, name)
		}
		lanes[name].Marks = append(lanes[name].Marks, mark{at, shape, say(taskName(x.ARN) + ": " + x.Cause.Summary), t.rows["task "+x.ARN]})
	}
	for _, n := range order {
		t.s.Lanes = append(t.s.Lanes, *lanes[n])
	}
}

// imageLanes show images that are missing, from when that was first seen, and
// the rules that would take others.
func (t *teller) imageLanes() {
	s := t.s
	missing := map[string]time.Time{}
	for _, x := range t.tasks() {
		if x.Cause.Class == "image-missing" {
			for _, c := range x.Containers {
				if at, known := missing[c.Image]; c.Image != "" && x.Cause.Reference == c.Image && (!known || ended(x).Before(at)) {
					missing[c.Image] = ended(x)
				}
			}
		}
	}
	for _, b := range t.in.Captures {
		for ref, i := range b.Images {
			if i.State == "missing" {
				if at, known := missing[ref]; !known || b.At.Before(at) {
					missing[ref] = b.At
				}
			}
		}
	}
	for _, ref := range sortedKeys(missing) {
		at := missing[ref]
		if at.After(s.End) || at.IsZero() {
			continue
		}
		l := laneRow{Group: "Images and rules", Name: say(ref[strings.LastIndexByte(ref, '/')+1:])}
		if at.After(s.Begin) {
			l.Bars = append(l.Bars, bar{From: s.Begin, To: at, Class: "unknown", Labels: []string{"not known when it was taken", "not known"}, OpenLeft: true})
		}
		if s.End.After(at) {
			l.Bars = append(l.Bars, bar{From: at, To: s.End, Class: "bad", Labels: []string{"missing in ECR, first seen " + clockTime(at), "missing in ECR", "missing"}, OpenRight: true})
		}
		s.Lanes = append(s.Lanes, l)
	}
	seen := map[string]bool{}
	for _, x := range t.d.Threats {
		name := say(x.Repository)
		if seen[name] {
			continue
		}
		seen[name] = true
		to, open := s.End, true
		for _, d := range s.Steps {
			if d.Kind == "freeze" && d.Outcome == "done" && strings.Contains(d.Text, x.Repository+":") {
				to, open = d.Began, false
			}
		}
		if to.After(s.Begin) {
			s.Lanes = append(s.Lanes, laneRow{Group: "Images and rules", Name: "rule of " + name, Bars: []bar{{From: s.Begin, To: to, Class: "warn", Labels: []string{"in force: would take " + say(x.Image), "in force"}, OpenLeft: true, OpenRight: open}}})
		}
	}
}

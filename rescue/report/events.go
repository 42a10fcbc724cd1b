package report

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/rescue"
)

// serviceEvent is an event of a service with its time.
type serviceEvent struct {
	At   time.Time
	Text string
}

// serviceEvents are the events of a service. Captures that older versions wrote hold them
// with the time of day only: each is of the last such time before the capture.
func serviceEvents(b *rescue.Bundle, f rescue.ServiceFacts) []serviceEvent {
	var out []serviceEvent
	for _, e := range f.Events {
		stamp, text, ok := strings.Cut(e, " ")
		if !ok {
			continue
		}
		if at, err := time.Parse(time.RFC3339, stamp); err == nil {
			out = append(out, serviceEvent{at.UTC(), text})
			continue
		}
		clock, err := time.Parse("15:04:05", stamp)
		if err != nil {
			continue
		}
		at := b.At.UTC()
		day := time.Date(at.Year(), at.Month(), at.Day(), clock.Hour(), clock.Minute(), clock.Second(), 0, time.UTC)
		if day.After(at) {
			day = day.AddDate(0, 0, -1)
		}
		out = append(out, serviceEvent{day, text})
	}
	return out
}

// stackEvents are those of all captures, each once, the oldest first.
func (t *teller) stackEvents() []cfnx.Event {
	seen := map[string]bool{}
	var out []cfnx.Event
	for _, b := range t.in.Captures {
		for s := range b.Tree.All() {
			for _, e := range s.Events {
				if id := cmp.Or(e.ID, e.StackID+e.LogicalID+string(e.Status)+e.Time.String()); !seen[id] {
					seen[id] = true
					out = append(out, e)
				}
			}
		}
	}
	slices.SortStableFunc(out, func(a, b cfnx.Event) int { return a.Time.Compare(b.Time) })
	return out
}

// own reports whether an event is of the stack itself.
func own(e cfnx.Event) bool { return e.PhysicalID == e.StackID }

// began is when the operation began that went wrong: the root's first own event
// in the first capture, which reads back to the beginning of the latest update.
func (t *teller) began() time.Time {
	var first time.Time
	if len(t.in.Captures) == 0 {
		return first
	}
	root := t.in.Captures[0].Tree.Root
	for _, e := range root.Events {
		if own(e) && e.StackID == root.ID && strings.HasSuffix(string(e.Status), "_IN_PROGRESS") && (first.IsZero() || e.Time.Before(first)) {
			first = e.Time
		}
	}
	return first
}

// tasks are the stopped tasks of all captures, each once, as the newest capture
// that still knew it has it.
func (t *teller) tasks() []ecsx.StoppedTask {
	best := map[string]ecsx.StoppedTask{}
	for _, b := range t.in.Captures {
		for _, x := range b.Tasks {
			if old, ok := best[x.ARN]; !ok || old.Expired || !x.Expired {
				best[x.ARN] = x
			}
		}
	}
	out := make([]ecsx.StoppedTask, 0, len(best))
	for _, arn := range sortedKeys(best) {
		out = append(out, best[arn])
	}
	slices.SortStableFunc(out, func(a, b ecsx.StoppedTask) int { return ended(a).Compare(ended(b)) })
	return out
}

// ended is when a task was on its way down.
func ended(x ecsx.StoppedTask) time.Time {
	if !x.StoppingAt.IsZero() {
		return x.StoppingAt
	}
	return x.StoppedAt
}

func taskName(arn string) string {
	id := arn[strings.LastIndexByte(arn, '/')+1:]
	return id[:min(8, len(id))]
}

// stackName is a stack's name without what CloudFormation added to it, where it
// is nested.
var suffix = regexp.MustCompile(`-[A-Z0-9]{12,13}$`)

func (t *teller) stackName(name string) string {
	n := suffix.ReplaceAllString(name, "")
	if root := t.s.Stack; n != name && strings.HasPrefix(n, root+"-") {
		n = n[len(root)+1:]
	}
	return say(n)
}

// events is one list of what happened, each with where it is known from.
func (t *teller) events() {
	t.rows = map[string]int{}
	type keyed struct {
		row
		key string
	}
	var all []keyed
	t.s.Begin = t.began()
	for _, e := range t.stackEvents() {
		if e.Time.Before(t.s.Begin) {
			t.s.Earlier++
			continue
		}
		tone := ""
		switch s := string(e.Status); {
		case strings.HasSuffix(s, "FAILED"):
			tone = "bad"
		case strings.Contains(s, "ROLLBACK"):
			tone = "warn"
		}
		where := t.stackName(e.StackName)
		if !own(e) {
			where += "." + say(e.LogicalID)
		}
		all = append(all, keyed{row{At: e.Time, Where: where, What: string(e.Status), Reason: say(e.Reason), Source: "CloudFormation", Tone: tone}, "cfn " + e.StackName + "." + e.LogicalID + " " + string(e.Status)})
	}
	seen := map[string]bool{}
	for _, b := range t.in.Captures {
		for _, f := range b.Services {
			for _, e := range serviceEvents(b, f) {
				k := f.Service.String() + e.At.String() + e.Text
				if seen[k] || !t.s.Begin.IsZero() && e.At.Before(t.s.Begin) {
					continue
				}
				seen[k] = true
				tone := ""
				if stopped.MatchString(e.Text) || strings.Contains(e.Text, "failed") || strings.Contains(e.Text, "unable") {
					tone = "bad"
				}
				all = append(all, keyed{row{At: e.At, Where: "service " + say(f.Service.Name), What: say(e.Text), Source: "ECS", Tone: tone}, "ecs " + e.Text})
			}
		}
		all = append(all, keyed{row{At: b.At, Where: "rescue", What: "evidence read", Source: "this tool"}, "capture " + b.At.String()})
	}
	for _, x := range t.tasks() {
		if ended(x).IsZero() || ended(x).Before(t.s.Begin) {
			continue
		}
		tone := ""
		if x.Failed() {
			tone = "bad"
		}
		all = append(all, keyed{row{At: ended(x), Where: "task " + taskName(x.ARN), What: "stopped, " + say(short(x.TaskDefinition)), Reason: say(cmp.Or(x.Cause.Summary, x.Reason)), Source: "ECS", Tone: tone}, "task " + x.ARN})
	}
	results := t.in.Steps
	if t.in.Report != nil {
		results = append(slices.Clone(results), t.in.Report.Steps...)
	}
	for _, r := range results {
		if k := "step " + r.ID + r.Began.String() + string(r.Outcome); !seen[k] && r.Outcome != "begun" {
			seen[k] = true
			tone := "our"
			if r.Outcome == "failed" {
				tone = "bad"
			}
			all = append(all, keyed{row{At: r.Began.Add(r.Took), Where: "step " + say(r.ID), What: string(r.Outcome) + ", took " + duration(r.Took), Reason: say(withoutUndo(r.Text)), Source: "this tool", Tone: tone}, "step " + r.ID})
		}
	}
	slices.SortStableFunc(all, func(a, b keyed) int { return a.At.Compare(b.At) })
	for i := range all {
		all[i].N = i + 1
		if _, known := t.rows[all[i].key]; !known {
			t.rows[all[i].key] = i + 1
		}
		t.s.Events = append(t.s.Events, all[i].row)
	}
}

// mostLogs is how many logs are shown: a crash loop has hundreds that say the same.
const mostLogs = 60

// logs are those of the stopped tasks, of tasks that failed first.
func (t *teller) logs() {
	all := t.tasks()
	slices.SortStableFunc(all, func(a, b ecsx.StoppedTask) int {
		if a.Failed() != b.Failed() {
			if a.Failed() {
				return -1
			}
			return 1
		}
		return 0
	})
	for _, x := range all {
		for _, c := range x.Containers {
			if len(c.Log.Lines) == 0 {
				continue
			}
			if len(t.s.Logs) == mostLogs {
				t.s.LogsLeft++
				continue
			}
			l := logTail{Title: say(fmt.Sprintf("%s, container %s, task %s", short(x.TaskDefinition), c.Name, taskName(x.ARN))), Source: say(c.Log.Group + " " + c.Log.Stream), Failed: x.Failed() && (x.Cause.Container == c.Name || x.Cause.Container == ""), Dropped: c.Log.Dropped}
			if c.ExitCode != nil {
				l.Title += fmt.Sprintf(", exit code %d", *c.ExitCode)
			}
			for _, line := range c.Log.Lines {
				l.Lines = append(l.Lines, proof{At: line.Time, Line: say(line.Message), Strong: x.Cause.Excerpt != "" && strings.Contains(line.Message, x.Cause.Excerpt)})
			}
			t.s.Logs = append(t.s.Logs, l)
		}
	}
}

// mostCauses is how many answers to a question are shown.
const mostCauses = 8

// around are the lines of a log before and after the one that says most.
const around = 3

// causes are the three questions and, where a proof has failed, the fourth, each with
// the line that proves the answer.
func (t *teller) causes() {
	causes := t.d.Causes
	if t.in.Report != nil && len(causes.Update)+len(causes.Service)+len(causes.Rollback) == 0 {
		causes = t.in.Report.Causes
	}
	for _, q := range []struct {
		letter, question string
		causes           []rescue.Cause
	}{{"A", "Why the update failed", causes.Update}, {"B", "Why ECS could not go back", causes.Service}, {"C", "Why CloudFormation could not go back", causes.Rollback}, {"D", "Why the proof before the unlock failed", causes.Proof}} {
		if len(q.causes) == 0 {
			continue
		}
		w := why{Letter: q.letter, Question: q.question, Answer: say(t.nice(q.causes[0]))}
		for i, c := range q.causes {
			switch {
			case i > mostCauses:
				continue
			case i == mostCauses:
				w.More = append(w.More, fmt.Sprintf("and %d more, in the events", len(q.causes)-mostCauses))
				continue
			case i > 0:
				w.More = append(w.More, say(t.nice(c)))
			}
			if c.Next != "" && !slices.Contains(w.Next, say(c.Next)) {
				w.Next = append(w.Next, say(c.Next))
			}
			p, row := t.proof(q.letter, c)
			if len(w.Proof) == 0 || len(p) > 0 && len(w.Proof) < 2*around+3 && !slices.Contains(w.Proof, p[len(p)-1]) {
				w.Proof = append(w.Proof, p...)
			}
			if w.Event == 0 {
				w.Event = cmp.Or(t.rowOf(c), row)
			}
		}
		t.s.Causes = append(t.s.Causes, w)
	}
}

func (t *teller) nice(c rescue.Cause) string {
	text := digest.ReplaceAllString(registry.ReplaceAllString(c.Text, ""), "$1…")
	stack, id, ok := strings.Cut(c.Subject, ".")
	if ok {
		return t.stackName(stack) + "." + id + ": " + text
	}
	return c.Subject + ": " + text
}

// What makes an image's name long, and is the same for all of them.
var (
	registry = regexp.MustCompile(`\b\d{12}\.dkr\.ecr\.[\w-]+\.amazonaws\.com(?:\.cn)?/`)
	digest   = regexp.MustCompile(`\b(sha256:[0-9a-f]{12})[0-9a-f]{52}\b`)
)

// rowOf is the row of a cause's first failure.
func (t *teller) rowOf(c rescue.Cause) int {
	stack, id, ok := strings.Cut(c.Subject, ".")
	if !ok {
		return 0
	}
	for _, e := range t.s.Events {
		if e.Tone == "bad" && e.Where == t.stackName(stack)+"."+say(id) {
			return e.N
		}
	}
	return 0
}

// proof is what a log or AWS said of a cause, and the row of the event.
func (t *teller) proof(letter string, c rescue.Cause) ([]proof, int) {
	for _, x := range t.tasks() {
		if x.Cause.Summary == "" || !x.Failed() || !strings.Contains(c.Text, x.Cause.Summary) && (letter != "B" || x.Cause.Reference == "" || !strings.Contains(c.Text, x.Cause.Reference)) {
			continue
		}
		if letter == "D" && !strings.HasPrefix(c.Text, short(x.TaskDefinition)+",") {
			continue // of another revision, which may say the same
		}
		for i, l := range t.s.Logs {
			if !l.Failed || !strings.Contains(l.Title, taskName(x.ARN)) {
				continue
			}
			at := slices.IndexFunc(l.Lines, func(p proof) bool { return p.Strong })
			if at < 0 {
				at = len(l.Lines) - 1
			}
			var out []proof
			for j := max(0, at-around); j < min(len(l.Lines), at+around+1); j++ {
				p := l.Lines[j]
				p.Strong, p.Source, p.Log = j == at, "log "+l.Source, i+1
				out = append(out, p)
			}
			return out, t.rows["task "+x.ARN]
		}
		return []proof{{At: ended(x), Line: say(cmp.Or(x.Reason, x.Cause.Summary)), Source: "stopped reason of task " + taskName(x.ARN), Strong: true}}, t.rows["task "+x.ARN]
	}
	if n := t.rowOf(c); n > 0 {
		e := t.s.Events[n-1]
		return []proof{{At: e.At, Line: e.What + " " + e.Reason, Source: "event of " + e.Where, Strong: true}}, n
	}
	return nil, 0
}

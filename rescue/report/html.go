package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"strings"
	"time"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"clock": clockTime, "iso": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"dur":  func(d time.Duration) string { return strings.ReplaceAll(duration(d), " ", "\u00a0") },
	"word": func(s string) string { return strings.ReplaceAll(s, "-", " ") }, "lower": strings.ToLower,
	"date": func(t time.Time) string { return t.UTC().Format("Monday 2 January 2006") }, "day": func(t time.Time) string { return t.UTC().Format("2 Jan 15:04") },
	"add": func(a, b int) int { return a + b }, "mul": func(a, b int) int { return a * b }, "legend": func(k string) string { return legendSays[k] }, "sign": func(s string) string { return signs[s] },
	"strip": strip,
}).Parse(pageText))

var legendSays = map[string]string{
	"ok": "served, complete", "bad": "not served, failed", "warn": "degraded, rolling back, at risk", "unknown": "not known", "run": "under way", "okrun": "cleaning up", "our": "our step",
	"cause": "cause", "failed": "task failed", "replaced": "task replaced", "ours": "one-off task",
}

var signs = map[string]string{"ok": "✓", "failed": "✗", "unknown": "?", "owed": "~", "done": "✓", "held": "=", "begun": "…", "not reached": "–", "planned": "○", "at-risk": "!", "broken": "✗", "yes": "✓", "no": "✗", "in part": "!"}

// stripPart is a part of the strip at the top that shows what users had.
type stripPart struct{ X, W, Class, Label string }

func strip(b band) []stripPart {
	if len(b.Intervals) == 0 {
		return nil
	}
	from, to := b.Intervals[0].From, b.Intervals[len(b.Intervals)-1].To
	class := map[string]string{"served": "ok", "degraded": "warn", "not-served": "bad", "unknown": "unknown"}
	var out []stripPart
	for _, i := range b.Intervals {
		p := stripPart{pct(100 * float64(i.From.Sub(from)) / float64(to.Sub(from))), pct(100 * float64(i.To.Sub(i.From)) / float64(to.Sub(from))), class[i.State], ""}
		for _, l := range labels(strings.ReplaceAll(i.State, "-", " "), i.To.Sub(i.From)) {
			// 320 px is what a phone has.
			if p.Label == "" && textWidth(l)+10 <= 320*float64(i.To.Sub(i.From))/float64(to.Sub(from)) {
				p.Label = l
			}
		}
		out = append(out, p)
	}
	return out
}

// Limits of the page, in bytes.
const (
	pageLimit  = 400 << 10
	eventLimit = 240 << 10
)

// pageData is what the page is made from.
type pageData struct {
	*Story
	Chart   *chart
	Rows    []foldedRow
	Folded  string
	Logs    []logTail
	LogNote string
	Longest string
	Guard   *guardPage
	Brief   string
	HasOwn  bool
}

type foldedRow struct {
	row
	Count int
	Also  []int // other events in it that something points to
}

// HTML writes the story as one page that needs nothing else: no script, no
// network. It is at most 400 KiB: logs are cut first, then events are folded;
// what is said above them never is.
func (s *Story) HTML(w io.Writer) error {
	data := pageData{Story: s, Chart: draw(s.Lanes, s.Begin, s.End), Brief: s.brief()}
	data.Guard = s.guardPage()
	for _, c := range s.Steps {
		data.HasOwn = data.HasOwn || !c.Began.IsZero()
	}
	data.Longest = s.longest()
	pointed := s.pointed(data.Chart)
	windows := []time.Duration{0, 10 * time.Second, time.Minute, 10 * time.Minute, time.Hour}
	for _, window := range windows {
		data.Rows = fold(s.Events, window, pointed)
		size := 0
		for _, r := range data.Rows {
			size += 110 + len(r.Where) + len(r.What) + len(r.Reason) + len(r.Source)
		}
		if size <= eventLimit {
			break
		}
	}
	if len(data.Rows) < len(s.Events) {
		data.Folded = fmt.Sprintf("%d events in %d rows", len(s.Events), len(data.Rows))
	}
	var b bytes.Buffer
	for _, keep := range []struct {
		lines int
		all   bool
	}{{200, true}, {200, false}, {40, false}, {8, false}, {0, false}} {
		data.Logs, data.LogNote = s.someLogs(keep.lines, keep.all)
		b.Reset()
		if err := page.Execute(&b, data); err != nil {
			return err
		}
		if b.Len() <= pageLimit {
			break
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// someLogs are the last lines of each log; all, or those of failed tasks.
func (s *Story) someLogs(lines int, all bool) ([]logTail, string) {
	var out []logTail
	left := s.LogsLeft
	for _, l := range s.Logs {
		switch {
		case lines == 0 || !all && !l.Failed:
			left++
			continue
		case len(l.Lines) > lines:
			l.Dropped += len(l.Lines) - lines
			l.Lines = l.Lines[len(l.Lines)-lines:]
		}
		out = append(out, l)
	}
	if left == 0 {
		return out, ""
	}
	return out, counted(left, "log") + " not on this page: it would be too large. The folder of evidence has them."
}

// pointed are the events that something on the page points to.
func (s *Story) pointed(c *chart) map[int]bool {
	out := map[int]bool{}
	if c != nil {
		for _, b := range c.Bars {
			out[b.Event] = true
		}
		for _, m := range c.Marks {
			out[m.Event] = true
		}
	}
	for _, m := range s.Moments {
		out[m.Event] = true
	}
	for _, w := range s.Causes {
		out[w.Event] = true
	}
	return out
}

var numbers = regexp.MustCompile(`[0-9a-f]{8,}|\d+`)

// fold puts repeats into one row: what is the same but for ids and numbers, in
// direct sequence or within a window; and says a long reason once.
func fold(rows []row, window time.Duration, pointed map[int]bool) []foldedRow {
	var out []foldedRow
	recent := map[string]int{}
	said := map[string]string{}
	for _, r := range rows {
		k := r.Source + "|" + numbers.ReplaceAllString(r.Where+"|"+r.What, "0")
		i, known := recent[k]
		if known && (i == len(out)-1 || window > 0 && r.At.Sub(out[i].At) <= window || r.At.Truncate(time.Second).Equal(out[i].At.Truncate(time.Second))) {
			out[i].Count++
			if pointed[r.N] {
				out[i].Also = append(out[i].Also, r.N)
			}
			continue
		}
		if len(r.Reason) > 60 {
			if at, before := said[r.Reason]; before {
				r.Reason = "same reason as " + at
			} else {
				said[r.Reason] = clockTime(r.At)
			}
		}
		recent[k] = len(out)
		out = append(out, foldedRow{row: r, Count: 1})
	}
	return out
}

// longest says which step took most of the time.
func (s *Story) longest() string {
	var sum time.Duration
	longest, ran := did{}, 0
	for _, d := range s.Steps {
		if d.Began.IsZero() {
			continue
		}
		ran++
		sum += d.Took
		if d.Took > longest.Took {
			longest = d
		}
	}
	if ran < 2 {
		return ""
	}
	return fmt.Sprintf("Of %s the longest was step %d, %s: %s.", duration(sum), longest.Number, longest.Kind, duration(longest.Took))
}

// brief is the story for a channel, in a few lines.
func (s *Story) brief() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: stack %s (%s, %s). %s\n", s.Word, s.Stack, s.Account, s.Region, s.Headline)
	for _, c := range s.Causes {
		fmt.Fprintf(&b, "%s: %s\n", c.Question, c.Answer)
	}
	for _, o := range s.Owed {
		fmt.Fprintf(&b, "Owed: %s%s\n", o.Title, dash(o.By))
	}
	return b.String()
}

// guardPage is the chart of a guard run: until when a rollback of each stack
// works.
type guardPage struct {
	*guardStory
	Chart *chart
}

func (s *Story) guardPage() *guardPage {
	if s.Guard == nil {
		return nil
	}
	g := &guardPage{guardStory: s.Guard}
	horizon := s.Guard.Horizon
	if horizon.IsZero() || horizon.Sub(s.End) < 24*time.Hour {
		horizon = s.End.Add(14 * 24 * time.Hour)
	} else {
		horizon = horizon.Add(horizon.Sub(s.End) / 4)
	}
	var lanes []laneRow
	for _, x := range s.Guard.Stacks {
		l := laneRow{Group: "Rollback", Name: x.Stack}
		bar := func(from, to time.Time, class, text, brief string, open bool) {
			if to.After(from) {
				l.Bars = append(l.Bars, bar{From: from, To: to, Class: class, Labels: []string{text, brief}, OpenRight: open})
			}
		}
		switch x.Verdict {
		case "broken":
			bar(s.End, horizon, "bad", "fails now", "fails", true)
		case "at-risk":
			until := x.Until
			if until.IsZero() {
				until = horizon
			}
			bar(s.End, until, "ok", "works until "+until.UTC().Format("2 Jan"), "works", false)
			bar(until, horizon, "bad", "would fail", "fails", true)
		case "ok":
			bar(s.End, horizon, "ok", "works", "works", true)
		default:
			bar(s.End, horizon, "unknown", "not known", "?", true)
		}
		lanes = append(lanes, l)
	}
	if len(lanes) <= 40 {
		g.Chart = draw(lanes, s.End, horizon)
	}
	return g
}

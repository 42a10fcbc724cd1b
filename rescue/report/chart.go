package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Sizes of the chart, in pixels. Everything is laid out for the narrowest plot:
// a wider one is only looser.
const (
	narrowest = 720
	barHeight = 16
	markApart = 13
	crowded   = 40
)

// chart is the timeline, ready to be drawn: places along it are percent of its
// width, places down it are pixels.
type chart struct {
	Rows   []chartRow
	Ticks  []tick
	Height int
	Bars   []drawnBar
	Marks  []drawnMark
	Labels []label
	Lines  []tick // dashed, where users were lost and served again
	Legend []string
}

type chartRow struct {
	Name, Group string
	Y, H        int
	Depth       int
	Idle        string
}

type tick struct {
	X     string
	Text  string
	Class string
	Shift int
}

type drawnBar struct {
	X, W        string
	Y, H        int
	Class       string
	Title       string
	Event       int
	Left, Right bool
	EndX        string
}

type drawnMark struct {
	X     string
	Y     int
	Shape string
	Text  string
	Title string
	Count string
	Event int
}

type label struct {
	X      string
	Y, DX  int
	Width  int
	Anchor string
	Class  string
	Text   string
	Plate  bool
	PX     int
}

// pct writes a place along the chart.
func pct(f float64) string { return strings.TrimSuffix(fmt.Sprintf("%.2f", f), ".00") }

// draw lays the lanes out.
func draw(lanes []laneRow, from, to time.Time) *chart {
	if len(lanes) == 0 || !to.After(from) {
		return nil
	}
	margin := max(time.Duration(float64(to.Sub(from))*0.02), time.Second)
	from, to = from.Add(-margin), to.Add(margin)
	span := to.Sub(from)
	x := func(t time.Time) float64 {
		return min(100, max(0, 100*float64(t.Sub(from))/float64(span)))
	}
	c := &chart{}
	legend := map[string]bool{}
	y, group := 26, ""
	for _, l := range lanes {
		row := chartRow{Name: l.Name, Depth: l.Depth, Idle: l.Idle}
		if l.Group != group {
			group = l.Group
			if group != "Users" {
				row.Group = group
				y += 18
			}
		}
		h, bar, below := 22, barHeight, false
		switch {
		case strings.HasPrefix(l.Name, "Users of"):
			h, bar, below = 43, 24, true
		case l.Group == "What we did":
			h, below = 35, true
		case len(l.Bars) == 0 && l.Idle == "":
			h = 19
		}
		row.Y, row.H = y, h
		c.Rows = append(c.Rows, row)
		for _, zoom := range []int{1, 4} {
			c.lane(l, y, bar, below, zoom, x, legend)
		}
		y += h
	}
	c.Height = y + 6
	c.ticks(from, to, x)
	if len(lanes[0].Bars) > 0 {
		long := lanes[0].Bars[0]
		for _, b := range lanes[0].Bars {
			if b.Class == "bad" && (long.Class != "bad" || b.To.Sub(b.From) > long.To.Sub(long.From)) {
				long = b
			}
		}
		if long.Class == "bad" {
			c.Lines = []tick{{X: pct(x(long.From))}, {X: pct(x(long.To))}}
		}
	}
	for _, k := range []string{"ok", "bad", "warn", "unknown", "run", "okrun", "our", "cause", "failed", "replaced", "ours"} {
		if legend[k] {
			c.Legend = append(c.Legend, k)
		}
	}
	return c
}

// taken are stretches of a row in which something is drawn, in pixels.
type taken []struct{ from, to float64 }

func (t *taken) add(from, to float64) { *t = append(*t, struct{ from, to float64 }{from, to}) }

func (t taken) free(from, to float64) bool {
	return !slices.ContainsFunc(t, func(o struct{ from, to float64 }) bool { return from < o.to && to > o.from })
}

// lane draws one lane; what does not change with the zoom is drawn once.
func (c *chart) lane(l laneRow, y, height int, below bool, zoom int, x func(time.Time) float64, legend map[string]bool) {
	width := float64(narrowest * zoom)
	px := func(p float64) float64 { return p * width / 100 }
	class := fmt.Sprintf("z%d", zoom)
	var row, under taken
	type placed struct {
		bar
		a, b float64
	}
	var bars []placed
	for _, b := range l.Bars {
		p := placed{b, x(b.From), x(b.To)}
		if b.OpenLeft {
			p.a = 0
		}
		if b.OpenRight {
			p.b = 100
		}
		if px(p.b-p.a) < 3 {
			p.b = min(100, p.a+300/float64(narrowest))
			p.a = min(p.a, p.b-300/float64(narrowest))
		}
		bars = append(bars, p)
		row.add(px(p.a), px(p.b))
		if zoom == 1 {
			legend[b.Class] = true
			c.Bars = append(c.Bars, drawnBar{X: pct(p.a), W: pct(p.b - p.a), Y: y + 2, H: height, Class: b.Class, Title: first(b.Labels), Event: b.Event, Left: b.OpenLeft, Right: b.OpenRight, EndX: pct(p.b)})
		}
	}
	c.marks(l, y, zoom, x, px, &row, legend)
	order := slices.Clone(bars)
	rank := map[string]int{"bad": 0, "warn": 1, "unknown": 2}
	slices.SortStableFunc(order, func(a, b placed) int {
		ra, oka := rank[a.Class]
		rb, okb := rank[b.Class]
		if !oka {
			ra = 3
		}
		if !okb {
			rb = 3
		}
		return ra - rb
	})
	base := y + 2 + height/2 + 4
	for _, b := range order {
		a, e := px(b.a), px(b.b)
		inside, done := "", false
		for _, text := range b.Labels {
			if wide := textWidth(text); wide+8 <= e-a {
				inside = text
				c.Labels = append(c.Labels, label{X: pct(b.a), Y: base, DX: 5, Width: int(wide) + 4, PX: 3, Anchor: "start", Class: class + " in-" + b.Class, Text: text, Plate: b.Class == "warn" || b.Class == "unknown"})
				done = true
				break
			}
		}
		if done && inside != "" {
			continue
		}
		if l.Group == "What we did" && below {
			text := b.Labels[len(b.Labels)-1]
			wide := textWidth(text)
			if mid := (a + e) / 2; under.free(mid-wide/2-2, mid+wide/2+2) {
				under.add(mid-wide/2-2, mid+wide/2+2)
				c.Labels = append(c.Labels, label{X: pct((b.a + b.b) / 2), Y: y + height + 14, Anchor: "middle", Class: class + " out", Text: text})
			}
			continue
		}
		for _, text := range b.Labels {
			wide := textWidth(text)
			if e+6+wide < width && row.free(e+1, e+6+wide) {
				row.add(e, e+6+wide)
				c.Labels = append(c.Labels, label{X: pct(b.b), Y: base, DX: 4, Anchor: "start", Class: class + " out", Text: text})
				done = true
				break
			}
			if a-6-wide > 0 && row.free(a-6-wide, a-1) {
				row.add(a-6-wide, a)
				c.Labels = append(c.Labels, label{X: pct(b.a), Y: base, DX: -4, Anchor: "end", Class: class + " out", Text: text})
				done = true
				break
			}
		}
		if done || !below {
			continue
		}
		for _, text := range b.Labels {
			wide := textWidth(text)
			from := min(max(0, (a+e)/2-wide/2), width-wide)
			if under.free(from-3, from+wide+3) {
				under.add(from-3, from+wide+3)
				anchor, at, dx := "middle", (b.a+b.b)/2, 0
				if from+wide >= width-1 {
					anchor, at, dx = "end", 100, -2
				}
				c.Labels = append(c.Labels, label{X: pct(at), Y: y + height + 14, DX: dx, Anchor: anchor, Class: class + " out", Text: text})
				break
			}
		}
	}
	if l.Idle != "" && zoom == 1 {
		c.Labels = append(c.Labels, label{X: "0", Y: base, DX: 5, Anchor: "start", Class: "idle", Text: l.Idle})
	}
}

// marks draws moments; those that would touch become one with a count.
func (c *chart) marks(l laneRow, y, zoom int, x func(time.Time) float64, px func(float64) float64, row *taken, legend map[string]bool) {
	if len(l.Marks) == 0 {
		return
	}
	apart := float64(markApart)
	if len(l.Marks) > crowded {
		apart = crowded
	}
	marks := slices.Clone(l.Marks)
	slices.SortStableFunc(marks, func(a, b mark) int { return a.At.Compare(b.At) })
	narrow := func(p float64) float64 { return p * narrowest / 100 }
	for i := 0; i < len(marks); {
		m, at := marks[i], x(marks[i].At)
		texts := []string{m.Text}
		shape, text := m.Shape, ""
		letter := len(shape) == 1
		if letter {
			text = shape
		}
		j := i + 1
		for j < len(marks) && narrow(x(marks[j].At)-at) < apart+float64(8*len(text)) {
			if letter && !strings.Contains(text, marks[j].Shape) {
				text += "+" + marks[j].Shape
			}
			texts = append(texts, marks[j].Text)
			j++
		}
		d := drawnMark{X: pct(at), Y: y + 9, Shape: shape, Text: text, Title: strings.Join(texts[:min(3, len(texts))], "; "), Event: m.Event}
		if letter {
			d.Shape = "cause"
		}
		if n := j - i; n > 1 && !letter {
			d.Count = fmt.Sprintf("×%d", n)
		}
		if zoom == 1 {
			legend[d.Shape] = true
			c.Marks = append(c.Marks, d)
		}
		row.add(px(at)-8, px(at)+8+7*float64(len(d.Count)))
		i = j
	}
}

var steps = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 48 * time.Hour, 7 * 24 * time.Hour, 28 * 24 * time.Hour,
}

// ticks draws the axis: a step is at least 72 pixels.
func (c *chart) ticks(from, to time.Time, x func(time.Time) float64) {
	for _, zoom := range []int{1, 4} {
		step := steps[len(steps)-1]
		for _, s := range steps {
			if float64(narrowest*zoom)*float64(s)/float64(to.Sub(from)) >= 72 {
				step = s
				break
			}
		}
		format := "15:04"
		switch {
		case step < time.Minute:
			format = "15:04:05"
		case step >= 24*time.Hour:
			format = "2 Jan"
		case to.Sub(from) > 24*time.Hour:
			format = "2 Jan 15:04"
		}
		for t := from.UTC().Truncate(step).Add(step); t.Before(to); t = t.Add(step) {
			at := x(t)
			k := tick{X: pct(at), Text: t.Format(format), Class: fmt.Sprintf("z%d", zoom)}
			edge := 100 * 32 / float64(narrowest*zoom)
			if at < edge || at > 100-edge {
				k.Text = ""
			}
			c.Ticks = append(c.Ticks, k)
		}
	}
}

// textWidth is how wide a label is at most, in pixels: by the widths of DejaVu
// Sans Bold at 11 px, the widest of the usual system fonts.
func textWidth(s string) float64 {
	w := 0.0
	for _, r := range s {
		switch {
		case strings.ContainsRune("ijl.,:;|!'I", r):
			w += 4.2
		case strings.ContainsRune("ft() -/r", r):
			w += 5.2
		case strings.ContainsRune("mwMW@%", r):
			w += 11.6
		case r >= 'A' && r <= 'Z' || r == '_':
			w += 8.6
		case r >= 0x2e80:
			w += 11
		default:
			w += 7.7
		}
	}
	return math.Ceil(w)
}

func first(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}

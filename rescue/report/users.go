package report

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/rescue"
)

// band is what users of one service had, in order and without gaps.
type band struct {
	Service   string     `json:"service"`
	Intervals []interval `json:"intervals"`
}

// interval is a stretch of time in one state: served, degraded, not-served or
// unknown. Open means that it goes on beyond the story.
type interval struct {
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	State string    `json:"state"`
	Why   string    `json:"why,omitempty"`
	Open  bool      `json:"open,omitempty"`
}

// Lost is how long users of any service were not served.
func (s *Story) Lost() time.Duration {
	var longest time.Duration
	for _, b := range s.Users {
		var sum time.Duration
		for _, i := range b.Intervals {
			if i.State == "not-served" {
				sum += i.To.Sub(i.From)
			}
		}
		longest = max(longest, sum)
	}
	return longest
}

// sample is what a capture saw.
type sample struct {
	at    time.Time
	users []rescue.Users
}

// point is when the state of a service changed, or was seen.
type point struct {
	at      time.Time
	state   string
	why     string
	sampled bool
}

var (
	stopped = regexp.MustCompile(`has stopped (\d+) running tasks?`)
	started = regexp.MustCompile(`has started (\d+) tasks?`)
	steady  = regexp.MustCompile(`has reached a steady state|deployment completed`)
)

// toStart is how long before a stop a task must have been started to count as one
// that replaces what is stopped.
const toStart = 5 * time.Second

// startedTasks is how many tasks an event says were started.
func startedTasks(text string) int {
	m := started.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return 0
	}
	return n
}

// tooLong is the longest stretch between two looks that is not called unknown.
const tooLong = 2 * time.Minute

// users reads off events, steps and captures when users were served: a count at
// two moments says nothing of what was between them.
func (t *teller) users() {
	if len(t.in.Captures) == 0 {
		return
	}
	last := t.in.Captures[len(t.in.Captures)-1]
	for _, f := range last.Services {
		name := f.Service.String()
		points := t.points(name)
		if len(points) == 0 {
			continue
		}
		t.s.Users = append(t.s.Users, band{say(name), intervals(points, t.s.Begin, t.s.End)})
	}
}

func (t *teller) points(service string) []point {
	var out []point
	for _, b := range t.in.Captures {
		for _, f := range b.Services {
			if f.Service.String() != service {
				continue
			}
			events := serviceEvents(b, f)
			slices.Reverse(events) // ECS lists the newest first
			slices.SortStableFunc(events, func(a, b serviceEvent) int { return a.At.Compare(b.At) })
			var fresh []time.Time // when the tasks were started that may replace others
			var before serviceEvent
			for _, e := range events {
				for range startedTasks(e.Text) {
					fresh = append(fresh, e.At)
				}
				if e.At.Before(t.s.Begin) {
					if before = e; steady.MatchString(e.Text) {
						fresh = nil
					}
					continue
				}
				if m := stopped.FindStringSubmatch(e.Text); m != nil {
					n, err := strconv.Atoi(m[1])
					if replaced := len(fresh); err == nil && replaced >= n && e.At.Sub(fresh[replaced-n]) > toStart {
						fresh = fresh[:replaced-n] // a deployment that starts tasks before it stops others
						continue
					}
					state := "degraded"
					if err == nil && n >= max(f.Desired, 1) {
						state = "not-served"
					}
					out = append(out, point{e.At, state, "ECS stopped " + counted(n, "running task"), false})
				} else if steady.MatchString(e.Text) && f.Desired > 0 {
					fresh = nil
					out = append(out, point{e.At, "served", "ECS calls the service steady", false})
				}
			}
			if steady.MatchString(before.Text) && f.Desired > 0 {
				// The last that ECS said before: it is silent as long as nothing changes.
				out = append(out, point{t.s.Begin, "served", "ECS has called the service steady at " + t.s.moment(before.At), false})
			}
		}
	}
	for _, x := range t.s.Steps {
		if (x.Kind == "redeploy" || x.Kind == "proof" && strings.Contains(x.Text, "the deployment of")) && x.Outcome == "done" && strings.Contains(x.Text, service) {
			out = append(out, point{x.Began.Add(x.Took), "served", "our step " + strconv.Itoa(x.Number), false})
		}
	}
	for _, s := range t.saw {
		for _, u := range s.users {
			if u.Service.String() == service {
				out = append(out, point{s.at, userState(u.State), "seen by a capture", true})
			}
		}
	}
	if r := t.in.Report; r != nil {
		for _, u := range r.Users {
			if u.Service.String() == service {
				out = append(out, point{t.s.End, userState(u.State), "seen at the end", true})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b point) int { return a.at.Compare(b.at) })
	return slices.CompactFunc(out, func(a, b point) bool { return a.at.Equal(b.at) && a.state == b.state })
}

func userState(s rescue.UserState) string {
	switch s {
	case "served", "scaled-to-zero":
		return "served"
	case "partly-served":
		return "degraded"
	case "not-served":
		return "not-served"
	}
	return "unknown"
}

// intervals joins points. What is not seen for long is unknown; not served lasts
// until something says that it ended.
func intervals(points []point, begin, end time.Time) []interval {
	if begin.IsZero() || begin.After(points[0].at) {
		begin = points[0].at
	}
	if end.Before(points[len(points)-1].at) {
		end = points[len(points)-1].at
	}
	var out []interval
	put := func(from, to time.Time, state, why string) {
		if !to.After(from) {
			return
		}
		if n := len(out); n > 0 && out[n-1].State == state {
			out[n-1].To = to
			return
		}
		out = append(out, interval{From: from, To: to, State: state, Why: why})
	}
	first := points[0]
	switch {
	case !first.sampled && first.state != "served":
		put(begin, first.at, "served", "tasks ran until ECS stopped them")
	case first.at.Sub(begin) > tooLong:
		put(begin, first.at, "unknown", "nothing was seen before")
	default:
		put(begin, first.at, first.state, first.why)
	}
	points = slices.Clone(points)
	for i := 1; i < len(points); i++ {
		// A task that ECS stops is none that served, where none did.
		if p := &points[i]; !p.sampled && p.state == "degraded" && points[i-1].state != "served" {
			p.state, p.why = points[i-1].state, points[i-1].why
		}
	}
	for i, p := range points {
		to := end
		if i+1 < len(points) {
			to = points[i+1].at
		}
		if i+1 < len(points) && points[i+1].sampled && points[i+1].state != p.state && to.Sub(p.at) > tooLong && (p.sampled || p.state == "served") {
			put(p.at, to, "unknown", fmt.Sprintf("%s at %s, %s at %s", p.state, clockTime(p.at), points[i+1].state, clockTime(to)))
			continue
		}
		put(p.at, to, p.state, p.why)
	}
	if n := len(out); n > 0 {
		out[n-1].Open = true
	}
	return out
}

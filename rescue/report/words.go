package report

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// duration is a time span as people say it: "21 min 10 s".
func duration(d time.Duration) string {
	d = d.Round(time.Second)
	switch {
	case d < 0:
		return "-" + duration(-d)
	case d < time.Second:
		return "< 1 s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return join(fmt.Sprintf("%d min", d/time.Minute), int(d%time.Minute/time.Second), "s")
	case d < 48*time.Hour:
		return join(fmt.Sprintf("%d h", d/time.Hour), int(d%time.Hour/time.Minute), "min")
	}
	return join(fmt.Sprintf("%d days", d/(24*time.Hour)), int(d%(24*time.Hour)/time.Hour), "h")
}

func join(a string, n int, unit string) string {
	if n == 0 {
		return a
	}
	return fmt.Sprintf("%s %d %s", a, n, unit)
}

func clockTime(t time.Time) string { return t.UTC().Format("15:04:05") }

// Moment is a time of the story, in UTC, with its day where that is another one
// than that of the beginning.
func (s *Story) Moment(t time.Time) string { return s.moment(t) }

// moment is a time with its day where that is not the story's.
func (s *Story) moment(t time.Time) string {
	if s.Begin.IsZero() || t.UTC().Format(time.DateOnly) == s.Begin.UTC().Format(time.DateOnly) {
		return clockTime(t)
	}
	return t.UTC().Format("2 Jan 15:04:05")
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=,-]+$`)

// shell quotes a word for a POSIX shell.
func shell(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// counted is "1 check" or "3 checks".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

package ecsx

import (
	"cmp"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/stackrescue/stackrescue/internal/neutral"
)

// maxExcerpt is how many characters of a line are quoted.
const maxExcerpt = 400

// excerpt is the line of the log that a person would quote: the message of an
// uncaught exception or panic, else the last line that its writer marked as an
// error, else the last that speaks of one, else the last at all. It is one line
// without control characters.
func (l Log) excerpt() string {
	text, _ := l.quote()
	return text
}

// weightMarked is the least weight of a line that its writer marked as an error.
const weightMarked = 3

// quote is the excerpt with how much it tells.
func (l Log) quote() (text string, weight int) {
	lines := make([]string, len(l.Lines))
	for i, x := range l.Lines {
		lines[i] = plain(x.Message)
	}
	best, weight := "", -1
	for i, line := range lines {
		if strings.TrimSpace(line) == "" {
			continue
		}
		text, w := weigh(lines, i)
		if w >= weight {
			best, weight = text, w
		}
	}
	best = neutral.Line(strings.TrimSpace(best))
	if r := []rune(best); len(r) > maxExcerpt {
		best = string(r[:maxExcerpt]) + "…"
	}
	return best, weight
}

// sequences are those that colour a terminal or set its title.
var sequences = regexp.MustCompile("\x1b\\[[0-9;?]*[ -/]*[@-~]|\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|\x1b[@-_]")

func plain(s string) string { return sequences.ReplaceAllString(s, "") }

var (
	// Lines that carry the message of what ended a program.
	uncaught = regexp.MustCompile(`^(?:panic: |fatal error: |Unhandled exception|Uncaught |PHP Fatal error|thread '.*' panicked at|Caused by: |Exception in thread|\*\* \(|terminate called|\s*what\(\):|\s*---> |Segmentation fault|FATAL EXCEPTION)` +
		`|^(?:[A-Za-z_$][\w$]*[.:]{1,2})*(?:[A-Z]\w*)?(?:Error|Exception|Exit|Interrupt|Failure|Configured|DoesNotExist)\b(?: \[\w+\])?(?:: |$)` +
		`|^.+:\d+:in .+ \(\w+(?:::\w+)*\)$`)
	// Marks that a writer gives to what is an error.
	marked = regexp.MustCompile(`(?:^|[\s\[|"=(:])(?:ERROR|FATAL|CRITICAL|SEVERE|EMERG|ALERT|ERR|Fatal|emerg|crit|alert|error|fatal)(?:$|[\s\]|":=),])`)
	// Words of trouble.
	telling = regexp.MustCompile(`(?i)\b(?:errors?|fatal|panic|exception|critical|denied|refused|failed|failure|cannot|can't|could not|couldn't|unable|no such|not found|missing|duplicate|violat\w*|unbound|undefined|invalid|already in use|timed? ?out|abort\w*|killed)\b`)
	// Words of trouble that are said where there is none.
	benign = regexp.MustCompile(`(?i)\b(?:0|no|zero|without(?: any)?) (?:errors?|failures?|failed)\b|\berrors?["']?\s*[:=]\s*(?:0\b|<?nil>?|null|none|false|\[\]|"")|\bfail(?:ed|ures)?["']?\s*[:=]\s*0\b|exit(?:ing|ed)? (?:pid|normally|gracefully)`)
	quiet  = regexp.MustCompile(`(?:^|[\s\[|"=(:])(?:INFO|DEBUG|TRACE|NOTICE|info|debug|notice|trace)(?:$|[\s\]|":=),])`)
	// Headings that stand alone before the message itself.
	headline = regexp.MustCompile(`^(?:Error: P\d+|Description:|Error:|ERROR:|FATAL:|Message:|Details?:|Caused by:)$`)
	numbered = regexp.MustCompile(`^\s+\d+: `)
	frame    = regexp.MustCompile(`^\s+(?:at |File "|from |in |\.\.\. \d+ more|#\d+ )|^#\d+ |^goroutine \d+|^Stack ?trace:|^Traceback |^During handling of|^The above exception`)
)

// weigh says how much a line tells, with the text to quote for it.
func weigh(lines []string, i int) (text string, weight int) {
	line := strings.TrimRight(lines[i], " \t\r")
	if t, level, ok := structured(line); ok {
		switch {
		case strings.HasPrefix(level, "err"), strings.HasPrefix(level, "crit"), strings.HasPrefix(level, "fatal"), strings.HasPrefix(level, "panic"), strings.HasPrefix(level, "emerg"):
			return t, 3
		case level != "":
			return t, 0
		}
		line = t
	}
	trimmed := strings.TrimSpace(line)
	switch {
	case frame.MatchString(line):
		return line, 0
	case headline.MatchString(trimmed):
		if next := after(lines, i); next != "" {
			return strings.TrimSuffix(trimmed, ":") + ": " + next, 4
		}
		return line, 1
	case uncaught.MatchString(line):
		if next := after(lines, i); strings.HasSuffix(line, ":") && next != "" {
			line += " " + next
		}
		return line, 4
	case benign.MatchString(line):
		return line, 0
	case quiet.MatchString(line) && !marked.MatchString(line):
		return line, 0
	case marked.MatchString(line):
		return line, 3
	case telling.MatchString(line):
		return line, 2
	}
	return line, 0
}

// after is the next line that says something; of a numbered chain of causes the
// last.
func after(lines []string, i int) string {
	found := ""
	for _, l := range lines[i+1:] {
		if t := strings.TrimSpace(l); t != "" && !numbered.MatchString(l) {
			return cmp.Or(found, t)
		} else if t != "" {
			found = numbered.ReplaceAllString(l, "")
		}
	}
	return found
}

// structured reads a line that is a JSON object, as loggers write them.
func structured(line string) (text, level string, ok bool) {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "{") {
		return "", "", false
	}
	var m map[string]any
	if json.Unmarshal([]byte(line), &m) != nil {
		return "", "", false
	}
	get := func(keys ...string) string {
		for _, k := range keys {
			if s, ok := m[k].(string); ok && s != "" {
				return s
			}
		}
		return ""
	}
	level = strings.ToLower(get("level", "severity", "lvl", "log.level", "levelname", "@l"))
	text = get("msg", "message", "@m", "event", "error", "err", "exception")
	if e := get("error", "err", "exception", "exc_info", "stack"); e != "" && e != text {
		e, _, _ = strings.Cut(e, "\n")
		text += ": " + e
	}
	if text == "" {
		return line, level, true
	}
	return text, level, true
}

package ecsx

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Cause is why one task stopped, in one line and in parts.
type Cause struct {
	Class Class `json:"class"`
	// Container is the container it began with; "" when the task as a whole
	// was stopped.
	Container string `json:"container,omitempty"`
	// ExitCode is that container's; nil when it has none.
	ExitCode *int `json:"exitCode,omitempty"`
	// Summary is one line: what stopped and why.
	Summary string `json:"summary"`
	// Excerpt is the line of its log that says most; "" without a log.
	Excerpt string `json:"excerpt,omitempty"`
	// Reference is the image, secret or log group in question, as AWS wrote it;
	// "" where none is named.
	Reference string `json:"reference,omitempty"`
	// Next is what an operator does about it, as precisely as the texts allow:
	// for a denial the role, the action and the resource.
	Next string `json:"next,omitempty"`
}

// Classify joins stop code, reasons, exit codes and logs of a stopped task into
// one cause. What ECS says of a task and of its containers is read together:
// which level has the cause depends on the launch type (docs/aws/ecs.md 1.2).
// Texts that it does not know give the class "unknown" with the text. It is pure.
func (t StoppedTask) Classify() Cause {
	c := classify(t)
	c.Next = cmp.Or(c.Next, c.Class.NextStep())
	return c
}

func classify(t StoppedTask) Cause {
	said := sayings(t)
	for _, s := range said {
		if c, ok := s.cause(); ok {
			if c.Class == classHealthCheck {
				return unhealthy(t, c)
			}
			if x := t.Container(c.Container); x != nil {
				c.ExitCode = x.ExitCode
			}
			return c
		}
	}
	summary := "no reason given"
	if len(said) > 0 {
		summary = firstLine(said[0].text)
	}
	switch t.StopCode {
	case types.TaskStopCodeUserInitiated:
		return Cause{Class: classStoppedByUser, Summary: summary}
	case types.TaskStopCodeSpotInterruption, types.TaskStopCodeTerminationNotice, "InfrastructureHealth":
		return Cause{Class: classInterrupted, Summary: summary}
	}
	if c := culprit(t); c != nil {
		return exited(*c)
	}
	if succeeded(t) {
		return Cause{Class: classSucceeded, Summary: "every container exited with 0"}
	}
	if t.Expired && len(said) == 0 {
		return lastWords(t)
	}
	return Cause{Class: classUnknown, Summary: summary}
}

// saying is one text of ECS's about a task, with the container it is about.
type saying struct{ container, text string }

// sayings are the texts about a task, those that name a cause before such as
// "Task failed to start". The agent writes a typographic apostrophe, other
// parts of ECS do not.
func sayings(t StoppedTask) []saying {
	quotes := strings.NewReplacer("’", "'", "‘", "'")
	var out []saying
	if t.Reason != "" {
		out = append(out, saying{"", quotes.Replace(t.Reason)})
	}
	for _, c := range t.Containers {
		if c.Reason != "" {
			out = append(out, saying{c.Name, quotes.Replace(c.Reason)})
		}
	}
	slices.SortStableFunc(out, func(a, b saying) int { return cmp.Compare(a.rank(), b.rank()) })
	return out
}

// rank puts what killed a container before what stopped the task for it.
func (s saying) rank() int {
	if c, ok := s.cause(); ok && c.Class == classOutOfMemory {
		return 0
	}
	return 1
}

// culprit is the container the task stopped for: the first essential one that
// exited by itself. Codes of victims (143, and 137 without an out-of-memory
// reason) count only where nobody has another.
func culprit(t StoppedTask) *StoppedContainer {
	var victim, other *StoppedContainer
	for i := range t.Containers {
		c := &t.Containers[i]
		if c.ExitCode == nil {
			continue
		}
		switch *c.ExitCode {
		case 0:
		case 137, 143:
			if victim == nil {
				victim = c
			}
		default:
			if c.Essential {
				return c
			}
			if other == nil {
				other = c
			}
		}
	}
	if other != nil {
		return other
	}
	if t.StopCode != types.TaskStopCodeEssentialContainerExited {
		return nil
	}
	if victim != nil {
		return victim
	}
	if t.service() {
		for i := range t.Containers {
			if c := &t.Containers[i]; c.Essential && c.ExitCode != nil {
				return c // an essential container of a service must not exit, not even with 0
			}
		}
	}
	return nil
}

func exited(c StoppedContainer) Cause {
	code := *c.ExitCode
	out := Cause{Class: classApplication, Container: c.Name, ExitCode: &code, Excerpt: c.Log.excerpt()}
	switch {
	case strings.Contains(out.Excerpt, "exec format error"):
		out.Class = classImagePlatform
	case code == 126 || code == 127:
		out.Class = classCommand
	case code == 0:
		out.Next = "an essential container of a service must not end: check its command, then its log"
	}
	out.Summary = fmt.Sprintf("container %s exited with %d", c.Name, code)
	if out.Excerpt != "" {
		out.Summary += ": " + out.Excerpt
	}
	return out
}

// unhealthy adds what the unhealthy container said last.
func unhealthy(t StoppedTask, c Cause) Cause {
	for _, x := range t.Containers {
		if e := x.Log.excerpt(); e != "" && (c.Container == "" || x.Unhealthy) {
			c.Container, c.Excerpt = x.Name, e
			if x.Unhealthy {
				break
			}
		}
	}
	if c.Excerpt != "" {
		c.Summary += "; container " + c.Container + " said: " + c.Excerpt
	}
	return c
}

// lastWords is what the logs alone tell of a task that ECS has forgotten: that an
// application failed where one of them ends in an error, else nothing for sure.
func lastWords(t StoppedTask) Cause {
	out := Cause{Class: classUnknown, Summary: "ECS has forgotten the task"}
	best := -1
	for _, c := range t.Containers {
		end := c.Log
		end.Lines = end.Lines[max(0, len(end.Lines)-lastLines):]
		if text, weight := end.quote(); text != "" && weight > best {
			best = weight
			out.Container, out.Excerpt = c.Name, text
		}
	}
	if out.Excerpt == "" {
		return out
	}
	out.Summary += "; container " + out.Container + " said: " + out.Excerpt
	if best >= weightMarked {
		out.Class = classApplication
	}
	return out
}

// lastLines is how many lines before its end show what a container died of.
const lastLines = 50

func succeeded(t StoppedTask) bool {
	if len(t.Containers) == 0 || t.service() {
		return false
	}
	for _, c := range t.Containers {
		if c.ExitCode == nil && c.Essential || c.ExitCode != nil && *c.ExitCode != 0 {
			return false
		}
	}
	return true
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}

// RootCause picks the cause that explains most among tasks of one deployment:
// applications' own errors and missing things before failed health checks, and
// among equals the one that was first. ok is false when no task failed.
func RootCause(tasks []StoppedTask) (c Cause, ok bool) {
	var best *StoppedTask
	for i := range tasks {
		t := &tasks[i]
		if !t.Cause.Class.Failure() {
			continue
		}
		if best == nil || t.Cause.Class.rank() > best.Cause.Class.rank() ||
			t.Cause.Class.rank() == best.Cause.Class.rank() && earlier(t, best) {
			best = t
		}
	}
	if best == nil {
		return Cause{}, false
	}
	return best.Cause, true
}

// earlier compares AWS's timestamps with each other only. Of two failures at
// about one time, the one with a log excerpt tells more.
func earlier(a, b *StoppedTask) bool {
	if (a.Cause.Excerpt == "") != (b.Cause.Excerpt == "") {
		return a.Cause.Excerpt != ""
	}
	return a.StoppingAt.Before(b.StoppingAt)
}

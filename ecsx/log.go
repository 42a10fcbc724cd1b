package ecsx

import (
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// LogState is how much of a container's log was read. It is one of
//   - "": not asked for;
//   - "never-started": the container never ran: there is no log;
//   - "stream-missing": it ran; group or stream is not there;
//   - "empty": the stream has no line;
//   - "partial": an error cut the reading short;
//   - "complete": all that CloudWatch Logs had after the settling time;
//   - "elsewhere": another driver than awslogs, or none.
type LogState string

const (
	logNotRead       LogState = ""
	logNeverStarted  LogState = "never-started"
	logStreamMissing LogState = "stream-missing"
	logEmpty         LogState = "empty"
	logPartial       LogState = "partial"
	logComplete      LogState = "complete"
	logElsewhere     LogState = "elsewhere"
)

// Log is what was read of one container's log.
type Log struct {
	State LogState `json:"state"`
	// Driver is the log driver where it is not awslogs; "" where there is none.
	Driver string `json:"driver,omitempty"`
	// Region, Group and Stream are where the log is; "" where it is elsewhere.
	Region string `json:"region,omitempty"`
	Group  string `json:"group,omitempty"`
	Stream string `json:"stream,omitempty"`
	// Lines are in the order of CloudWatch Logs.
	Lines []Line `json:"lines,omitempty"`
	// Dropped is how many older lines were left out for the sake of the limit.
	Dropped int `json:"dropped,omitempty"`
	// Problem is why the log is partial or missing; "" otherwise.
	Problem string `json:"problem,omitempty"`

	retry bool // the reason may pass
}

// Messages are the lines' texts.
func (l Log) Messages() []string {
	out := make([]string, len(l.Lines))
	for i, x := range l.Lines {
		out[i] = x.Message
	}
	return out
}

// Line is one log event.
type Line struct {
	Time    time.Time `json:"time"`
	Message string    `json:"message"`
}

var digits = regexp.MustCompile(`[0-9a-f]{8,}|\d+`)

func itoa(n int) string { return strconv.Itoa(n) }

// locate says where the container's log is, from the definition it ran with
// (docs/aws/ecs.md 1.6): prefix/container/task, or without a prefix the
// runtime's id.
func locate(def types.ContainerDefinition, found bool, c StoppedContainer, taskARN, region string) Log {
	lc := def.LogConfiguration
	if !found || lc == nil {
		return Log{State: logElsewhere}
	}
	if lc.LogDriver != types.LogDriverAwslogs {
		return Log{State: logElsewhere, Driver: string(lc.LogDriver)}
	}
	l := Log{Region: region, Group: lc.Options["awslogs-group"]}
	if r := lc.Options["awslogs-region"]; r != "" {
		l.Region = r
	}
	if p := lc.Options["awslogs-stream-prefix"]; p != "" {
		l.Stream = p + "/" + c.Name + "/" + afterSlash(taskARN)
	} else {
		l.Stream = c.runtime
	}
	if c.ExitCode == nil && c.runtime == "" {
		l.State = logNeverStarted
	}
	return l
}

// inOrder puts lines of the same time, which were read newest first, back into
// the order in which they were written.
func (l *Log) inOrder() {
	for i := 0; i < len(l.Lines); {
		j := i + 1
		for j < len(l.Lines) && l.Lines[j].Time.Equal(l.Lines[i].Time) {
			j++
		}
		slices.Reverse(l.Lines[i:j])
		i = j
	}
}

// trim cuts what is over the limit, the oldest first.
func (l *Log) trim(limit int) {
	if over := len(l.Lines) - limit; limit > 0 && over > 0 {
		l.Dropped += over
		l.Lines = slices.Clone(l.Lines[over:])
	}
}

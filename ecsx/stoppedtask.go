package ecsx

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// StoppedTask is a task that stopped, with what is known about why.
type StoppedTask struct {
	ARN            string `json:"arn"`
	TaskDefinition string `json:"taskDefinition,omitempty"`
	// Group is "service:NAME" for tasks of a service, "family:NAME" otherwise.
	Group string `json:"group,omitempty"`
	// StartedBy is the deployment's id for tasks of a service.
	StartedBy string             `json:"startedBy,omitempty"`
	StopCode  types.TaskStopCode `json:"stopCode,omitempty"`
	// Reason is the task's; the containers have their own.
	Reason string `json:"reason,omitempty"`

	// Times are AWS's; zero where the task did not get that far.
	CreatedAt  time.Time `json:"createdAt,omitzero"`
	StartedAt  time.Time `json:"startedAt,omitzero"`
	StoppingAt time.Time `json:"stoppingAt,omitzero"`
	StoppedAt  time.Time `json:"stoppedAt,omitzero"`

	// Expired means that ECS forgot the task before it was described: only the
	// ARN is known, and the logs where the query names the task definition.
	Expired bool `json:"expired,omitempty"`
	// LogOnly means that the task is known from its log group only, because ECS
	// has forgotten it: ARN is its id, and what is in Containers is what its log
	// streams say. Neither its service nor its revision nor its cluster is known;
	// other tasks may share the group and the prefix.
	LogOnly bool `json:"logOnly,omitempty"`
	// Stopping means that the task was still on its way down: exit codes, times
	// and logs may be missing. A later call hands it over again, as stopped.
	Stopping   bool               `json:"stopping,omitempty"`
	Containers []StoppedContainer `json:"containers,omitempty"`
	Cause      Cause              `json:"cause"`
	// Like is the ARN of a task that stopped in the same way, whose logs were
	// read instead of this one's; "" where this one's were.
	Like string `json:"like,omitempty"`
	// Problem is why the record is not whole, such as a task definition that
	// could not be described; "" otherwise. Logs have one of their own.
	Problem string `json:"problem,omitempty"`

	region string
	unread bool // something failed that may pass: a later call is to try again
	// last and lastLine are the newest line of a task that is known from its logs.
	last     time.Time
	lastLine string
}

// StoppedContainer is one container of a stopped task. Containers that ECS
// injected, such as a service mesh's, are included.
type StoppedContainer struct {
	Name        string `json:"name"`
	Image       string `json:"image,omitempty"`
	ImageDigest string `json:"imageDigest,omitempty"`
	Reason      string `json:"reason,omitempty"`
	// ExitCode is nil when the container never ran.
	ExitCode *int `json:"exitCode,omitempty"`
	// Essential is as in the task definition; true where that is not known.
	Essential bool `json:"essential"`
	// Unhealthy is what its health check said last.
	Unhealthy bool `json:"unhealthy,omitempty"`
	Log       Log  `json:"log"`

	runtime  string
	from, to time.Time // of which the log is read; zero is open
	settled  bool      // nothing more of its log will come
}

// retention is the least time for which a stopped task can be described
// (docs/aws/ecs.md 1.1).
const retention = time.Hour

// ExpiresAt is the time from which ECS may have forgotten the task; zero while
// it has not stopped.
func (t StoppedTask) ExpiresAt() time.Time {
	if t.StoppedAt.IsZero() {
		return time.Time{}
	}
	return t.StoppedAt.Add(retention)
}

// Failed reports whether the task stopped for a failure.
func (t StoppedTask) Failed() bool { return t.Cause.Class.Failure() }

func (t StoppedTask) service() bool { return strings.HasPrefix(t.Group, "service:") }

func stoppedTask(t types.Task) StoppedTask {
	out := StoppedTask{
		ARN: aws.ToString(t.TaskArn), TaskDefinition: aws.ToString(t.TaskDefinitionArn), Group: aws.ToString(t.Group),
		StartedBy: aws.ToString(t.StartedBy), StopCode: t.StopCode, Reason: aws.ToString(t.StoppedReason),
		CreatedAt: aws.ToTime(t.CreatedAt), StartedAt: aws.ToTime(t.StartedAt), StoppingAt: aws.ToTime(t.StoppingAt), StoppedAt: aws.ToTime(t.StoppedAt),
	}
	if parts := strings.Split(out.ARN, ":"); len(parts) > 3 {
		out.region = parts[3]
	}
	for _, c := range t.Containers {
		x := StoppedContainer{
			Name: aws.ToString(c.Name), Image: aws.ToString(c.Image), ImageDigest: aws.ToString(c.ImageDigest),
			Reason: aws.ToString(c.Reason), Essential: true, Unhealthy: c.HealthStatus == types.HealthStatusUnhealthy,
			runtime: aws.ToString(c.RuntimeId),
		}
		if c.ExitCode != nil {
			x.ExitCode = new(int(*c.ExitCode))
		}
		out.Containers = append(out.Containers, x)
	}
	return out
}

// Container is the container of that name; nil where the task has none, or is
// forgotten.
func (t *StoppedTask) Container(name string) *StoppedContainer {
	if t == nil {
		return nil
	}
	for i := range t.Containers {
		if t.Containers[i].Name == name {
			return &t.Containers[i]
		}
	}
	return nil
}

// likeness is the same for tasks that stopped in the same way, as far as their
// metadata shows: a crash loop.
func (t StoppedTask) likeness() string {
	if t.Expired && !t.LogOnly && t.TaskDefinition == "" {
		return t.ARN // nothing is known of it: no other is like it
	}
	var b strings.Builder
	b.WriteString(digits.ReplaceAllString(t.lastLine, "0") + "|")
	b.WriteString(t.TaskDefinition + "|" + string(t.StopCode) + "|" + t.StartedBy + "|")
	b.WriteString(digits.ReplaceAllString(t.Reason, "0"))
	for _, c := range t.Containers {
		b.WriteString("|" + c.Name + digits.ReplaceAllString(c.Reason, "0"))
		if c.ExitCode != nil {
			b.WriteString(":" + itoa(*c.ExitCode))
		}
	}
	return b.String()
}

package ecsx

import (
	"cmp"
	"fmt"
	"regexp"
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
	// Reference is the image, secret or log group that is meant, as AWS wrote
	// it; "" where none is named.
	Reference string `json:"reference,omitempty"`
}

// Classify joins stop code, reasons, exit codes and log of a stopped task into
// one cause. It is pure; the texts it knows are those of docs/aws/ecs.md 1.2.
func Classify(t StoppedTask) Cause {
	text := reasons(t)
	for _, k := range known {
		if k.re.MatchString(text) {
			c := Cause{Class: k.class, Summary: firstLine(text)}
			if m := k.re.FindStringSubmatch(text); len(m) > 1 {
				c.Reference = strings.TrimRight(m[1], ".:")
			}
			if t.StopCode == types.TaskStopCodeServiceSchedulerInitiated && k.class == ClassHealthCheck {
				return unhealthy(t, c)
			}
			return c
		}
	}
	if c := culprit(t); c != nil {
		return exited(*c)
	}
	switch t.StopCode {
	case types.TaskStopCodeUserInitiated:
		return Cause{Class: ClassStoppedByUser, Summary: firstLine(text)}
	case types.TaskStopCodeSpotInterruption, types.TaskStopCodeTerminationNotice:
		return Cause{Class: ClassInterrupted, Summary: firstLine(text)}
	}
	if succeeded(t) {
		return Cause{Class: ClassSucceeded, Summary: "every container exited with 0"}
	}
	return Cause{Class: ClassUnknown, Summary: cmp.Or(firstLine(text), "no reason given")}
}

// known are the texts by which ECS tells a cause, most telling first. Quotes
// are normalised before they are compared: the agent writes a typographic
// apostrophe, other parts of ECS do not.
var known = []struct {
	class Class
	re    *regexp.Regexp
}{
	{ClassReplaced, regexp.MustCompile(`^Scaling activity initiated by`)},
	{ClassOutOfMemory, regexp.MustCompile(`(?i)OutOfMemoryError|killed due to memory usage`)},
	{ClassImagePlatform, regexp.MustCompile(`(?i)descriptor matching platform|exec format error|no match for platform`)},
	{ClassImageDenied, regexp.MustCompile(`(?i)CannotPull\S*.*(?:pull access denied|not authorized|AccessDenied|403 Forbidden|access to the resource is denied|CannotPullContainerAuthError)|CannotPullContainerAuthError`)},
	{ClassImageMissing, regexp.MustCompile(`(?i)CannotPull\S*.*failed to resolve ref (\S+): .*not found`)},
	{ClassImageMissing, regexp.MustCompile(`(?i)CannotPull\S*.*(?:not found|does not exist|manifest unknown|ImageNotFound|API error \(404\))`)},
	{ClassImagePull, regexp.MustCompile(`CannotPull\S*`)},
	{ClassLogGroupMissing, regexp.MustCompile(`(?i)logger args.*log group does not exist|cannot find the Amazon CloudWatch log group`)},
	{ClassSecretDenied, regexp.MustCompile(`(?is)(?:secret|asm|ssm).*(?:AccessDenied|not authorized)`)},
	{ClassSecretFormat, regexp.MustCompile(`(?i)unable to pull secrets.*invalid character`)},
	{ClassSecretMissing, regexp.MustCompile(`(?is)(?:secret|asm|ssm).*?(arn:\S+:(?:secretsmanager|ssm):\S+?)'?\s.*(?:ResourceNotFound|can't find|ParameterNotFound|invalid parameters)`)},
	{ClassSecretMissing, regexp.MustCompile(`(?is)(?:secret|asm|ssm).*(?:ResourceNotFound|can't find the specified secret|can't retrieve the secret|ParameterNotFound|invalid parameters)`)},
	{ClassSecretMissing, regexp.MustCompile(`(?i)unable to pull secrets or registry auth: \S+: not found`)},
	{ClassCapacity, regexp.MustCompile(`(?i)RESOURCE:|NO ACTIVE INSTANCES|EMPTY CAPACITY PROVIDER|placement constraint unsatisfied|capacity is unavailable|capacity was available`)},
	{ClassInitialization, regexp.MustCompile(`(?i)ResourceInitializationError|resource cannot be initialized|Cannot(?:Start|Create|Stop|Inspect)\w*Error|ContainerRuntime\w*Error|DockerTimeoutError`)},
	{ClassHealthCheck, regexp.MustCompile(`(?i)failed (?:container|ELB|Elastic Load Balancing) health checks`)},
	{ClassInterrupted, regexp.MustCompile(`(?i)Spot Task was interrupted|Host EC2|performing maintenance|task retirement|deregistration forced`)},
	{ClassStoppedByUser, regexp.MustCompile(`^Task stopped by user`)},
}

func reasons(t StoppedTask) string {
	parts := []string{t.Reason}
	for _, c := range t.Containers {
		if c.Reason != "" {
			parts = append(parts, c.Name+": "+c.Reason)
		}
	}
	text := strings.Join(parts, "\n")
	return strings.NewReplacer("’", "'", "‘", "'").Replace(text)
}

// culprit is the container the task stopped for: the first essential one that
// exited by itself. Codes of victims (143, and 137 without an out-of-memory
// reason) count only where nobody has another.
func culprit(t StoppedTask) *StoppedContainer {
	var victim *StoppedContainer
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
			return c
		}
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
	out := Cause{Class: ClassApplication, Container: c.Name, ExitCode: &code, Excerpt: c.Log.excerpt()}
	if code == 126 || code == 127 {
		out.Class = ClassCommand
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

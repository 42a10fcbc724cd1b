package rescue

import (
	"context"
	"fmt"
	"slices"
	"strings"

	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/internal/redact"
)

// ImageUser is what runs images beside the services: a Lambda function of package
// type Image, or a task that a rule or a schedule of EventBridge starts.
type ImageUser struct {
	StackID   string `json:"stackId"`
	LogicalID string `json:"logicalId"`
	// Type is the resource's, such as "AWS::Lambda::Function", Name its physical id.
	Type string `json:"type"`
	Name string `json:"name"`
	// TaskDefinition is the revision that a scheduled task runs, Cluster where.
	TaskDefinition string `json:"taskDefinition,omitempty"`
	Cluster        string `json:"cluster,omitempty"`
	// Images are what it runs, as references; they are unknown where Unread says why.
	Images []string `json:"images,omitempty"`
	// State is what Lambda says of the function, "" where it was not asked;
	// Reason is why that is so, or what the latest failed task died of.
	State  string `json:"state,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Unread is why something of it is not known.
	Unread string `json:"unread,omitempty"`
	// Trouble is why it cannot run, by its images and its state; "" where nothing is
	// known to be wrong.
	Trouble string `json:"trouble,omitempty"`
}

// String is one line.
func (u ImageUser) String() string {
	what := map[string]string{functionType: "function", ruleType: "scheduled task of rule", scheduleType: "scheduled task of schedule"}[u.Type]
	s := fmt.Sprintf("%s %s", what, u.Name)
	if u.TaskDefinition != "" {
		s += " (" + short(u.TaskDefinition) + ")"
	}
	switch {
	case u.Trouble != "":
		return s + " cannot run: " + u.Trouble
	case u.Unread != "":
		return s + ": NOT known: " + u.Unread
	case u.State != "":
		s += " is " + u.State
	default:
		s += ": its images are there"
	}
	if u.Reason != "" {
		s += ": " + u.Reason
	}
	return s
}

// Resource types of what runs images beside services.
const (
	functionType = "AWS::Lambda::Function"
	ruleType     = "AWS::Events::Rule"
	scheduleType = "AWS::Scheduler::Schedule"
)

// ruleTargets is how many targets of a rule are looked at: EventBridge's own limit
// (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html).
const ruleTargets = 5

// imageUsers finds what runs images beside services, from the resources that exist
// and the templates.
func (c *capturer) imageUsers(ctx context.Context) error {
	for s := range c.b.Tree.All() {
		for _, r := range s.Resources {
			if r.PhysicalID == "" || r.Status == cfntypes.ResourceStatusDeleteComplete {
				continue
			}
			u := ImageUser{StackID: s.ID, LogicalID: r.LogicalID, Type: r.Type, Name: r.PhysicalID}
			switch r.Type {
			case functionType:
				if u.function(s) {
					c.b.ImageUsers = append(c.b.ImageUsers, u)
				}
			case ruleType:
				for i := range ruleTargets {
					target := fmt.Sprintf("Targets.%d.", i)
					if u, ok := u.scheduled(s, target+"EcsParameters.TaskDefinitionArn", target+"Arn"); ok {
						c.b.ImageUsers = append(c.b.ImageUsers, u)
					}
				}
			case scheduleType:
				if u, ok := u.scheduled(s, "Target.EcsParameters.TaskDefinitionArn", "Target.Arn"); ok {
					c.b.ImageUsers = append(c.b.ImageUsers, u)
				}
			}
		}
	}
	return c.each(ctx, len(c.b.ImageUsers), func(ctx context.Context, i int) error {
		u := &c.b.ImageUsers[i]
		if u.Type == functionType {
			return c.function(ctx, u)
		}
		return c.scheduled(ctx, u)
	})
}

// function reads a function's image off its template; false for one of package type
// Zip.
func (u *ImageUser) function(s *cfnx.Stack) bool {
	kind, err := s.Declared(u.LogicalID, "PackageType")
	if err != nil {
		u.Unread = redact.Text(err.Error())
		return true
	}
	if kind.Known && kind.Value != "Image" || !kind.Set {
		return false // Zip is the default
	}
	image, err := s.Declared(u.LogicalID, "Code.ImageUri")
	switch {
	case err != nil:
		u.Unread = redact.Text(err.Error())
	case image.Known:
		u.Images = []string{image.Value}
	default:
		u.Unread = "its image is an expression whose value is not known"
	}
	return true
}

// scheduled reads off the template which revision a rule or schedule starts, and
// where; false where it starts no task.
func (u ImageUser) scheduled(s *cfnx.Stack, revision, cluster string) (ImageUser, bool) {
	d, err := s.Declared(u.LogicalID, revision)
	if err != nil || !d.Set {
		return u, false
	}
	switch {
	case d.Resource != "":
		u.TaskDefinition = s.Recorded(d.Resource)
	case d.Known:
		u.TaskDefinition = d.Value
	}
	if u.TaskDefinition == "" {
		u.Unread = "its task definition is an expression whose value is not known"
	}
	if d, err := s.Declared(u.LogicalID, cluster); err == nil {
		switch {
		case d.Known:
			u.Cluster = short(d.Value)
		case d.Resource != "":
			u.Cluster = short(s.Recorded(d.Resource))
		}
	}
	return u, true
}

// function asks Lambda, where the program lets it.
func (c *capturer) function(ctx context.Context, u *ImageUser) error {
	if c.o.Function == nil {
		return nil
	}
	f, err := c.o.Function(ctx, u.Name)
	if err != nil {
		u.Unread = redact.Text(err.Error())
		return c.problem(ctx, "function "+u.Name, err)
	}
	if len(f.Images) > 0 {
		u.Images, u.Unread = f.Images, ""
	}
	u.State, u.Reason = f.State, redact.Text(f.Reason)
	return nil
}

// scheduled reads the revision that is started, and what the latest tasks of it died
// of. Those are of its family alone: other tasks of the cluster are not read.
func (c *capturer) scheduled(ctx context.Context, u *ImageUser) error {
	if u.TaskDefinition == "" {
		return nil
	}
	td, err := c.definition(ctx, u.TaskDefinition)
	if err != nil {
		u.Unread = redact.Text(err.Error())
		return c.problem(ctx, "task definition "+u.TaskDefinition, err)
	}
	def := definition(td)
	for _, x := range def.Containers {
		u.Images = append(u.Images, x.Image)
	}
	if !def.Active {
		u.Trouble = "revision " + short(def.ARN) + " is INACTIVE"
	}
	c.mu.Lock()
	if c.b.Recorded == nil {
		c.b.Recorded = map[string]Definition{}
	}
	c.b.Recorded[def.ARN] = def
	c.mu.Unlock()
	family, _, _ := strings.Cut(short(def.ARN), ":")
	var failed []ecsx.StoppedTask
	err = c.stopped(ctx, ecsx.Query{Cluster: u.Cluster, Family: family}, c.o.Settle, func(t ecsx.StoppedTask) {
		if t.Failed() && !strings.HasPrefix(t.Group, "service:") {
			failed = append(failed, redacted(t))
		}
	})
	if err != nil {
		return c.problem(ctx, "stopped tasks of "+u.Type+" "+u.Name, err)
	}
	if cause, ok := ecsx.RootCause(failed); ok {
		u.Reason = "its latest failed task: " + redact.Text(cause.Summary)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.b.Tasks = append(c.b.Tasks, failed...)
	return nil
}

// imageUsers judges them by the state of their images.
func (d *Diagnosis) imageUsers() {
	for _, u := range d.bundle.ImageUsers {
		for _, ref := range u.Images {
			i, read := d.bundle.Images[ref]
			switch {
			case u.Trouble != "":
			case !read || i.State == "":
				u.Unread = "image " + ref + " was not looked for"
			case i.State == "unknown":
				u.Unread = "image " + ref + ": " + i.Error
			case !i.State.Usable() && i.State != "external":
				u.Trouble = "image " + ref + " is " + strings.ReplaceAll(string(i.State), "-", " ")
				if why := d.expired(ref); why != "" && i.State == "missing" {
					u.Trouble += "; " + why
				}
			}
		}
		if u.Trouble == "" && slices.Contains([]string{"Failed", "Inactive"}, u.State) {
			u.Trouble = "Lambda says " + u.State + ": " + u.Reason
		}
		d.ImageUsers = append(d.ImageUsers, u)
	}
}

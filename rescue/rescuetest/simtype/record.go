package simtype

import "time"

// A Record is what a simulated cloud saw happen, in order: what tests of a
// rescue ask, rather than the library's own view.
type Record struct {
	// Starts are the containers that started.
	Starts []Start
	// Shortages are the spans in which a service had fewer healthy tasks than
	// desired.
	Shortages []Shortage
	// Deletions are what was deleted, with the cause.
	Deletions []Deletion
	// Mutations are the calls that changed something, with the caller; those of
	// customers and those that CloudFormation made for a stack.
	Mutations []Mutation
}

// A Start is one container that started.
type Start struct {
	At time.Time
	// Cluster and Service are names; Service is "" for a task of RunTask.
	Cluster, Service string
	// Task and Revision are the ARNs of the task and its task definition.
	Task, Revision string
	// Container is the container's name, Image its image as written, and Digest
	// what was pulled, "" for a registry that is not simulated.
	Container, Image, Digest string
}

// A Shortage is a span in which a service had Healthy tasks of Desired, fewer
// than it wanted.
type Shortage struct {
	Cluster, Service string
	// From and To are when it began and ended; To is zero while it lasts.
	From, To         time.Time
	Healthy, Desired int
}

// A Deletion is something that was deleted.
type Deletion struct {
	At time.Time
	// Kind is a CloudFormation resource type, or "AWS::ECR::Image" for an image;
	// Name is the physical id, or REPOSITORY@DIGEST.
	Kind, Name string
	// Cause is who deleted it: "customer", "cloudformation …" with the stack, the
	// resource and the phase, or what did it by itself, such as a lifecycle
	// policy.
	Cause string
}

// A Mutation is a call that changed something.
type Mutation struct {
	At time.Time
	// Action is the IAM action, such as "ecs:UpdateService".
	Action string
	// Caller is "customer", or "cloudformation STACK.RESOURCE PHASE".
	Caller string
	// Err is why it was refused, "" if it was not.
	Err string
}

// Short is how long, until now, a service had at most n healthy tasks and
// wanted more: 0 asks for the time without any.
func (r *Record) Short(service string, n int, now time.Time) (d time.Duration) {
	for _, s := range r.Shortages {
		if s.Service != service || s.Healthy > n {
			continue
		}
		to := s.To
		if to.IsZero() {
			to = now
		}
		d += to.Sub(s.From)
	}
	return d
}

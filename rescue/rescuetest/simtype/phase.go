package simtype

// A Phase is a kind of work of CloudFormation on a resource.
type Phase string

const (
	// OnCreate is the creation of a resource, or of its replacement.
	OnCreate Phase = "create"
	// OnUpdate is an update in place.
	OnUpdate Phase = "update"
	// OnRollback is the update that takes a resource back to what it was.
	OnRollback Phase = "rollback"
	// OnDelete is a deletion: of the stack, of what left the template, or of
	// what a clean-up removes.
	OnDelete Phase = "delete"
)

// A Moment is when a scripted failure of a resource's operation happens.
type Moment int

const (
	// BeforeHandler fails the operation before the resource's service was
	// called: nothing has changed.
	BeforeHandler Moment = iota
	// AfterHandler fails the operation when the service has done everything.
	AfterHandler
	// Never lets the service act, and the operation hang until CloudFormation
	// gives up, after three hours. The reason is CloudFormation's own.
	Never
)

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
	// OnValidation is the validation before an operation's first resource. Its
	// reason is in the answer of DescribeEvents alone.
	OnValidation Phase = "validation"
	// OnHook is the hook that is asked before a resource is created or updated;
	// its reason is in the event of the hook's invocation. With the stack's own
	// name for the resource, the hook is asked before the stack's operation.
	OnHook Phase = "hook"
)

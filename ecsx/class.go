package ecsx

// Class is the kind of cause for which a task stopped.
type Class string

// Classes, with what each means.
const (
	ClassImageMissing    Class = "image-missing"     // tag, digest or repository is not there, or is archived
	ClassImageDenied     Class = "image-denied"      // the registry refused
	ClassImagePlatform   Class = "image-platform"    // no manifest for the task's platform
	ClassImagePull       Class = "image-pull"        // network, rate limit, disk: may pass
	ClassSecretMissing   Class = "secret-missing"    // secret or parameter is not there
	ClassSecretDenied    Class = "secret-denied"     // the execution role may not read it
	ClassSecretFormat    Class = "secret-format"     // a key of a secret that is not JSON
	ClassLogGroupMissing Class = "log-group-missing" // awslogs without its group
	ClassInitialization  Class = "initialization"    // other ResourceInitializationError
	ClassOutOfMemory     Class = "out-of-memory"     // the kernel killed a container
	ClassCommand         Class = "command"           // exit 126 or 127: cannot execute, not found
	ClassApplication     Class = "application"       // a container exited with another code
	ClassHealthCheck     Class = "health-check"      // container or load balancer checks failed
	ClassCapacity        Class = "capacity"          // nothing to place the task on
	ClassInterrupted     Class = "interrupted"       // Spot, maintenance, host gone
	ClassStoppedByUser   Class = "stopped-by-user"   // StopTask
	ClassReplaced        Class = "replaced"          // normal scaling or replacement: no failure
	ClassSucceeded       Class = "succeeded"         // every container exited 0
	ClassUnknown         Class = "unknown"
)

// Failure reports whether a task that stopped for it failed; replacement,
// scaling and success are not failures.
func (c Class) Failure() bool {
	return c != ClassReplaced && c != ClassSucceeded && c != ClassStoppedByUser
}

// Deterministic reports whether the next task will stop for the same cause
// unless somebody changes something.
func (c Class) Deterministic() bool {
	switch c {
	case ClassImageMissing, ClassImageDenied, ClassImagePlatform, ClassSecretMissing, ClassSecretDenied, ClassSecretFormat, ClassLogGroupMissing, ClassCommand:
		return true
	}
	return false
}

// NextStep is what an operator does about it.
func (c Class) NextStep() string {
	switch c {
	case ClassImageMissing:
		return "restore the image or deploy one that exists"
	case ClassImageDenied:
		return "check the execution role and the repository policy"
	case ClassImagePlatform:
		return "build the image for the task's platform"
	case ClassImagePull:
		return "check the network path to the registry, then try again"
	case ClassSecretMissing:
		return "put an existing secret's ARN into the task definition"
	case ClassSecretDenied:
		return "allow the execution role to read the secret"
	case ClassSecretFormat:
		return "store the secret as JSON or drop the key from valueFrom"
	case ClassLogGroupMissing:
		return "create the log group"
	case ClassOutOfMemory:
		return "raise the container's memory"
	case ClassCommand:
		return "check the image's entry point, command and user"
	case ClassApplication:
		return "read the container's log"
	case ClassHealthCheck:
		return "read the container's log; compare start-up time with grace and start period"
	case ClassCapacity:
		return "wait or add capacity"
	case ClassInitialization:
		return "check roles, network and volumes of the task"
	case ClassInterrupted:
		return "wait for the replacement"
	case ClassUnknown:
		return "look at the service's events and describe the task: its reasons say no more"
	}
	return ""
}

// rank orders causes by how much they explain: what an application says about
// itself explains more than that it was found unhealthy.
func (c Class) rank() int {
	switch c {
	case ClassReplaced, ClassSucceeded:
		return 0
	case ClassStoppedByUser, ClassInterrupted:
		return 1
	case ClassUnknown:
		return 2
	case ClassCapacity:
		return 3
	case ClassHealthCheck:
		return 4
	}
	return 5
}

package ecsx

// Class is the kind of cause for which a task stopped. It is one of
//   - "image-missing": tag, digest or repository is not there, or is archived;
//   - "image-denied": the registry refused;
//   - "image-platform": no manifest for the task's platform;
//   - "image-pull": network, rate limit, disk: may pass;
//   - "secret-missing": secret or parameter is not there;
//   - "secret-denied": the execution role may not read it;
//   - "secret-format": a key of a secret that is not JSON;
//   - "log-group-missing": awslogs without its group;
//   - "initialization": other ResourceInitializationError;
//   - "out-of-memory": the kernel killed a container;
//   - "command": exit 126 or 127: cannot execute, not found;
//   - "application": a container exited with another code;
//   - "health-check": container or load balancer checks failed;
//   - "capacity": nothing to place the task on;
//   - "interrupted": Spot, maintenance, host gone;
//   - "stopped-by-user": StopTask;
//   - "replaced": normal scaling or replacement: no failure;
//   - "succeeded": every container exited 0;
//   - "unknown": what ECS says is in the summary.
type Class string

const (
	classImageMissing    Class = "image-missing"
	classImageDenied     Class = "image-denied"
	classImagePlatform   Class = "image-platform"
	classImagePull       Class = "image-pull"
	classSecretMissing   Class = "secret-missing"
	classSecretDenied    Class = "secret-denied"
	classSecretFormat    Class = "secret-format"
	classLogGroupMissing Class = "log-group-missing"
	classInitialization  Class = "initialization"
	classOutOfMemory     Class = "out-of-memory"
	classCommand         Class = "command"
	classApplication     Class = "application"
	classHealthCheck     Class = "health-check"
	classCapacity        Class = "capacity"
	classInterrupted     Class = "interrupted"
	classStoppedByUser   Class = "stopped-by-user"
	classReplaced        Class = "replaced"
	classSucceeded       Class = "succeeded"
	classUnknown         Class = "unknown"
)

// Failure reports whether a task that stopped for it failed; replacement,
// scaling and success are not failures.
func (c Class) Failure() bool {
	return c != classReplaced && c != classSucceeded && c != classStoppedByUser
}

// Deterministic reports whether the next task will stop for the same cause
// unless somebody changes something.
func (c Class) Deterministic() bool {
	switch c {
	case classImageMissing, classImageDenied, classImagePlatform, classSecretMissing, classSecretDenied, classSecretFormat, classLogGroupMissing, classCommand:
		return true
	}
	return false
}

// NextStep is what an operator does about it.
func (c Class) NextStep() string {
	switch c {
	case classImageMissing:
		return "restore the image or deploy one that exists"
	case classImageDenied:
		return "check the execution role and the repository policy"
	case classImagePlatform:
		return "build the image for the task's platform"
	case classImagePull:
		return "check the network path to the registry, then try again"
	case classSecretMissing:
		return "put an existing secret's ARN into the task definition"
	case classSecretDenied:
		return "allow the execution role to read the secret"
	case classSecretFormat:
		return "store the secret as JSON or drop the key from valueFrom"
	case classLogGroupMissing:
		return "create the log group"
	case classOutOfMemory:
		return "raise the container's memory"
	case classCommand:
		return "check the image's entry point, command and user"
	case classApplication:
		return "read the container's log"
	case classHealthCheck:
		return "read the container's log; compare start-up time with grace and start period"
	case classCapacity:
		return "wait or add capacity"
	case classInitialization:
		return "check roles, network and volumes of the task"
	case classInterrupted:
		return "wait for the replacement"
	case classUnknown:
		return "look at the service's events and describe the task: its reasons say no more"
	}
	return ""
}

// rank orders causes by how much they explain: what an application says about
// itself explains more than that it was found unhealthy.
func (c Class) rank() int {
	switch c {
	case classReplaced, classSucceeded:
		return 0
	case classStoppedByUser, classInterrupted:
		return 1
	case classUnknown:
		return 2
	case classCapacity:
		return 3
	case classHealthCheck:
		return 4
	}
	return 5
}

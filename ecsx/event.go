package ecsx

// Event is one thing that a call did, or progress of a wait for stopped tasks.
type Event struct {
	// Kind is, of [ForceDeployLatest], "under-way" (another deployment is), "reused",
	// "registered" or "deregistered" (a revision), or "started" (the deployment); of a
	// wait, "progress" after a poll, or "retry" after one that failed for a reason that
	// may pass.
	Kind string
	// Service is the one that is deployed, Subject the ARN of the revision or the id
	// of the deployment.
	Service Service
	Subject string
	// Query is what is waited for; Stopped and Stopping are how many tasks of it are
	// known to be so.
	Query             Query
	Stopped, Stopping int
	Text              string
}

// String is one line.
func (e Event) String() string {
	if e.Service.Name != "" {
		return "service " + e.Service.String() + ": " + e.Text
	}
	return e.Query.String() + ": " + e.Text
}

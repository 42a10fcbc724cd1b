// Package ecsx gets ECS services running again and says why they did not:
// stopped tasks with their reasons and logs before ECS forgets them, forced
// deployments of images that exist, rollouts watched by deployment id, one-off
// tasks.
//
// # Access
//
// Every function takes the SDK clients it needs as narrow interfaces named
// <Verb>API: the method set is the list of calls. Nothing is read from the
// environment, printed or logged.
//
// # Waiting
//
// A function that waits does so on the caller's goroutine, polls at Interval and
// reports to Observe, in order. Throttling and server errors are ridden out
// until ctx ends. No goroutine outlives a call.
//
// # Errors
//
// Errors of AWS are wrapped. [RolloutError] and [TaskError] carry what was last
// seen; sentinels such as [ErrNotFound] say what to do about it.
package ecsx

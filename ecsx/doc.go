// Package ecsx gets ECS services running again and says why they did not.
//
//	err := ecsx.WaitStoppedTaskLogs(ctx, ecsClient, logsClient, ecsx.Query{Cluster: "prod"}, ecsx.Folder("evidence"))
//	service := ecsx.ParseService("prod/backend")
//	findings, err := service.Preflight(ctx, ecsClient, next)          // what keeps a revision from running
//	d, err := ecsx.ForceDeployLatest(ctx, ecsClient, service, ecrx.Resolver(ecrClient))
//	r, err := d.WaitRollout(ctx, ecsClient)                           // of that very deployment
//	task, err := ecsx.TaskSpec{TaskDefinition: "migrate"}.RunTask(ctx, ecsClient, logsClient)
//	for use, err := range ecsx.Uses(ctx, ecsClient, "prod") {}        // images that must stay
//
// ECS forgets a stopped task after about an hour; [WaitStoppedTaskLogs] keeps it, and
// finds its log the next day with Query.Since. A [Service] is looked at before a
// deployment, a [Deployment] is waited for, rolled back or continued: these are their
// methods. A *[RolloutError] has the causes, the application's own words included.
// One-off tasks: [TaskSpec.RunTask], and [TaskSpec.AdoptTask] where the caller may die
// in between. What a cluster needs of a registry: [Uses].
//
// # Access
//
// Every function takes the SDK clients it needs as narrow interfaces: the method set
// is the list of calls. Those that an embedder may have to name are exported, or the
// SDK's own. A further client that makes an answer better is in the options, and nil
// is not used. Nothing is read from the environment, printed or logged. [Limit] keeps
// clients to half of the request rates that AWS documents; without it there is no limit
// but the SDK's.
//
// # Waiting
//
// A function that waits polls once per Interval and calls Observe in order, on the
// caller's goroutine. Throttling and server errors are retried until ctx is done.
// Independent reads are made a few at a time; no goroutine outlives a call. No local
// time is compared with a time of AWS's.
//
// # Errors
//
// Errors of AWS are wrapped. [RolloutError], [TaskError] and [StartError] carry what
// was last seen; sentinels such as [ErrChanged] are what a caller branches on.
//
// # Stability
//
// Names and behaviour are stable within a minor version.
package ecsx

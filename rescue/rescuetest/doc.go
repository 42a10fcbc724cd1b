// Package rescuetest is a simulated AWS for rehearsing stuck deployments:
// CloudFormation, ECS, ECR, CloudWatch Logs, Secrets Manager, SSM parameters,
// ELB's target groups, S3 and STS, as far as a rescue meets them. Members of
// requests and properties of templates are simulated, without effect on what a
// rescue could see, or refused by name.
//
//	in, err := rescuetest.NewIncident(ctx, "flat-stack")      // or rescuetest.New() and Cloud.Script
//	client := ecs.NewFromConfig(in.Cloud.Config())            // a real SDK client
//	in.Cloud.Inject(simtype.Fault{Action: "ecs:UpdateService", Nth: 1, Kind: simtype.Throttle})
//	in.Cloud.Advance(8 * 24 * time.Hour)                      // a lifecycle policy expires an image
//	fmt.Println(rescuetest.CallCounts(in.Cloud.Calls()))
//
// [NewIncident] builds a cloud in which something went wrong, such as
// [ExpiredRollbackImage]; [Incidents] lists what there is. [Cloud.Script] runs a
// readable scenario, and [Cloud.Record] is what happened meanwhile: tasks that
// started, seconds with too few healthy ones, deletions with their cause, and who
// changed what. Nothing leaves the process, and no testing.TB is needed.
// Faults, programs, containers, phases and switches are types of package simtype,
// where their fields and values are.
//
// # Time
//
// The cloud has its own clock. It starts at [Options].Start and runs with
// time.Now, Speed times as fast; nothing happens in between calls that a call
// could not see. In a testing/synctest bubble hours cost microseconds.
// [Cloud.Advance] makes history at once, such as the eight days until a
// lifecycle policy expires an image.
//
// # Truth
//
// Every simulated behaviour names its source beside the code. What neither
// documentation nor a recording settles is a field of [simtype.Switches], and the
// library is tested under every value of each. AWS's rate limits hold unless
// [Options].NoRateLimits is set.
//
// Before version 1 this package may change in any release.
package rescuetest

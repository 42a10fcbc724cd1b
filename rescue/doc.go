// Package rescue gets a team out of a deployment that is stuck: it diagnoses,
// plans, runs the plan and reports.
//
//	d, err := rescue.Diagnose(ctx, cfg, "prod")        // reads only
//	proposals := d.Compare(rescue.Choices{})   // what could be done, and why not
//	p, err := rescue.MakePlan(d, rescue.Choices{Direction: rescue.Forward}) // data: save it, review it
//	r, err := rescue.Run(ctx, cfg, p)                  // checks, does, verifies
//	fmt.Println(r)
//	g, err := rescue.Guard(ctx, cfg, "prod")           // would a rollback succeed now?
//	f, err := rescue.Finish(ctx, cfg, "prod")          // the morning after
//
// What decides a plan, in this order: evidence that expires, and a freeze of
// what would destroy the way out; users before stacks; the direction, which
// the operator confirms; unlocking with the fewest skips; a savepoint that the
// next rollback can reach; and a check of all of it. Old code is never deployed
// on a new schema by default, a resource is never skipped unless the plan that
// was shown says so, a stack is never deleted, and no secret's value is read.
//
// # Access
//
// The functions take an aws.Config, and run each step on a copy of it that
// refuses every call the step has not announced in Step.Actions.
package rescue

// Package migrate keeps database migrations from stopping a deployment. One
// replica migrates, and the others wait for what is true of the database, not
// for a lock.
//
//	r, err := migrate.New(store, "orders-db", probe, migrate.Func(up))
//	// handle error
//	go http.ListenAndServe(":8081", r.Handler())
//	_, err = r.Run(ctx) // nil: the schema is there, start serving
//
// # Leadership
//
// A [Store] holds one record per key. A leader renews it, and stops trusting it
// a margin before a whole lease has passed since it *sent* the last renewal
// that succeeded. Others take over when they have watched the record unchanged
// for a whole lease since they *received* it. Both are measured on monotonic
// clocks, no two clocks are compared, and the context of the work ends first.
// [FileStore] serves one machine; stores on DynamoDB, PostgreSQL and MySQL are
// in packages below this one.
//
// # What is not guaranteed
//
// The context of the work ends in time; the work has to obey it. A process that
// was stopped or starved for longer than its margin, a statement that the
// database goes on running for a client that is gone, and one that was on its
// way and arrives late, can overlap with the next leader. Only the database can
// turn those down: carry the [Fence] in what is changed (packages pglease and
// mylease have a guard), and let [RunOptions.Enter] raise it before anything
// else runs. Clocks that run at rates that differ by more than the margin's
// share of the lease break the promise, too.
//
// A step can be run again after its leader was killed. "Done" is what the probe
// says, never what a lock or a record says. A failure is remembered by the
// clocks of the replicas, roughly.
//
// # One-off
//
// [OneOff] migrates once before anything is deployed. A task that alone can reach
// the database hands its result back through its log, with [Handback].
//
// # Repair
//
// Where a migration was applied and not recorded, package revision reads and
// corrects the migration tool's table by SQL, and package toolcmd through the
// tool's own command, on this machine or in a one-off ECS task.
package migrate

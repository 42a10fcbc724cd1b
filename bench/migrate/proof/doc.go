// Package proof lets processes that use package migrate have everything done to
// them that happens to processes, and checks what they did to the database. It
// has tests only.
//
// A run is five processes or more, one migration of six steps, and three to
// five faults at random moments, mostly to the present leader: killed, told to
// stop, paused for longer than a lease, cut off from the store, the database or
// both, answers lost, delayed or withheld, connections reset, sessions ended, the
// writer demoted while its connections stay open, the probe's program hung. The
// stores take turns: DynamoDB, PostgreSQL's table, its session lock, and the
// table through PgBouncer in transaction mode. Each process reaches its store
// and its database through proxies of its own.
//
// # Invariants
//
//   - I1: work of two epochs does not overlap. For a transaction that begins
//     with pglease.Guard, and for a statement that reads the fence before it
//     does anything, without exception. For a statement that does not ask, if
//     it had begun when the next leader asked for the fence.
//   - I2: epochs grow, and each has one leader.
//   - I3: a transaction has its effect once; what commits as it goes has it at
//     least once, and is marked as safe to repeat.
//   - I4: nobody works after it is done, and the record stays at done, with the
//     newest epoch.
//   - I5: Run returns nil only when it is done, and to all that were left alive.
//   - I6: every process ends within its patience.
//   - I7: one who waits writes nothing to the store. Allowed are the one Acquire
//     with which a run begins, and one that follows a record that was free,
//     one's own, or unchanged for a lease.
//   - I8: there is a leader again within a bound that follows from the options.
//   - I9: in the end no session, no advisory lock and no holder is left, but for
//     one that was killed or did not hear the store's answer: that one's key
//     can be had after a lease.
//
// One more test takes the store's exclusion away, so that only the fence keeps
// the work of many leaders apart: I1 to I3 hold all the same.
//
// Wall clocks are off by up to a day, in the one place where they are written
// down.
//
// # Controls
//
// The same harness, faults and invariants find out what others do wrong: no
// exclusion at all (I1, I3), goose's table locker when its holder is cut off
// from it (I1), golang-migrate's advisory lock when a follower gives up (I6).
package proof

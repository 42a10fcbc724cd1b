// Package migratetest tests stores of package migrate, custom ones included, and
// has one in memory whose network can be broken.
//
//	var store migratetest.Memory
//	a, b := store.Client(), store.Client() // two replicas
//	r, err := migrate.New(a, "orders", probe, steps)
//	_, err = r.Run(ctx)
//	fmt.Println(a.Calls(), b.Calls())
package migratetest

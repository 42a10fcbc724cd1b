// Package migratetest tests stores of package migrate, one's own included, and
// has one in memory whose network can be broken.
package migratetest

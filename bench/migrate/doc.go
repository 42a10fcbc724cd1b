// Package bench compares package migrate with other ways to keep replicas from
// migrating at once, doing the same work on the same private server. It has
// benchmarks only.
package bench

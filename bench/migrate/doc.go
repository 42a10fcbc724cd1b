// Package bench compares package migrate with other ways to keep replicas from
// migrating at once, doing the same work on the same private server. Tests
// pin what ours sends; README.md says how to run the benchmarks and what they
// showed.
package bench

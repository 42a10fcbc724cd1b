// Package simtype declares what scripts a simulated cloud of package
// rescuetest: what an image does when it runs ([Program], [Container]), how
// AWS behaves where nobody could confirm it ([Switches]), and which calls and
// resources fail ([Fault], [Phase]).
//
// It imports nothing but the standard library. Before version 1 it may change
// in any release.
package simtype

// Package cfnx measures package cfnx on a large tree of stacks: the calls of a
// snapshot, how many of them one after the other, and its memory. Run
//
//	go test -v .
//
// for the figures; the tests hold them to their bounds.
package cfnx

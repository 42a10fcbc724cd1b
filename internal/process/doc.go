// Package process runs programs of others, each in a process group of its own,
// so that what they started ends with them: a grandchild that keeps a pipe open
// must not outlast the program, a deadline or a signal.
package process

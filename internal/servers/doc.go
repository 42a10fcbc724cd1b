// Package servers starts private servers on loopback ports for tests: what
// users have in production, and never a fake of it. Each server ends with the
// test, runs as an unprivileged user, and keeps its data in a directory of its
// own. A server that is not installed skips the test, or fails it where
// STACKRESCUE_NO_SKIP is set.
package servers

// Package reads tests the simulated cloud with the SDK's clients of services of
// which it answers one read each: Lambda, IAM and Application Auto Scaling. It
// is a module of its own so that these clients are not among the library's
// requirements.
package reads

// Package apidoc holds the test that keeps the documentation of the verbs true:
// the calls a function says it makes are those its interfaces let it make.
package apidoc

// Package gate has only tests, of what no single package can hold by itself:
// dependencies, formats, documentation and names.
package gate

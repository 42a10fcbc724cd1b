// Package options applies functional options.
package options

// Of is the zero value of T changed by each function in order; a nil function
// changes nothing.
func Of[T any](optFns []func(*T)) T {
	var o T
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	return o
}

// Package op is the table of operations that the simulated cloud answers: one
// typed handler per operation, found by the type of its input.
//
// Every door to the cloud (middleware, wire) works from this table, so an
// operation that is added here is reachable through all of them.
package op

import (
	"context"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"
)

// Operation is one answered operation.
type Operation struct {
	// Service is the last element of the SDK package's path, such as
	// "cloudformation"; Name is the operation, such as "DescribeStacks".
	Service, Name string
	// In and Out are the SDK's struct types, without the pointer.
	In, Out reflect.Type

	call func(context.Context, any) (any, error)
}

// String is "service.Name".
func (o Operation) String() string { return o.Service + "." + o.Name }

// Call runs the handler; in must be a pointer to an In. A nil output without
// an error is an error that names the operation.
func (o Operation) Call(ctx context.Context, in any) (any, error) {
	if got := reflect.TypeOf(in); got != reflect.PointerTo(o.In) {
		return nil, fmt.Errorf("%s: handler takes *%s, got %s", o, o.In, got)
	}
	return o.call(ctx, in)
}

// A Table holds operations. The zero value is empty and ready to use. It is
// written while the cloud is built and only read afterwards.
type Table struct {
	byInput map[reflect.Type]Operation
}

// On makes fn answer the operation whose input type is I, in place of what
// answered it before.
func On[I, O any](t *Table, fn func(context.Context, *I) (*O, error)) {
	in, out := reflect.TypeFor[I](), reflect.TypeFor[O]()
	o := Operation{
		Service: path.Base(in.PkgPath()),
		Name:    strings.TrimSuffix(in.Name(), "Input"),
		In:      in,
		Out:     out,
	}
	o.call = func(ctx context.Context, v any) (any, error) {
		res, err := fn(ctx, v.(*I))
		switch {
		case err != nil:
			return nil, err
		case res == nil:
			return nil, fmt.Errorf("%s: handler returned neither an output nor an error", o)
		}
		return res, nil
	}
	if want := o.Name + "Output"; out.Name() != want || out.PkgPath() != in.PkgPath() {
		o.call = func(context.Context, any) (any, error) {
			return nil, fmt.Errorf("%s: handler returns %s, want %s.%s", o, out, o.Service, want)
		}
	}
	if t.byInput == nil {
		t.byInput = map[reflect.Type]Operation{}
	}
	t.byInput[in] = o
}

// ByInput finds the operation that takes in, a pointer to an SDK input.
func (t *Table) ByInput(in any) (Operation, bool) {
	typ := reflect.TypeOf(in)
	if typ == nil || typ.Kind() != reflect.Pointer {
		return Operation{}, false
	}
	o, ok := t.byInput[typ.Elem()]
	return o, ok
}

// Has reports whether an operation is answered, in whatever types.
func (t *Table) Has(service, name string) bool {
	for _, o := range t.byInput {
		if o.Service == service && o.Name == name {
			return true
		}
	}
	return false
}

// All lists the operations by service and name.
func (t *Table) All() []Operation {
	all := make([]Operation, 0, len(t.byInput))
	for _, o := range t.byInput {
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b Operation) int { return strings.Compare(a.String(), b.String()) })
	return all
}

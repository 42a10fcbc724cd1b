// Package lambda answers ListFunctions from the functions of the stacks, in
// shapes of its own: tools that look for images in use make this one call, and
// the SDK's client is not among this module's requirements for it.
package lambda

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/internal/sim/cfnsim"
	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/page"
	"github.com/stackrescue/stackrescue/internal/sim/world"
)

// ListFunctionsInput is that of
// https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html
type ListFunctionsInput struct {
	FunctionVersion, Marker, MasterRegion *string
	MaxItems                              *int32
}

// ListFunctionsOutput is a page of functions.
type ListFunctionsOutput struct {
	Functions  []FunctionConfiguration
	NextMarker *string
}

// FunctionConfiguration is what is known of a function: its image is not part
// of the list, as on AWS.
type FunctionConfiguration struct {
	FunctionArn, FunctionName, PackageType, Role, Version *string
}

// Service is the functions of one region.
type Service struct {
	w     *world.World
	owned func(typ string) []cfnsim.Owned
}

// New returns the functions among what stacks own.
func New(w *world.World, owned func(typ string) []cfnsim.Owned) *Service { return &Service{w, owned} }

// Register adds the service's operations to t.
func (s *Service) Register(t *op.Table) { op.On(t, s.ListFunctions) }

// ListFunctions lists 50 functions a page at most, by name.
func (s *Service) ListFunctions(_ context.Context, in *ListFunctionsInput) (*ListFunctionsOutput, error) {
	size := 50
	if n := in.MaxItems; n != nil {
		if *n < 1 || *n > 10000 {
			return nil, invalid("1 validation error detected: Value at 'maxItems' failed to satisfy constraint: Member must have value between 1 and 10000")
		}
		size = min(size, int(*n))
	}
	if v := in.FunctionVersion; v != nil && *v != "ALL" {
		return nil, invalid("1 validation error detected: Value '" + *v + "' at 'functionVersion' failed to satisfy constraint: Member must satisfy enum value set: [ALL]")
	}
	all := []FunctionConfiguration{}
	for _, o := range s.owned("AWS::Lambda::Function") {
		f := FunctionConfiguration{FunctionName: new(o.PhysicalID), FunctionArn: new(s.w.ARN("lambda", "function:"+o.PhysicalID)), PackageType: new("Zip"), Version: new("$LATEST")}
		if p := o.Text("PackageType"); p != "" {
			f.PackageType = &p
		}
		if r := o.Text("Role"); r != "" {
			f.Role = &r
		}
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b FunctionConfiguration) int { return strings.Compare(*a.FunctionName, *b.FunctionName) })
	part, next, ok := page.Of(all, in.Marker, size)
	if !ok {
		return nil, invalid("Invalid pagination marker.")
	}
	return &ListFunctionsOutput{Functions: part, NextMarker: next}, nil
}

func invalid(text string) error {
	return op.WithStatus(http.StatusBadRequest, op.Error("InvalidParameterValueException", text))
}

package cfnx

import (
	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/template"
)

// sourceOf is where a value comes from that is not known.
func sourceOf(u expr.Unknown) template.Source {
	return template.Source{Kind: u.Kind, Name: u.Name, Path: u.Path}
}

package cfnx

import (
	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
	"github.com/stackrescue/stackrescue/cfnx/template"
)

// handedDown is the expression a template hands to a nested stack's parameter.
type handedDown struct {
	raw  string
	uses []expr.Use
}

func handed(template []byte, logicalID, parameter string) handedDown {
	doc, err := tree.Parse(template, tree.Limits{Bytes: expr.MaxBytes, Depth: expr.MaxDepth})
	if err != nil || len(doc.Roots) == 0 {
		return handedDown{}
	}
	n := doc.Roots[0].Follow().Get("Resources").Follow().Get(logicalID).Follow().Get("Properties").Follow().Get("Parameters").Follow().Get(parameter)
	if n == nil {
		return handedDown{}
	}
	start, end := doc.Span(n)
	return handedDown{raw: string(doc.Text[start:end]), uses: expr.References(expr.At(n), 0)}
}

// setTemplateURL puts the place of a nested stack's template into its
// parent's: into the property where that is a text, else into the parameter
// that it reads.
func (d *Draft) setTemplateURL(child *Stack, u string) error {
	path := "/Resources/" + tree.Escape(child.LogicalID) + "/Properties/TemplateURL"
	doc, err := tree.Parse(d.current[child.parent.ID], tree.Limits{Bytes: expr.MaxBytes, Depth: expr.MaxDepth})
	if err != nil {
		return err
	}
	if n, _, err := doc.At(doc.Roots[0], path); err == nil {
		if fn, arg := expr.At(n).Call(); fn == "Ref" && child.parent.hasParameter(arg.Value) {
			return d.SetParameter(child.parent, arg.Value, u)
		}
	}
	_, err = d.Set(child.parent, template.Value{Path: path, Value: u})
	return err
}

package cfnx

import (
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// handedDown is the expression a template hands to a nested stack's parameter.
type handedDown struct {
	raw  string
	uses []use
}

func handed(template []byte, logicalID, parameter string) handedDown {
	doc, err := tree.Parse(template, tree.Limits{Bytes: maxTemplateBytes, Depth: maxDepth})
	if err != nil || len(doc.Roots) == 0 {
		return handedDown{}
	}
	n := doc.Roots[0].Follow().Get("Resources").Follow().Get(logicalID).Follow().Get("Properties").Follow().Get("Parameters").Follow().Get(parameter)
	if n == nil {
		return handedDown{}
	}
	start, end := doc.Span(n)
	return handedDown{raw: string(doc.Text[start:end]), uses: references(exprAt(n), 0)}
}

// setTemplateURL puts the place of a nested stack's template into its
// parent's: into the property where that is a text, else into the parameter
// that it reads.
func (d *Draft) setTemplateURL(child *Stack, u string) error {
	path := "/Resources/" + tree.Escape(child.LogicalID) + "/Properties/TemplateURL"
	doc, err := tree.Parse(d.current[child.parent.ID], tree.Limits{Bytes: maxTemplateBytes, Depth: maxDepth})
	if err != nil {
		return err
	}
	if n, _, err := doc.At(doc.Roots[0], path); err == nil {
		if fn, arg := exprAt(n).call(); fn == "Ref" && child.parent.hasParameter(arg.Value) {
			return d.SetParameter(child.parent, arg.Value, u)
		}
	}
	_, err = d.Set(child.parent, TemplateValue{Path: path, Value: u})
	return err
}

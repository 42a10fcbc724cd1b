package cfnx

import (
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/template"
)

// Literals are the places where the draft has written a value instead of an
// expression that reads it from somewhere else, with these Sources: an import, a
// parameter, a dynamic reference, an attribute. The team's own template still
// reads it there, and its next update renders that again.
func (d *Draft) Literals() []Difference { return slices.Clone(d.literals) }

// writeLiteral writes a text in the place of an expression, and reports whether
// it could: not where an alias shares it or a key on the way is given twice.
func (d *Draft) writeLiteral(s *Stack, path, value string, x Difference) bool {
	p, err := template.SetValues(d.current[s.ID], []template.Value{{Path: path, Value: value}}, func(o *template.Options) { o.Original = true })
	if err != nil {
		return false
	}
	d.current[s.ID] = p.Template
	d.noteLiteral(s, x)
	return true
}

func (d *Draft) noteLiteral(s *Stack, x Difference) {
	x.StackID, x.Stack, x.Kind, x.Where = s.ID, s.Name, otherValue, inTemplate
	d.literals = append(slices.Clip(d.literals), x)
}

// sparesOthers reports whether another draft renders the same as this one but for
// resources that hold images.
func (d *Draft) sparesOthers(next *Draft) bool {
	was, is := d.effects(nil, ""), next.effects(nil, "")
	for key := range is {
		if was[key] == is[key] || !strings.Contains(key, "/Resources/") && !strings.Contains(key, "/Conditions/") {
			continue
		}
		id, name, _ := strings.Cut(key, "/Resources/")
		if strings.Contains(key, "/Conditions/") || !d.holdsImages(d.Tree.Stack(id), name) {
			return false
		}
	}
	return true
}

// holdsImages reports whether a resource has images in the draft's template.
func (d *Draft) holdsImages(s *Stack, logicalID string) bool {
	if s == nil {
		return false
	}
	found, err := template.FindImages(d.current[s.ID])
	if err != nil {
		return false
	}
	// What a nested stack is handed shows in its own resources.
	return readDependencies(d.current[s.ID]).types[logicalID] == nestedType || slices.ContainsFunc(found.Images, func(i template.Image) bool {
		return i.Resource == logicalID || strings.Contains(i.Resource, "/")
	})
}

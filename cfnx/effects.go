package cfnx

import (
	"encoding/json"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// effects are what the draft renders in the whole tree but for one task
// definition, of which only the images are among them: resources and outputs, by
// stack and name.
func (d *Draft) effects(s *Stack, task string) map[string]string {
	out := map[string]string{}
	for st := range d.Tree.All() {
		r, _, err := d.renderer(st, 0)
		if err != nil {
			continue
		}
		for _, section := range []string{"Resources", "Outputs"} {
			v, ok := r.Value(r.Root.Get(section)).(map[string]any)
			if !ok {
				continue
			}
			for name, x := range v {
				if st == s && section == "Resources" && name == task {
					x = images(x)
				}
				if b, err := json.Marshal(x); err == nil {
					out[st.ID+"/"+section+"/"+name] = string(b)
				}
			}
		}
		// A condition that turns may be one of a resource as a whole.
		expr.Entries(r.Root.Get("Conditions"), func(name string, _ *tree.Node) {
			if b, err := json.Marshal(r.Condition(name)); err == nil {
				out[st.ID+"/Conditions/"+name] = string(b)
			}
		})
	}
	return out
}

// images are the images of the containers of a task definition.
func images(resource any) any {
	m, _ := resource.(map[string]any)
	p, _ := m["Properties"].(map[string]any)
	items, ok := p["ContainerDefinitions"].([]any)
	if !ok {
		return nil
	}
	out := []any{}
	for _, item := range items {
		c, _ := item.(map[string]any)
		out = append(out, []any{c["Name"], c["Image"]})
	}
	return out
}

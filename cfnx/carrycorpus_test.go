package cfnx

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx/internal/corpus"
	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
)

// serve makes of what a template renders what could serve: a text for each value
// that is not known.
func serve(v any, path string) any {
	switch v := v.(type) {
	case expr.Unknown:
		return "made " + path
	case expr.List:
		return v.Items()
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = serve(x, fmt.Sprint(path, "/", i))
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			out[k] = serve(x, path+"/"+k)
		}
		return out
	}
	return v
}

// In the task definitions of public templates, whatever they are written like, an
// added and a changed setting are carried, and what is rendered then is what
// serves; or it is said what cannot be, and nothing is changed.
func TestCarryRevisionOnPublicTemplates(t *testing.T) {
	t.Parallel()
	files := corpus.Some(t, 4, "templates")
	carried, refused := 0, map[string]int{}
	for i, file := range slices.Sorted(maps.Keys(files)) {
		if i%40 != 0 {
			continue
		}
		s := &Stack{ID: "arn:aws:cloudformation:us-east-1:123456789012:stack/web/1", Name: "web", Template: files[file]}
		r, _, err := draftOfTree(&Tree{Root: s}).renderer(s, 0)
		if err != nil {
			continue
		}
		resources, _ := r.Value(r.Root.Get("Resources")).(map[string]any)
		for id, x := range resources {
			m, _ := x.(map[string]any)
			properties, _ := m["Properties"].(map[string]any)
			containers, _ := properties["ContainerDefinitions"].([]any)
			if m["Type"] != taskDefinitionType || len(containers) == 0 {
				continue
			}
			was, _ := serve(properties, "").(map[string]any)
			is, _ := serve(properties, "").(map[string]any)
			first, ok := is["ContainerDefinitions"].([]any)[0].(map[string]any)
			if !ok {
				continue
			}
			environment, _ := first["Environment"].([]any)
			first["Environment"] = append(slices.Clone(environment), map[string]any{"Name": "STACKRESCUE_ADDED", "Value": "yes: it is # added"})
			first["Memory"], first["StopTimeout"] = 2049, 31
			first["Command"] = []any{"run", "it", `a "b" \ c: d`}
			if len(environment) > 0 {
				first["Environment"] = slices.Delete(first["Environment"].([]any), 0, 1)
			}
			is["Cpu"] = "2048"
			d, err := (&Tree{Root: s}).NewDraft(t.Context(), nil)
			require.NoError(t, err)
			_, err = d.CarryRevision(s, id, is, was)
			if e, ok := errors.AsType[*DraftError](err); ok {
				assert.True(t, d.Empty(), "%s %s", file, id)
				for _, p := range e.Problems {
					assert.NotEmpty(t, p.Why)
					refused[p.Why]++
				}
				continue
			}
			require.NoError(t, err, "%s %s", file, id)
			carried++
			left, err := d.TaskDefinitionDifferences(s, id, is, was)
			require.NoError(t, err)
			for _, x := range left {
				require.Equal(t, otherTemplate, x.Why, "%s %s: %s", file, id, x)
			}
		}
	}
	t.Logf("%d task definitions carried, refused: %v", carried, refused)
	assert.Greater(t, carried*60, len(files))
}

package cfnx_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// What serves gets the template's value of every property that a difference can be
// of, alone and all at once, and keeps the others; nothing of it is changed in place.
func TestRenderRevision(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.push("wide", "v1", rescuetest.Runs())
		s.push("side", "1", rescuetest.Runs())
		s.create("web", wide, "Tag", "v1", "Hush", "very secret")
		arn := *s.service("wide", "web").TaskDefinition
		recorded, all := s.revision(arn), s.revision(arn)
		d := s.draft("web")
		root := d.Tree.Root
		for name, change := range changes() {
			td := s.revision(arn)
			change(td, &td.ContainerDefinitions[0])
			was, err := json.Marshal(td)
			require.NoError(t, err)
			differences, err := d.ServiceDifferences(root, "Service", td, recorded)
			require.NoError(t, err)
			doc, err := d.RenderRevision(root, "Service", td, recorded, differences)
			require.NoError(t, err, name)
			left, err := d.ServiceDifferences(root, "Service", doc, recorded)
			require.NoError(t, err)
			assert.Empty(t, left, name)
			kept, err := d.RenderRevision(root, "Service", td, recorded, nil)
			require.NoError(t, err)
			left, err = d.ServiceDifferences(root, "Service", kept, recorded)
			require.NoError(t, err)
			assert.Equal(t, differences, left, name)
			is, err := json.Marshal(td)
			require.NoError(t, err)
			assert.JSONEq(t, string(was), string(is), name)
		}
		// One of several: the others stay.
		all.ContainerDefinitions[0].Command = []string{"other"}
		all.ContainerDefinitions[0].User = new("nobody-else")
		differences, err := d.ServiceDifferences(root, "Service", all, recorded)
		require.NoError(t, err)
		require.Len(t, differences, 2)
		for i, x := range differences {
			doc, err := d.RenderRevision(root, "Service", all, recorded, []cfnx.Difference{{Container: x.Container, Property: x.Property}})
			require.NoError(t, err)
			left, err := d.ServiceDifferences(root, "Service", doc, recorded)
			require.NoError(t, err)
			assert.Equal(t, differences[1-i:2-i], left)
		}
	})
}

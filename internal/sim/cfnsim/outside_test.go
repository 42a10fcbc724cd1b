package cfnsim

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A nested stack that somebody deleted leaves its root where it was: an update
// that reaches it fails and goes back, and the root can be deleted.
func TestNestedStackDeletedOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := healthy(t, nil)
		db := s.physical("prod", "Database")
		s.delete(db)
		require.Equal(t, types.StackStatusDeleteComplete, s.stack(db).StackStatus)
		bigger := strings.Replace(rootTemplate, "db.t4g.medium", "db.t4g.large", 1)
		require.NotEqual(t, rootTemplate, bigger)
		n := len(s.events("prod", 0))
		status := s.update("prod", bigger, "Image", "app:1")
		t.Log(status, strings.Join(s.events("prod", n), "\n"))
		assert.Equal(t, types.StackStatusUpdateRollbackComplete, status)
		id := *s.stack("prod").StackId
		s.delete(id)
		assert.Equal(t, types.StackStatusDeleteComplete, s.stack(id).StackStatus)
	})
}

package sqlstate_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sqlstate"
)

// refused is an error as drivers of PostgreSQL have them.
type refused struct{}

func (refused) Error() string    { return "ERROR: permission denied (SQLSTATE 42501)" }
func (refused) SQLState() string { return "42501" }

func TestErrorsAreToldApart(t *testing.T) {
	t.Parallel()
	require.Equal(t, "42501", sqlstate.Of(fmt.Errorf("read: %w", refused{})))
	require.Empty(t, sqlstate.Of(errors.New("Error 1205")))
	require.Empty(t, sqlstate.Of(nil))
	require.Equal(t, 1205, sqlstate.Number(fmt.Errorf("lock: %w", errors.New("Error 1205 (HY000): Lock wait timeout exceeded"))))
	require.Zero(t, sqlstate.Number(refused{}))
	require.Zero(t, sqlstate.Number(nil))
}

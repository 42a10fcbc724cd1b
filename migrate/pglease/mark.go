package pglease

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/internal/sqlconn"
	"github.com/stackrescue/stackrescue/internal/sqlstate"
	"github.com/stackrescue/stackrescue/migrate"
)

// wrap says what failed, and marks what waiting does not cure: a role without
// the right, a table, a
// database or a handle that is not there, a login that is refused,
// a key that is no text of the database, prepared statements behind a pooler.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, migrate.ErrStore) {
		return fmt.Errorf("%s: %w", what, err)
	}
	if errors.Is(err, sqlconn.ErrNoHandle) {
		return fmt.Errorf("%s: %w: %w", what, migrate.ErrStore, err)
	}
	if sqlstate.Prepared(err) {
		return fmt.Errorf("%s: %w: %w: %w", what, migrate.ErrStore, errPrepared, err)
	}
	state := sqlstate.Of(err)
	if slices.Contains([]string{"42501", "42P01", "3D000", "3F000"}, state) || strings.HasPrefix(state, "28") || strings.HasPrefix(state, "22") {
		return fmt.Errorf("%s: %w: %w", what, migrate.ErrStore, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

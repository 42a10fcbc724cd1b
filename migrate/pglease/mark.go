package pglease

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/migrate"
)

// wrap says what failed, and marks what waiting does not cure: a role without
// the right, a table or a database that is not there, a login that is refused.
// No driver is imported: those of PostgreSQL tell the state by a method.
//
// Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	state, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err)
	if ok && (slices.Contains([]string{"42501", "42P01", "3D000", "3F000"}, state.SQLState()) || strings.HasPrefix(state.SQLState(), "28")) {
		return fmt.Errorf("%s: %w: %w", what, migrate.ErrStore, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Package start is what a service writes to migrate its database in one replica
// before any replica serves, and to be healthy meanwhile.
package start

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/stackrescue/stackrescue/migrate"
)

// Schema is the part of a service that knows its database.
type Schema interface {
	// Version is where the database is.
	Version(context.Context) (int, error)
	// Migrate brings it to the version.
	Migrate(ctx context.Context, to int) error
}

// Serve migrates to the version that this build wants, in one replica of all that
// share the store, then serves app. Until then health answers under /health.
func Serve(ctx context.Context, store migrate.Store, s Schema, wants int, mux *http.ServeMux, app http.Handler, w io.Writer) error {
	probe := func(ctx context.Context) (migrate.State, error) {
		is, err := s.Version(ctx)
		return migrate.State{Version: fmt.Sprint(is), Done: is >= wants}, err
	}
	up := func(ctx context.Context, _ migrate.Fence) error { return s.Migrate(ctx, wants) }
	r, err := migrate.New(store, "schema", probe, migrate.Func(up))
	if err != nil {
		return err
	}
	mux.Handle("/health", r.Handler())
	res, err := r.Run(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "the schema is at %s\n", res.State.Version)
	mux.Handle("/", app)
	return nil
}

package mylease

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/stackrescue/stackrescue/internal/sqlconn"
	"github.com/stackrescue/stackrescue/internal/sqlstate"
	"github.com/stackrescue/stackrescue/migrate"
)

// Schema makes the tables, if they are not there: leases, and the fence that
// [Guard] asks for. Names are bytes, so that no collation takes two for one.
var Schema = []string{
	`CREATE TABLE IF NOT EXISTS stackrescue_lease (
  name varbinary(255) PRIMARY KEY,
  epoch bigint NOT NULL,
  beat bigint NOT NULL,
  owner varchar(512) CHARACTER SET utf8mb4,
  lease_ns bigint NOT NULL,
  note mediumblob
) ENGINE=InnoDB`,
	`CREATE TABLE IF NOT EXISTS stackrescue_fence (
  name varbinary(255) PRIMARY KEY,
  epoch bigint NOT NULL,
  client varchar(255) CHARACTER SET utf8mb4 NOT NULL DEFAULT ''
) ENGINE=InnoDB`,
}

// Create runs [Schema] in the selected database. Safe to repeat, also from many
// processes at once.
func Create(ctx context.Context, db *sql.DB) error {
	if db == nil {
		return wrap("look for the lease tables", sqlconn.ErrNoHandle)
	}
	var there int
	const look = `SELECT count(*) FROM information_schema.tables
WHERE table_schema = database() AND table_name IN ('stackrescue_lease', 'stackrescue_fence')`
	if err := db.QueryRowContext(ctx, look).Scan(&there); err != nil || there == 2 {
		return wrap("look for the lease tables", err)
	}
	return wrap("create the lease tables", sqlconn.Do(ctx, db, func(conn *sql.Conn) error {
		for _, s := range Schema {
			if _, err := conn.ExecContext(ctx, s); err != nil {
				return err
			}
		}
		return nil
	}))
}

// wrap says what failed, and marks what waiting does not cure: no database
// selected or none of that name, no right, no table or column, no handle.
//
// Source: https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, sqlconn.ErrNoHandle) {
		return fmt.Errorf("%s: %w: %w", what, migrate.ErrStore, err)
	}
	switch sqlstate.Number(err) {
	case 1044, 1045, 1046, 1049, 1054, 1142, 1146:
		return fmt.Errorf("%s: %w: %w", what, migrate.ErrStore, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

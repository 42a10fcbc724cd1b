package bench

import (
	"database/sql"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
)

func open(b *testing.B, dsn string) *sql.DB {
	db, err := sql.Open("pgx", dsn)
	check(b, err)
	b.Cleanup(func() { _ = db.Close() })
	return db
}

func check(b *testing.B, err error) {
	if err != nil {
		b.Helper()
		b.Fatal(err)
	}
}

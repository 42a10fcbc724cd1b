package revision

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/stackrescue/stackrescue/internal/sqlconn"
)

// ErrEngine is returned by [Inspect] and [Stamp] if the server is neither PostgreSQL nor MySQL or MariaDB,
// or that it only speaks like one and lacks what is needed.
var ErrEngine = errors.New("not a PostgreSQL, MySQL or MariaDB server")

// engine is a kind of database server.
type engine string

// The engines. mySQL includes MariaDB and Aurora.
const (
	postgreSQL engine = "postgresql"
	mySQL      engine = "mysql"
)

// querier is a database, a connection or a transaction.
type querier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}

// server is where a database is.
type server struct {
	engine   engine
	version  string
	database string
}

// identify asks the server what it is. Two statements.
func identify(ctx context.Context, q querier) (server, error) {
	var s server
	if db, ok := q.(*sql.DB); ok && db == nil {
		return s, fmt.Errorf("%w: %w", ErrEngine, sqlconn.ErrNoHandle)
	}
	if err := q.QueryRowContext(ctx, `SELECT version()`).Scan(&s.version); err != nil {
		return s, fmt.Errorf("which server: %w", err)
	}
	name := `SELECT database()`
	switch {
	case strings.HasPrefix(s.version, "PostgreSQL ") && !strings.Contains(s.version, "Redshift"):
		s.engine, name = postgreSQL, `SELECT current_database()`
	case s.version != "" && s.version[0] >= '0' && s.version[0] <= '9':
		s.engine = mySQL
	default:
		return s, fmt.Errorf("%s: %w", s.version, ErrEngine)
	}
	var database sql.NullString
	if err := q.QueryRowContext(ctx, name).Scan(&database); err != nil {
		return s, fmt.Errorf("which database: %w", err)
	}
	if s.database = database.String; s.database == "" {
		return s, errors.New("the connection has no database selected")
	}
	return s, nil
}

// quote makes an identifier of its parts.
func (e engine) quote(parts ...string) string {
	mark := `"`
	if e == mySQL {
		mark = "`"
	}
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = mark + strings.ReplaceAll(p, mark, mark+mark) + mark
	}
	return strings.Join(out, ".")
}

// bind writes the placeholders of a statement, "?", as the engine wants them.
// The statements of this package have no other question marks.
func (e engine) bind(query string) string {
	if e != postgreSQL {
		return query
	}
	var b strings.Builder
	n := 0
	for _, r := range query {
		if r != '?' {
			b.WriteRune(r)
			continue
		}
		n++
		b.WriteString("$" + strconv.Itoa(n))
	}
	return b.String()
}

// column reads one column of text. Values that are NULL are "".
func column(ctx context.Context, q querier, query string, args ...any) ([]string, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []string
	for rows.Next() {
		var v sql.NullString
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		out = append(out, v.String)
	}
	return out, rows.Err()
}

package revision

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// place is where a table is. The schema of MySQL is its database.
type place struct{ schema, name string }

func (p place) String() string { return p.schema + "." + p.name }

// columns are a table's, in lower case, with their types.
type columns map[string]string

func (c columns) has(names ...string) bool {
	for _, n := range names {
		if _, ok := c[n]; !ok {
			return false
		}
	}
	return true
}

// textual reports whether a column is of a text type.
func (c columns) textual(name string) bool {
	return strings.Contains(c[name], "char") || strings.Contains(c[name], "text")
}

// tables are the tables that tools may own, by place.
type tables map[place]columns

// beside finds a table in the same schema, whatever the case of its name.
func (s tables) beside(p place, name string) (place, bool) {
	for other := range s {
		if other.schema == p.schema && strings.EqualFold(other.name, name) {
			return other, true
		}
	}
	return place{}, false
}

// sorted are the places in a fixed order.
func (s tables) sorted() []place {
	return slices.SortedFunc(maps.Keys(s), func(a, b place) int { return strings.Compare(a.String(), b.String()) })
}

// listTables lists the tables with one of the names, in lower case, that this user
// may see, with their columns: on PostgreSQL in all schemas, on MySQL in the
// selected database.
func (s server) listTables(ctx context.Context, q querier, names []string) (tables, error) {
	query := `SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns WHERE `
	if s.engine == mySQL {
		query += `table_schema = database()`
	} else {
		query += `table_schema NOT IN ('pg_catalog', 'information_schema')`
	}
	query += ` AND lower(table_name) IN (?` + strings.Repeat(", ?", len(names)-1) + `)`
	args := make([]any, len(names))
	for i, n := range names {
		args[i] = n
	}
	rows, err := q.QueryContext(ctx, s.engine.bind(query), args...)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	defer func() { _ = rows.Close() }()
	out := tables{}
	for rows.Next() {
		var p place
		var name, kind string
		if err := rows.Scan(&p.schema, &p.name, &name, &kind); err != nil {
			return nil, fmt.Errorf("list tables: %w", err)
		}
		if out[p] == nil {
			out[p] = columns{}
		}
		out[p][strings.ToLower(name)] = strings.ToLower(kind)
	}
	return out, rows.Err()
}

package revision

import (
	"context"
	"database/sql"
	"regexp"
	"slices"
	"strings"
)

// Entry is one version that a tool's table holds.
type Entry struct {
	// Version is as the tool writes it; for Django it is "app.name".
	Version string `json:"version"`
	// Dirty is golang-migrate's mark of a migration that has begun and not
	// ended.
	Dirty bool `json:"dirty,omitempty"`
}

// String is such as "7 (dirty)".
func (e Entry) String() string {
	if e.Dirty {
		return e.Version + " (dirty)"
	}
	return e.Version
}

// content is what a tool's table holds.
type content struct {
	entries []Entry
	// version is the newest version, for people.
	version string
	// unfinished names migrations that began and did not end.
	unfinished []string
	// locked is who holds the tool's own lock row, and expired whether its time
	// is over. "" for nobody.
	locked  string
	expired bool
	// odd is what should not be there.
	odd []string
	// unread is why the table could not be read, "" where it was: a session has
	// it locked.
	unread string
	// details are the tool's own words about what is unfinished.
	details []string
}

// tool is a migration tool: how its table is known, and what it means.
type tool struct {
	name string
	// table is the default name, in lower case, and beside those of others
	// that are looked at with it.
	table  string
	beside []string
	// fits tells the tool from others that use the same name.
	fits func(cols columns, has func(name string) bool) bool
	// read reads the table at p.
	read func(ctx context.Context, r reader, p place) (content, error)
	// locks are the advisory locks that the tool takes.
	locks func(s server, p place) []advisory
	// repair is what the tool itself has for the purpose, one command each.
	repair func(c content) []string
	// missing reports whether one of the image's migrations is not recorded.
	// Nil for tools that record each.
	missing func(c content, h History, version string) bool
	// stamp is nil for tools that are only recognised.
	stamp *stamper
}

// reader reads the tables of one server.
type reader struct {
	server
	querier
	all tables
}

// text reads one column. The query names the table by "{}".
func (r reader) text(ctx context.Context, p place, query string) ([]string, error) {
	return column(ctx, r.querier, strings.ReplaceAll(query, "{}", r.engine.quote(p.schema, p.name)))
}

// quoteIn quotes the identifiers of a query that are written as [Name].
func (r reader) quoteIn(query string) string {
	return bracketed.ReplaceAllStringFunc(query, func(m string) string { return r.engine.quote(m[1 : len(m)-1]) })
}

var bracketed = regexp.MustCompile(`\[[A-Za-z_]+\]`)

// pairs reads two columns.
func (r reader) pairs(ctx context.Context, p place, query string) ([][2]string, error) {
	rows, err := r.QueryContext(ctx, strings.ReplaceAll(query, "{}", r.engine.quote(p.schema, p.name)))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out [][2]string
	for rows.Next() {
		var a, b sql.NullString
		if err := rows.Scan(&a, &b); err != nil {
			return nil, err
		}
		out = append(out, [2]string{a.String, b.String})
	}
	return out, rows.Err()
}

// tools are all that are known. The order decides where two fit.
var tools = slices.Concat([]tool{golangMigrate, goose, alembic, rails, django}, recognised)

// named finds a tool by its name.
func named(name string) (tool, bool) {
	i := slices.IndexFunc(tools, func(t tool) bool { return strings.EqualFold(t.name, name) })
	if i < 0 {
		return tool{}, false
	}
	return tools[i], true
}

// owner tells whose table is at p: the tool, or false. A name given by the user
// is taken for any tool's whose columns it has.
func owner(all tables, p place, given bool) (tool, bool) {
	has := func(name string) bool {
		_, ok := all.beside(p, name)
		return ok
	}
	for _, t := range tools {
		if (given || strings.EqualFold(p.name, t.table)) && t.fits(all[p], has) {
			return t, true
		}
	}
	return tool{}, false
}

// tableNames are the names to look for.
func tableNames(given ...string) []string {
	var out []string
	for _, t := range tools {
		out = append(append(out, t.table), t.beside...)
	}
	for _, g := range given {
		if g != "" {
			out = append(out, strings.ToLower(g))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

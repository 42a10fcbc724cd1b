package revision

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// alembic holds a row per head: one, unless the history has branches. A
// revision implies all that precede it.
//
// Source: https://alembic.sqlalchemy.org/en/latest/branches.html, docs/migrate.md 5.
var alembic = tool{
	name: "alembic", table: "alembic_version",
	fits:    func(c columns, _ func(string) bool) bool { return c.has("version_num") },
	read:    readAlembic,
	locks:   func(server, place) []advisory { return nil },
	repair:  func(content) []string { return []string{"alembic stamp REVISION", "alembic stamp --purge REVISION"} },
	missing: missingOfHeads,
	stamp: &stamper{
		target: alembicTarget,
		insert: func(_ engine, x Entry) Statement {
			return statement(`INSERT INTO {} (version_num) VALUES (?)`, []any{x.Version}, 1)
		},
		remove: func(x Entry) Statement {
			return statement(`DELETE FROM {} WHERE version_num = ?`, []any{x.Version}, 1)
		},
		replace: func(old, x Entry) Statement {
			return statement(`UPDATE {} SET version_num = ? WHERE version_num = ?`, []any{x.Version, old.Version}, 1)
		},
	},
}

func readAlembic(ctx context.Context, r reader, p place) (content, error) {
	heads, err := r.text(ctx, p, `SELECT version_num FROM {} ORDER BY version_num`)
	if err != nil {
		return content{}, err
	}
	c := content{version: strings.Join(heads, ", ")}
	for _, h := range heads {
		c.entries = append(c.entries, Entry{Version: h})
	}
	if len(heads) > 1 {
		c.odd = append(c.odd, fmt.Sprintf("%d heads: %s; that is right only where the history has branches", len(heads), c.version))
	}
	return c, nil
}

// alembicTarget puts To in the place of the heads that it follows upon. Which
// those are, only the history says.
func alembicTarget(before []Entry, c Change) ([]Entry, error) {
	to := Entry{Version: c.To}
	switch {
	case c.To == "":
		return nil, fmt.Errorf("no revision: %w", ErrUnknown)
	case slices.Contains(before, to):
		return before, nil
	case c.History == nil && (len(before) > 1 || (len(before) == 1 && !c.Backwards)):
		return nil, fmt.Errorf("without the image's history nobody knows whether %s follows upon %s: %w", c.To, join(before), ErrBackwards)
	case c.History == nil:
		return []Entry{to}, nil
	}
	below, err := c.History.upTo(c.To)
	if err != nil {
		return nil, err
	}
	var after []Entry
	for _, head := range before {
		if below[head.Version] {
			continue
		}
		above, err := c.History.upTo(head.Version)
		switch {
		case err != nil && !c.Backwards:
			return nil, fmt.Errorf("the table is at %s: %w: %w", head, err, ErrBackwards)
		case err == nil && above[c.To] && !c.Backwards:
			return nil, fmt.Errorf("the table is at %s, which follows upon %s: %w", head, c.To, ErrBackwards)
		case err == nil && !above[c.To]:
			after = append(after, head) // the head of another branch
		}
	}
	return append(after, to), nil
}

// join is a list for people.
func join(es []Entry) string {
	out := make([]string, len(es))
	for i, e := range es {
		out[i] = e.String()
	}
	return strings.Join(out, ", ")
}

package revision

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// django records each migration of each app with a row, and has no constraint
// that keeps two processes from recording it twice.
//
// Source: https://github.com/django/django/blob/3.2.25/django/db/migrations/recorder.py,
// docs/migrate.md 5.
var django = tool{
	name: "django", table: "django_migrations",
	fits:  func(c columns, _ func(string) bool) bool { return c.has("app", "name", "applied") },
	read:  readDjango,
	locks: func(server, place) []advisory { return nil },
	repair: func(content) []string {
		return []string{"python manage.py showmigrations", "python manage.py migrate APP NAME --fake"}
	},
	stamp: &stamper{
		target: djangoTarget,
		insert: func(e engine, x Entry) Statement {
			app, name, _ := strings.Cut(x.Version, ".")
			now := "CURRENT_TIMESTAMP"
			if e == mySQL {
				now = "UTC_TIMESTAMP(6)" // what Django writes, whatever the session's time zone
			}
			return statement(`INSERT INTO {} (app, name, applied) VALUES (?, ?, `+now+`)`, []any{app, name}, 1)
		},
		remove: func(x Entry) Statement {
			app, name, _ := strings.Cut(x.Version, ".")
			return statement(`DELETE FROM {} WHERE app = ? AND name = ?`, []any{app, name}, anyRows)
		},
	},
}

func readDjango(ctx context.Context, r reader, p place) (content, error) {
	rows, err := r.pairs(ctx, p, `SELECT app, name FROM {} ORDER BY id`)
	if err != nil {
		return content{}, err
	}
	var c content
	times := map[string]int{}
	for _, row := range rows {
		v := row[0] + "." + row[1]
		if times[v]++; times[v] == 1 {
			c.entries, c.version = append(c.entries, Entry{Version: v}), v
		}
	}
	for v, n := range times {
		if n > 1 {
			c.odd = append(c.odd, fmt.Sprintf("%s is recorded %d times: two processes migrated at once", v, n))
		}
	}
	slices.Sort(c.odd)
	return c, nil
}

// djangoTarget moves one app. Other apps' migrations stay as they are.
func djangoTarget(before []Entry, c Change) ([]Entry, error) {
	app, name, ok := strings.Cut(c.To, ".")
	if !ok || app == "" || name == "" {
		return nil, fmt.Errorf("%q is not an app and a migration such as shop.0002_price: %w", c.To, ErrUnknown)
	}
	beyond := func(v string) bool {
		other, n, _ := strings.Cut(v, ".")
		if other != app {
			return false
		}
		above, err := c.History.upTo(v)
		return above[c.To] || (err != nil && strings.Compare(n, name) > 0)
	}
	return accumulate(before, c, beyond)
}

package revision

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// line is a history without branches.
func line(names ...string) History {
	var h History
	for i, n := range names {
		m := Migration{Version: n}
		if i > 0 {
			m.Parents = []string{names[i-1]}
		}
		h = append(h, m)
	}
	return h
}

// entries reads "1 2 3!", where "!" is dirty.
func entries(s string) (out []Entry) {
	for f := range strings.FieldsSeq(s) {
		out = append(out, Entry{Version: strings.TrimSuffix(f, "!"), Dirty: strings.HasSuffix(f, "!")})
	}
	return out
}

// branched is a, then b and c beside each other, merged by d; e is beside all.
var branched = History{
	{Version: "a"}, {Version: "b", Parents: []string{"a"}}, {Version: "c", Parents: []string{"a"}},
	{Version: "d", Parents: []string{"b", "c"}}, {Version: "e"},
}

func TestTargets(t *testing.T) {
	t.Parallel()
	shop := append(line("shop.1", "shop.2", "shop.3"), line("blog.1", "blog.2")...)
	for _, c := range []struct {
		tool   tool
		before string
		change Change
		// after is the target, or the error.
		after any
	}{
		{golangMigrate, "7!", Change{To: "7"}, "7"},
		{golangMigrate, "7!", Change{To: "8"}, "8"},
		{golangMigrate, "7", Change{To: "007"}, "7"},
		{golangMigrate, "", Change{To: "3"}, "3"},
		{golangMigrate, "7!", Change{To: "6"}, ErrBackwards},
		{golangMigrate, "10", Change{To: "9"}, ErrBackwards},
		{golangMigrate, "7!", Change{To: "6", Backwards: true}, "6"},
		{golangMigrate, "7", Change{To: "8", History: line("7", "9")}, ErrUnknown},
		{golangMigrate, "7", Change{To: "x"}, ErrUnknown},

		{goose, "1 2", Change{To: "3"}, "1 2 3"},
		{goose, "1", Change{To: "3", History: line("1", "2", "3", "4")}, "1 2 3"},
		{goose, "1 4", Change{To: "3", History: line("1", "2", "3", "4")}, "1 4 2 3"},
		{goose, "1 2 3", Change{To: "2"}, ErrBackwards},
		{goose, "1 2 3", Change{To: "3"}, "1 2 3"},
		{goose, "1 2 3 10", Change{To: "2", Backwards: true}, "1 2"},
		{goose, "1", Change{To: "5", History: line("1", "2")}, ErrUnknown},
		{rails, "20260101 20260301", Change{To: "20260201"}, "20260101 20260301 20260201"},
		{rails, "20260101 20260301", Change{To: "20260101"}, ErrBackwards},
		{rails, "20260101 20260301", Change{To: "20260101", Backwards: true}, "20260101"},

		{alembic, "a", Change{To: "b", History: branched}, "b"},
		{alembic, "", Change{To: "b", History: branched}, "b"},
		{alembic, "b", Change{To: "c", History: branched}, "b c"},
		{alembic, "b c", Change{To: "d", History: branched}, "d"},
		{alembic, "b e", Change{To: "d", History: branched}, "e d"},
		{alembic, "d", Change{To: "b", History: branched}, ErrBackwards},
		{alembic, "d e", Change{To: "b", History: branched, Backwards: true}, "e b"},
		{alembic, "new", Change{To: "d", History: branched}, ErrBackwards},
		{alembic, "new", Change{To: "d", History: branched, Backwards: true}, "d"},
		{alembic, "a", Change{To: "z", History: branched}, ErrUnknown},
		{alembic, "a", Change{To: "b"}, ErrBackwards},
		{alembic, "a", Change{To: "b", Backwards: true}, "b"},
		{alembic, "b c", Change{To: "d", Backwards: true}, ErrBackwards},
		{alembic, "a", Change{To: "a"}, "a"},
		{alembic, "", Change{To: "b"}, "b"},
		{alembic, "a", Change{}, ErrUnknown},

		{django, "shop.1 blog.1", Change{To: "shop.2"}, "shop.1 blog.1 shop.2"},
		{django, "blog.1", Change{To: "shop.3", History: shop}, "blog.1 shop.1 shop.2 shop.3"},
		{django, "shop.1 shop.2 shop.3 blog.2", Change{To: "shop.1", History: shop}, ErrBackwards},
		{django, "shop.1 shop.2 shop.3 blog.2", Change{To: "shop.1", History: shop, Backwards: true}, "shop.1 blog.2"},
		{django, "shop.1 shop.9", Change{To: "shop.2", History: shop, Backwards: true}, "shop.1 shop.2"},
		{django, "", Change{To: "shop"}, ErrUnknown},
		{django, "", Change{To: "shop.4", History: shop}, ErrUnknown},
	} {
		got, err := c.tool.stamp.target(entries(c.before), c.change)
		name := c.tool.name + " " + c.before + " -> " + c.change.To
		if want, ok := c.after.(error); ok {
			require.ErrorIs(t, err, want, name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, entries(c.after.(string)), got, name)
	}
}

func TestStatementsNameOnlyTheDifference(t *testing.T) {
	t.Parallel()
	require.Equal(t, []Statement{statement(`UPDATE {} SET version = ?, dirty = ? WHERE version = ? AND dirty = ?`, []any{int64(8), false, int64(7), true}, 1)},
		golangMigrate.stamp.statements(postgreSQL, entries("7!"), entries("8")))
	require.Equal(t, []Statement{statement(`UPDATE {} SET version_num = ? WHERE version_num = ?`, []any{"b", "a"}, 1)},
		alembic.stamp.statements(mySQL, entries("e a"), entries("e b")))
	require.Equal(t, []Statement{
		statement(`DELETE FROM {} WHERE version_num = ?`, []any{"b"}, 1), statement(`DELETE FROM {} WHERE version_num = ?`, []any{"c"}, 1),
		statement(`INSERT INTO {} (version_num) VALUES (?)`, []any{"d"}, 1),
	}, alembic.stamp.statements(postgreSQL, entries("b c"), entries("d")))
	require.Empty(t, rails.stamp.statements(postgreSQL, entries("1"), entries("1")))
}

func TestBind(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a = $1 AND b = $2", postgreSQL.bind("a = ? AND b = ?"))
	require.Equal(t, "a = ?", mySQL.bind("a = ?"))
	require.Equal(t, `"a"."b""c"`, postgreSQL.quote("a", `b"c`))
	require.Equal(t, "`a`.`b``c`", mySQL.quote("a", "b`c"))
}

package revision

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// tree is a directory of files.
func tree(files map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

func versions(h History) []string {
	var out []string
	for _, m := range h {
		out = append(out, m.Version)
	}
	return out
}

func TestReadHistoryOfNumberedFiles(t *testing.T) {
	t.Parallel()
	for tool, files := range map[string][]string{
		"golang-migrate": {"2_b.up.sql", "2_b.down.sql", "10_c.up.sql", "0001_a.up.sql", "README.md", "notes_1.sql"},
		"goose":          {"2_b.sql", "00010_c.go", "0001_a.sql", "10_c_test.go", "readme.txt"},
		"rails":          {"2_b.rb", "10_c.shop.rb", "001_a.rb", "10_C.rb"},
	} {
		m := map[string]string{"sub/5_x.up.sql": ""}
		for _, f := range files {
			m[f] = ""
		}
		h, err := ReadHistory(tree(m), tool)
		require.NoError(t, err, tool)
		require.Equal(t, []string{"1", "2", "10"}, versions(h), tool)
		require.Equal(t, []string{"2"}, h[2].Parents, tool)
	}
	_, err := ReadHistory(tree(map[string]string{"1_a.sql": "", "01_b.sql": ""}), "goose")
	require.ErrorContains(t, err, "are both 1")
	_, err = ReadHistory(tree(nil), "flyway")
	require.ErrorContains(t, err, "not known")
}

func TestReadHistoryOfAlembic(t *testing.T) {
	t.Parallel()
	fsys := tree(map[string]string{
		"env.py":             "x = 1",
		"versions/z_base.py": "\"\"\"base\n\nRevision ID: aaa\n\"\"\"\nrevision = 'aaa'\ndown_revision = None\nbranch_labels = None\n",
		"versions/a_left.py": "from typing import Union\nrevision: str = \"bbb\"\ndown_revision: Union[str, None] = \"aaa\"\n",
		"versions/right.py":  "revision = 'ccc'\ndown_revision = 'aaa'\ndepends_on = None\n",
		"versions/merge.py":  "revision = 'ddd'\ndown_revision = (\n    'bbb',\n    'ccc',\n)\n",
	})
	h, err := ReadHistory(fsys, "alembic")
	require.NoError(t, err)
	require.Equal(t, "aaa", h[0].Version)
	require.Equal(t, "ddd", h[3].Version)
	require.Equal(t, []string{"bbb", "ccc"}, h[3].Parents)
	below, err := h.upTo("bbb")
	require.NoError(t, err)
	require.Equal(t, map[string]bool{"aaa": true, "bbb": true}, below)
	_, err = h.upTo("eee")
	require.ErrorIs(t, err, ErrUnknown)
	fsys["versions/odd.py"] = &fstest.MapFile{Data: []byte("revision = make()\ndown_revision = 'ddd'\n")}
	_, err = ReadHistory(fsys, "alembic")
	require.ErrorContains(t, err, "versions/odd.py")
	_, err = ReadHistory(tree(map[string]string{"a.py": "revision = 'a'\ndown_revision = 'b'", "b.py": "revision = 'b'\ndown_revision = 'a'"}), "alembic")
	require.ErrorContains(t, err, "follows upon itself")
}

func TestReadHistoryOfDjango(t *testing.T) {
	t.Parallel()
	fsys := tree(map[string]string{
		"shop/migrations/__init__.py":     "",
		"shop/migrations/0001_initial.py": "class Migration(migrations.Migration):\n    initial = True\n    dependencies = [\n    ]\n",
		"shop/migrations/0002_price.py":   "    dependencies = [\n        ('shop', '0001_initial'),\n        (\"auth\", \"0012_x\"),\n    ]\n",
		"shop/models.py":                  "dependencies = [('shop', '0001_initial')]",
		"blog/migrations/0001_initial.py": "    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]\n",
	})
	h, err := ReadHistory(fsys, "django")
	require.NoError(t, err)
	require.Equal(t, []string{"blog.0001_initial", "shop.0001_initial", "shop.0002_price"}, versions(h))
	require.Equal(t, []string{"shop.0001_initial"}, h[2].Parents)
	_, err = ReadHistory(tree(map[string]string{"migrations/0001_initial.py": ""}), "django")
	require.ErrorContains(t, err, "above the apps")
}

func TestNumbersOfAnyLength(t *testing.T) {
	t.Parallel()
	require.Negative(t, numeric("9", "10"))
	require.Zero(t, numeric("0010", "10"))
	require.Positive(t, numeric("20261125093000999999999", "20261125093000"))
	require.Negative(t, numeric("-1", "0"))
	require.Negative(t, numeric("-2", "-1"))
	require.Equal(t, "0", number("000"))
	require.Equal(t, "7", number("007"))
	require.Empty(t, number("7a"))
	require.Empty(t, number(""))
}

// FuzzReadHistory reads any file: what it gives has parents first, and each
// version once.
func FuzzReadHistory(f *testing.F) {
	f.Add("versions/a.py", "revision = 'a'\ndown_revision = None", "b.py", "revision = 'b'\ndown_revision = ('a', 'c')")
	f.Add("1_a.up.sql", "", "01_b.sql", "")
	f.Add("x/migrations/0001_a.py", "dependencies = [('x', '0001_a')]", "x/migrations/0002_b.py", "dependencies=[('x','0001_a',)]")
	f.Fuzz(func(t *testing.T, name1, text1, name2, text2 string) {
		fsys := fstest.MapFS{}
		for name, text := range map[string]string{name1: text1, name2: text2} {
			fsys[name] = &fstest.MapFile{Data: []byte(text)}
		}
		for _, tool := range []string{"golang-migrate", "goose", "rails", "alembic", "django"} {
			h, err := ReadHistory(fsys, tool)
			if err != nil {
				continue
			}
			seen := map[string]bool{}
			for _, m := range h {
				if seen[m.Version] {
					t.Fatalf("%s: %s twice", tool, m.Version)
				}
				for _, p := range m.Parents {
					if _, known := h.find(p); known && !seen[p] {
						t.Fatalf("%s: %s before its parent %s", tool, m.Version, p)
					}
				}
				seen[m.Version] = true
			}
		}
	})
}

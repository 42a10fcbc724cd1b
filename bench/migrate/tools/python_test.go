package tools

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/servers"
	"github.com/stackrescue/stackrescue/migrate/revision"
)

// python is Debian's, which has the modules.
const python = "/usr/bin/python3"

// module skips a test whose Python module is not installed.
func module(t *testing.T, name, install string) {
	if exec.Command(python, "-c", "import psycopg2, "+name).Run() != nil {
		servers.Missing(t, name, "apt-get install python3-psycopg2 "+install)
	}
}

// write makes files in a directory.
func write(t *testing.T, dir string, files map[string]string) {
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
}

// tool runs a program in dir and returns what it printed.
func tool(t *testing.T, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + dir, "PYTHONDONTWRITEBYTECODE=1"}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// mustTool is tool, for what has to work.
func mustTool(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := tool(t, dir, args...)
	require.NoError(t, err, out)
	return out
}

// libpq is a database's address for psycopg2.
func libpq(d *data) string {
	return strings.Replace(d.lab.url(d.name), "postgres://", "postgresql+psycopg2://", 1)
}

// alembicStamped records what was applied by hand, over a branch and its merge.
func alembicStamped(t *testing.T, l *lab) {
	module(t, "alembic", "alembic")
	d, dir := l.fresh(t), t.TempDir()
	script := func(id, down, up string) string {
		return "from alembic import op\nimport sqlalchemy as sa\n\nrevision = '" + id + "'\ndown_revision = " + down + "\n\ndef upgrade():\n    " + up + "\n\ndef downgrade():\n    pass\n"
	}
	write(t, dir, map[string]string{
		"alembic.ini":          "[alembic]\nscript_location = m\nsqlalchemy.url = " + libpq(d) + "\n",
		"m/env.py":             "from alembic import context\nfrom sqlalchemy import create_engine\nurl = context.config.get_main_option('sqlalchemy.url')\nwith create_engine(url).connect() as c:\n    context.configure(connection=c)\n    with context.begin_transaction():\n        context.run_migrations()\n",
		"m/versions/a.py":      script("aaa", "None", "op.execute('CREATE TABLE item (id int)')"),
		"m/versions/left.py":   script("bbb", "'aaa'", "op.execute('ALTER TABLE item ADD COLUMN price int')"),
		"m/versions/right.py":  script("ccc", "'aaa'", "op.execute('ALTER TABLE item ADD COLUMN name text')"),
		"m/versions/merge.py":  script("ddd", "('bbb', 'ccc')", "pass"),
		"m/versions/newest.py": script("eee", "'ddd'", "op.execute('ALTER TABLE item ADD COLUMN colour text')"),
	})
	alembic := func(args ...string) string {
		return mustTool(t, dir, append([]string{python, "-m", "alembic"}, args...)...)
	}
	alembic("upgrade", "bbb")
	d.run(t, "ALTER TABLE item ADD COLUMN name text")
	out, err := tool(t, dir, python, "-m", "alembic", "upgrade", "heads")
	require.Error(t, err)
	require.Contains(t, out, "already exists")
	history, err := revision.ReadHistory(os.DirFS(filepath.Join(dir, "m/versions")), "alembic")
	require.NoError(t, err)
	got := d.only(t, "alembic", func(o *revision.InspectOptions) { o.History = history })
	require.Equal(t, "bbb", got.Version)
	require.ElementsMatch(t, []string{"ccc", "ddd", "eee"}, got.Pending)
	_, err = revision.Stamp(t.Context(), d.DB, revision.Change{To: "ccc"}, d.writing(t))
	require.ErrorIs(t, err, revision.ErrBackwards, "without the history nobody knows")
	stamped, err := revision.Stamp(t.Context(), d.DB, revision.Change{To: "ccc", History: history}, d.writing(t))
	require.NoError(t, err)
	require.Len(t, stamped.Added, 1)
	require.Empty(t, stamped.Removed, "the head of the other branch stays")
	alembic("upgrade", "heads")
	require.Contains(t, alembic("current"), "eee (head)")
	require.Equal(t, "eee", d.only(t, "alembic").Version)
	stamped, err = revision.Stamp(t.Context(), d.DB, revision.Change{To: "ddd", History: history, Backwards: true}, d.writing(t))
	require.NoError(t, err)
	require.Equal(t, "eee", stamped.From)
	require.Contains(t, alembic("current"), "ddd")
	// The image of before does not know what is recorded.
	require.NoError(t, os.Remove(filepath.Join(dir, "m/versions/newest.py")))
	require.NoError(t, os.Remove(filepath.Join(dir, "m/versions/merge.py")))
	old, err := revision.ReadHistory(os.DirFS(filepath.Join(dir, "m/versions")), "alembic")
	require.NoError(t, err)
	require.Equal(t, []string{"ddd"}, d.only(t, "alembic", func(o *revision.InspectOptions) { o.History = old }).Unknown)
	_, err = revision.Stamp(t.Context(), d.DB, revision.Change{To: "bbb", History: old}, d.writing(t))
	require.ErrorIs(t, err, revision.ErrUnknown)
	require.ErrorIs(t, err, revision.ErrBackwards)
}

// djangoStamped records what was applied by hand, in one app of several.
func djangoStamped(t *testing.T, l *lab) {
	module(t, "django", "python3-django")
	d, dir := l.fresh(t), t.TempDir()
	head := "from django.db import migrations, models\n\nclass Migration(migrations.Migration):\n"
	write(t, dir, map[string]string{
		"settings.py":                     "SECRET_KEY = 'x'\nUSE_TZ = True\nDEFAULT_AUTO_FIELD = 'django.db.models.AutoField'\nINSTALLED_APPS = ['shop', 'django.contrib.contenttypes']\nDATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql', 'NAME': '" + d.name + "', 'USER': 'postgres', 'HOST': '127.0.0.1', 'PORT': " + port(l) + "}}\n",
		"manage.py":                       "import os, sys\nos.environ['DJANGO_SETTINGS_MODULE'] = 'settings'\nfrom django.core.management import execute_from_command_line\nexecute_from_command_line(sys.argv)\n",
		"shop/__init__.py":                "",
		"shop/migrations/__init__.py":     "",
		"shop/models.py":                  "from django.db import models\n\nclass Item(models.Model):\n    price = models.IntegerField(null=True)\n",
		"shop/migrations/0001_initial.py": head + "    initial = True\n    dependencies = []\n    operations = [migrations.CreateModel(name='Item', fields=[('id', models.AutoField(primary_key=True, serialize=False, auto_created=True, verbose_name='ID'))])]\n",
		"shop/migrations/0002_price.py":   head + "    dependencies = [('shop', '0001_initial')]\n    operations = [migrations.AddField(model_name='item', name='price', field=models.IntegerField(null=True))]\n",
	})
	manage := func(args ...string) (string, error) {
		return tool(t, dir, append([]string{python, "manage.py"}, args...)...)
	}
	out, err := manage("migrate", "shop", "0001")
	require.NoError(t, err, out)
	out, err = manage("migrate", "contenttypes")
	require.NoError(t, err, out)
	d.run(t, "ALTER TABLE shop_item ADD COLUMN price int")
	out, err = manage("migrate")
	require.Error(t, err)
	require.Contains(t, out, "already exists")
	_, err = manage("migrate", "--check")
	require.Error(t, err, "there is something to do")
	history, err := revision.ReadHistory(os.DirFS(dir), "django")
	require.NoError(t, err)
	got := d.only(t, "django", func(o *revision.InspectOptions) { o.History = history })
	require.Equal(t, []string{"shop.0002_price"}, got.Pending)
	stamped, err := revision.Stamp(t.Context(), d.DB, revision.Change{To: "shop.0002_price", History: history}, d.writing(t))
	require.NoError(t, err)
	require.Len(t, stamped.Added, 1)
	out, err = manage("migrate", "--check")
	require.NoError(t, err, out)
	out, err = manage("showmigrations", "shop")
	require.NoError(t, err, out)
	require.Contains(t, out, "[X] 0002_price")
	out, err = manage("migrate")
	require.NoError(t, err, out)
}

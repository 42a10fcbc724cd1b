package tools

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/servers"
	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/revision"
)

// ruby is Debian's, which has the gems.
const ruby = "/usr/bin/ruby"

func port(l *lab) string { return strconv.Itoa(l.pg.Port) }

// railsStamped records what was applied by hand, for Rails' migrator.
func railsStamped(t *testing.T, l *lab) {
	if exec.Command(ruby, "-e", "require 'pg'; require 'active_record'").Run() != nil {
		servers.Missing(t, "Active Record", "apt-get install ruby-activerecord ruby-pg")
	}
	d, dir := l.fresh(t), t.TempDir()
	write(t, dir, map[string]string{
		"db/20260101000000_create_item.rb": "class CreateItem < ActiveRecord::Migration[6.1]\n  def change\n    create_table(:items)\n  end\nend\n",
		"db/20260201000000_add_price.rb":   "class AddPrice < ActiveRecord::Migration[6.1]\n  def change\n    add_column :items, :price, :integer\n  end\nend\n",
		"db/20260301000000_add_name.rb":    "class AddName < ActiveRecord::Migration[6.1]\n  def change\n    add_column :items, :name, :string\n  end\nend\n",
		"run.rb": `require 'active_record'
ActiveRecord::Base.establish_connection(adapter: 'postgresql', host: '127.0.0.1', port: ` + port(l) + `, username: 'postgres', database: '` + d.name + `')
ActiveRecord::Migration.verbose = false
context = ActiveRecord::MigrationContext.new('db', ActiveRecord::SchemaMigration)
case ARGV[0]
when 'up' then context.up(ARGV[1]&.to_i)
when 'status' then puts context.migrations_status.map { |s, v, _| "#{s} #{v}" }
when 'needs' then puts context.needs_migration?
end
`,
	})
	mustTool(t, dir, ruby, "run.rb", "up", "20260101000000")
	d.run(t, "ALTER TABLE items ADD COLUMN price int")
	out, err := tool(t, dir, ruby, "run.rb", "up")
	require.Error(t, err)
	require.Contains(t, out, "DuplicateColumn")
	history, err := revision.ReadHistory(os.DirFS(filepath.Join(dir, "db")), "rails")
	require.NoError(t, err)
	got := d.only(t, "rails", func(o *revision.InspectOptions) { o.History = history })
	require.Equal(t, "20260101000000", got.Version)
	require.Equal(t, []string{"20260201000000", "20260301000000"}, got.Pending)
	stamped, err := revision.Stamp(t.Context(), d.DB, revision.Change{To: "20260201000000", History: history}, d.writing(t))
	require.NoError(t, err)
	require.Len(t, stamped.Added, 1)
	require.Contains(t, mustTool(t, dir, ruby, "run.rb", "status"), "up 20260201000000\ndown 20260301000000")
	mustTool(t, dir, ruby, "run.rb", "up")
	require.Contains(t, mustTool(t, dir, ruby, "run.rb", "needs"), "false")
	require.Empty(t, d.only(t, "rails", func(o *revision.InspectOptions) { o.History = history }).Pending)
}

// lessRights inspects as a user who may read one table and see little else, and
// stamps as one who owns the table.
func lessRights(t *testing.T, l *lab) {
	d := railsLike(t, l)
	d.run(t, "CREATE ROLE reader"+d.name+" LOGIN", "GRANT SELECT ON schema_migrations, ar_internal_metadata TO reader"+d.name,
		"CREATE ROLE owner"+d.name+" LOGIN", "GRANT CREATE ON SCHEMA public TO owner"+d.name,
		"ALTER TABLE schema_migrations OWNER TO owner"+d.name, "ALTER TABLE ar_internal_metadata OWNER TO owner"+d.name)
	as := func(role string) *data {
		return &data{lab: l, name: d.name, DB: openURL(t, l.pg.DSN("user="+role+d.name, "dbname="+d.name))}
	}
	require.Equal(t, "20260101000000", as("reader").only(t, "rails").Version)
	owner := as("owner")
	out, err := revision.Stamp(t.Context(), owner.DB, revision.Change{To: "20260201000000"}, owner.writing(t))
	require.NoError(t, err)
	require.True(t, out.Changed)
	reader := as("reader")
	_, err = revision.Stamp(t.Context(), reader.DB, revision.Change{To: "20260301000000"}, reader.writing(t))
	require.ErrorIs(t, err, migrate.ErrStore, "it does not wait for a right that it will not get")
	require.ErrorContains(t, err, "permission denied")
	// The table of stamps may have been made by somebody who may do that.
	d.run(t, "REVOKE CREATE ON SCHEMA public FROM owner"+d.name)
	out, err = revision.Stamp(t.Context(), owner.DB, revision.Change{To: "20260301000000"}, owner.writing(t))
	require.NoError(t, err)
	require.True(t, out.Changed)
}

package rescue

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/internal/redact"
)

// migrationTool is how a migration tool is recognised in a log, and which of its
// commands says where a database stands, reading alone.
type migrationTool struct {
	name    string
	says    *regexp.Regexp
	inspect []string
}

// migrationTools are those whose tables or messages logs name. The commands are the
// tools' own:
// https://alembic.sqlalchemy.org/en/latest/tutorial.html#getting-information,
// https://docs.djangoproject.com/en/stable/ref/django-admin/#showmigrations,
// https://guides.rubyonrails.org/active_record_migrations.html#migration-status,
// https://documentation.red-gate.com/flyway/reference/commands/info (Flyway),
// https://docs.liquibase.com/commands/status/status.html,
// https://www.prisma.io/docs/orm/reference/prisma-cli-reference#migrate-status,
// https://knexjs.org/guide/migrations.html#migration-cli,
// https://github.com/golang-migrate/migrate/tree/master/cmd/migrate,
// https://github.com/pressly/goose.
var migrationTools = []migrationTool{
	{"alembic", regexp.MustCompile(`(?i)alembic`), []string{"alembic", "current"}},
	{"Django", regexp.MustCompile(`(?i)django_migrations|django\.db\.migrations|Applying [\w.]+\.\d{4}_`), []string{"python", "manage.py", "showmigrations"}},
	{"Rails", regexp.MustCompile(`(?i)ar_internal_metadata|ActiveRecord::(?:Migration|ConcurrentMigration|PendingMigration)`), []string{"bin/rails", "db:migrate:status"}},
	{"Flyway", regexp.MustCompile(`(?i)flyway`), []string{"flyway", "info"}},
	{"Liquibase", regexp.MustCompile(`(?i)liquibase|databasechangelog`), []string{"liquibase", "status"}},
	{"Prisma", regexp.MustCompile(`(?i)_prisma_migrations|prisma migrate|\bP30\d\d\b`), []string{"npx", "prisma", "migrate", "status"}},
	{"Knex", regexp.MustCompile(`(?i)knex_migrations|MigrationLocked`), []string{"npx", "knex", "migrate:status"}},
	{"goose", regexp.MustCompile(`(?i)goose_db_version|\bgoose: `), []string{"goose", "status"}},
	{"golang-migrate", regexp.MustCompile(`(?i)schema_migrations|Dirty database version`), []string{"migrate", "version"}},
}

var (
	// waits are lines of a program that waits for somebody else's migration.
	waits = regexp.MustCompile(`(?i)\b(?:wait\w*|lock(?:ed)?|pending|another (?:process|instance)|in progress)\b.*\bmigrat|\bmigrat\w*\b.*\b(?:wait\w*|lock\w*|pending|in progress|finish)`)
	// migrates are lines of one that migrates.
	migrates = regexp.MustCompile(`(?i)running (?:upgrade|migration)|applying (?:migration)?|migrating|executing migration|begin(?:ning)? migration|successfully (?:applied|migrated)`)
	// tableErrors are what a database says to a migration that has been half done.
	tableErrors = regexp.MustCompile(`(?i)already exists|duplicate (?:column|table|key)|expected to match (?:one|\d+) row|dirty database|does not exist|undefined(?:table|column)|migration\w* (?:table )?(?:is )?locked`)
)

// suspects finds updates that look as if a migration at start had come to grief: then
// the database may be ahead of, or behind, what the migration tool's table says, and
// neither the old nor the new code may fit. It is a guess, and worded as one.
func (d *Diagnosis) suspects(f ServiceFacts) (Cause, bool) {
	if f.Forward == "" {
		return Cause{}, false
	}
	var tool *migrationTool
	container, broke, migrating := "", "", 0
	waiting := 0
	for _, t := range d.tasks(f, f.Forward) {
		moves := false
		for _, c := range t.Containers {
			for _, l := range c.Log.Lines {
				for i := range migrationTools {
					if tool == nil && migrationTools[i].says.MatchString(l.Message) {
						tool, container = &migrationTools[i], c.Name
					}
				}
				moves = moves || migrates.MatchString(l.Message) && !waits.MatchString(l.Message)
				if broke == "" && tool != nil && tableErrors.MatchString(l.Message) {
					broke, container = l.Message, c.Name
				}
			}
			if n := len(c.Log.Lines); n > 0 && !moves && t.Cause.Class == "health-check" && waits.MatchString(c.Log.Lines[n-1].Message) {
				waiting++
				if container == "" {
					container = c.Name
				}
			}
		}
		if moves {
			migrating++
		}
	}
	out := Cause{Subject: "service " + f.Service.String()}
	switch {
	case broke != "":
		out.Text = fmt.Sprintf("it looks as if a migration at start had failed half-way (%s): %s", tool.name, redact.Text(strings.TrimSpace(broke)))
	case waiting > 0 && migrating > 0:
		out.Text = fmt.Sprintf("it looks as if %d tasks had waited for a migration until their health checks ended them, while %d migrated", waiting, migrating)
	case waiting > 0:
		out.Text = fmt.Sprintf("it looks as if %d tasks had waited for a migration until their health checks ended them, and nothing ran it", waiting)
	default:
		return Cause{}, false
	}
	out.Next = "see where the database stands before anything is deployed, with the migration tool's own status command in a one-off task of container " + container
	if tool != nil {
		spec := ecsx.TaskSpec{Cluster: f.Service.Cluster, TaskDefinition: f.Forward, Placement: f.Placement}
		out.Next = "see where the database stands before anything is deployed: " + runTask(spec, container, tool.inspect)
	}
	return out, true
}

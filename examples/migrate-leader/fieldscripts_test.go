package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/servers"
)

// script is one of the field's and how it has to end.
type script struct {
	// want are in what it prints, in that order, each after the one before; not
	// are nowhere in it.
	want, not []string
	// root needs mounts or namespaces.
	root bool
	// more checks what texts cannot.
	more func(t *testing.T, out string)
	// alone is a script of many processes, whose pauses are short: it has the
	// machine to itself, as far as this package goes.
	alone bool
	// long takes minutes: it begins first.
	long bool
	// early returns why the script has shown nothing: its own pause was over before
	// what it waits for had happened, which is a matter of the machine. It is empty
	// for everything else, and for every other way to fail.
	early func(out string) string
}

// attempts is how often a script may find that its own pause was too short. Each
// time its pauses are twice as long as before: see slower.
const attempts = 3

// sign returns reason where the pattern is in the output.
func sign(pattern, reason string) func(string) string {
	re := regexp.MustCompile(pattern)
	return func(out string) string {
		if re.MatchString(out) {
			return reason
		}
		return ""
	}
}

// deaf is a program that SIGTERM ended before it had begun to listen for it.
var deaf = sign(`\brc=143 after |ended rc=143`, "the signal came before the program listened for it")

// unready is the same for one script that sends it four times, and for the replica
// in it that is to wait behind another.
func unready(out string) string {
	first, _, _ := strings.Cut(out, "-- after that")
	if strings.Contains(first, "rc=4 after") && !strings.Contains(first, "leading epoch") {
		return "the signal came before the migration began"
	}
	if strings.Contains(out, "leading epoch 2 L#") {
		return "the one that was to wait was there first"
	}
	return deaf(out)
}

// unled is the same for a leader that had not begun to lead.
func unled(out string) string {
	if strings.Contains(out, "rc=4 after") && !strings.Contains(out, "leading epoch") {
		return "the signal came before the migration began"
	}
	return deaf(out)
}

// unkilled returns why a script of twenty replicas has not killed a leader in its
// migration. Everything else about it has to be right.
func unkilled(out string) string {
	begins, ends := count(out, "begin"), count(out, "end")
	switch {
	case begins != 1 || ends != 1:
		return ""
	case strings.Contains(out, "20 rc=0") && strings.Contains(out, "\n20\n"):
		return "nobody was killed"
	case strings.Contains(out, "19 rc=0") && strings.Contains(out, "1 rc=137") && strings.Contains(out, "\n19\n"):
		return "the leader was killed outside of its migration"
	}
	return ""
}

// count reads a row of the table of what the migrations did.
func count(out, what string) int {
	m := regexp.MustCompile(`(?m)^\s*` + what + `[\s|]+(\d+)$`).FindStringSubmatch(out)
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return -1
	}
	return n
}

// within finds a figure and compares it.
func within(pattern string, low, high float64) func(*testing.T, string) {
	return func(t *testing.T, out string) {
		t.Helper()
		m := regexp.MustCompile(pattern).FindStringSubmatch(out)
		require.NotNil(t, m, "%s: %s", pattern, out)
		n, err := strconv.ParseFloat(m[1], 64)
		require.NoError(t, err)
		require.GreaterOrEqual(t, n, low, out)
		require.LessOrEqual(t, n, high, out)
	}
}

// scripts are what users have reported of entry points and of tools' tables.
var scripts = map[string]script{
	"entry/01-probe-hangs-sigterm.sh": {want: []string{"ended rc=4 after "}, not: []string{"FAIL"}, more: within(`after (\d*\.\d+) s`, 0, 8), early: deaf},
	"entry/02-probe-hangs-maxwait.sh": {want: []string{"rc=1 after"}, more: within(`after (\d*\.\d+) s`, 2.5, 12)},
	"entry/03-probe-exec-hangs.sh":    {want: []string{"rc=1 after"}, more: within(`after (\d*\.\d+) s`, 2.5, 12)},
	"entry/10-pid1.sh":                {root: true, want: []string{"unshare rc=7", "app pid 1; nofile 512", "app got TERM"}, early: sign(`(?m)^outer pid of app: $`, "the application had not started")},
	// The command that counts may count itself.
	"entry/11-zombies-while-waiting.sh": {root: true, want: []string{"rc=1"}, more: within(`^(\d+)`, 0, 1)},
	"entry/20-probe-typo.sh": {
		want: []string{"pythn: not found", "rc=1", "Permission denied", "rc=1", "waited 4", "exit code 2", "rc=1", "ended by a signal", "rc=1"},
		not:  []string{"rc=124"},
	},
	"entry/21-missing-binaries.sh":  {want: []string{"alembick", "rc=127", "gunicornn", "rc=127", "cannot access", "rc=127", "rc=127"}},
	"entry/22-readonly-and-fds.sh":  {root: true, want: []string{"rc=0", "read-only file system", "rc=1", "rc=0", "hello", "rc=0", "rc=0", "/fin", "rc=0", "/fin2"}},
	"entry/23-term.sh":              {want: []string{"migrated", "rc=0 after ", "rc=0", "rc=4 after", "rc=4 after", "rc=4 after"}, not: []string{"\nnever\n", "\nfinished\n"}, early: unready},
	"entry/24-term-then-app.sh":     {want: []string{"migrated", "rc=4 after"}, not: []string{"APP STARTED"}, early: unled},
	"entry/25-health-hung.sh":       {want: []string{"live: ", " 200", "live: ", "wedged", " 503"}},
	"entry/26-distroless.sh":        {root: true, want: []string{"/bin/sh: no such file", "rc=1"}},
	"entry/27-maxwait-migrating.sh": {want: []string{"deadline exceeded", "rc=1 after", "migrated", "APP UP", "rc=0 after"}},
	"entry/28-slow-probe-load.sh":   {more: within(`probes in 19 s: (\d+)`, 1, 7)},
	"entry/29-exec-format.sh":       {want: []string{"exec format error", "rc=126", "not executable", "rc=126", "no such file", "rc=127"}, not: []string{"MIGRATED"}},
	"entry/30-pg-start.sh": {
		want: []string{
			"comes 5 s later", "rc=0", "NOPE is not set", "rc=2", `database "nope" does not exist`, "rc=1", "permission denied for schema public", "rc=1", "granted", "rc=0",
			"read only connection", "rc=1", "special characters", "rc=0", "SQLAlchemy", "rc=0", "prisma style rc=0", "mysql2 style rc=0", "mysql url rc=0", "jdbc rc=0", "RDS secret JSON rc=0",
		},
		not: []string{"unrecognized configuration parameter", "p@ss", "password\":"},
	},
	"entry/31-secret-in-log.sh": {want: []string{"-- inspect -db env:M"}, not: []string{"Zx9", "LEAK"}},
	"entry/34-dynamo.sh": {
		want: []string{"waited 6", "rc=1", "ResourceNotFoundException", "store is not usable", "rc=1", "AccessDeniedException", "store is not usable", "rc=1", "waited 6", "rc=1"},
	},
	"entry/40-twenty.sh":         {want: []string{"killing leader", "19 rc=0", "1 rc=137", "\n19\n"}, more: counted, alone: true, early: unkilled},
	"entry/41-twenty-mariadb.sh": {want: []string{"19 rc=0", "1 rc=137", "\n19\n"}, more: counted, alone: true, early: unkilled},
	// What asks the address of run alone is refused then: see TestReadmeHealth.
	"entry/50-readme-health.sh":      {want: []string{"container check :8081/live -> 200", "app -> 200"}},
	"entry/60-second-deploy.sh":      {want: []string{"APP 1 UP", "rc=0", "APP 2 UP", "rc=0", "columns: id,s"}},
	"entry/61-rolling-two-builds.sh": {want: []string{"APP v1", "APP v2", "want: no migration", "APP v1", "rc=0", "APP v2"}, not: []string{"error: no migration found"}},
	"entry/62-failure-memory.sh":     {want: []string{"outage, not counted as a failure", "rc=0 after", "rc=0 after", "rc=0 after", "database is back:", "APP 4", "rc=0"}},
	"entry/71-pgbouncer-many.sh":     {root: true, want: []string{"8 rc=0", "8 rc=0", "shares server sessions", "session rc=1"}, not: []string{"prepared statement"}},
	"tools/custom-table.sh":          {want: []string{"public.svc_migrations", "rc=3", "rc=3", "b.alembic_version_billing", "rc=0", "rc=0", "public.MyMigrations", "rc=3", "-table public.svc_migrations", "rc=1"}},
	"tools/mysql.sh": {
		want: []string{
			"verb stamp", "rc=3", "flyway repair", "rc=3", "ip-10-0-1-2", "liquibase release-locks", "rc=3", "Database error code: 1050", "migrate resolve", "rc=3", "sequelize", "rc=0",
			"GET_LOCK held by an idle session", "idle-holder", "holds the lock of golang-migrate", "rc=4",
		},
		more: notStamped,
	},
	"tools/tables.sh": {
		want: []string{
			"golang-migrate dirty", "stuck", "verb stamp", "rc=3", "-table public.svc_migrations", "rc=1", "a.schema_migrations", "rc=3", "nil version", "rc=0", "version -1", "rc=3", "2 heads", "rc=0", "alembic empty", "rc=0",
			"-table public.alembic_version_billing", "rc=1", "flyway repair", "rc=3", "flyway repair", "rc=3", "ip-10-0-1-2", "liquibase release-locks", "rc=3", "42P07", "prisma migrate resolve", "rc=3",
			"knex migrate:unlock", "rc=3", "bun db unlock", "rc=3", "node-pg-migrate", "rc=0", "ef-core", "rc=0", "sqlx migrate info", "rc=3", "laravel", "rc=0", "drizzle", "rc=0", "sqitch", "rc=0", "tern", "rc=0", "diesel", "rc=0", "doctrine", "rc=0",
			"no table of a migration tool", "rc=1", "rails", "rc=0",
		},
		not: []string{"SQLFAIL"}, more: notStamped, long: true,
	},
	"django/run.sh": {want: []string{"APP v1 UP", "rc=0", "APP v2 UP", "rc=0", "APP v2 UP", "rc=0", "APP v1 UP", "rc=0", "InconsistentMigrationHistory"}},
}

// counted reads the table of what the migrations did.
func counted(t *testing.T, out string) {
	t.Helper()
	require.Equal(t, 2, count(out, "begin"), out)
	require.Equal(t, 1, count(out, "end"), out)
}

// notStamped holds that a tool that has no stamp is not told to be stamped.
func notStamped(t *testing.T, out string) {
	t.Helper()
	for section := range strings.SplitSeq(out, "=== ") {
		if name, _, _ := strings.Cut(section, "\n"); strings.Contains(name, "liquibase") || strings.Contains(name, "flyway") || strings.Contains(name, "prisma") {
			require.NotContains(t, section, "verb stamp", name)
		}
	}
}

// TestFieldScripts runs the scripts as they are, but for the ports, on servers of
// this test: each has to end as its row says. A script whose own premise failed is
// run again.
func TestFieldScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("runs for three minutes")
	}
	from, err := filepath.Abs(filepath.Join("..", "..", "..", "shared", "field", "migrate"))
	require.NoError(t, err)
	if _, err := os.Stat(from); err != nil {
		t.Skip("the scripts of the field are not here: ", from)
	}
	for _, program := range []string{"psql", "mariadb", "socat", "bc", "curl", "python3", "pgrep"} {
		if _, err := exec.LookPath(program); err != nil {
			servers.Missing(t, program, "apt-get install "+program)
		}
	}
	home, err := os.MkdirTemp("", "field")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	require.NoError(t, os.Chmod(home, 0o755)) // a pooler runs as another user
	// Where there is nothing else, as in entry/26, there is no libc either.
	build := exec.Command("go", "build", "-o", filepath.Join(home, "bin", "migrate-leader"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))

	pg, my := servers.StartPostgreSQL(t), servers.StartMariaDB(t)
	admin := openURL(t, fmt.Sprintf("mysql://root@127.0.0.1:%d/app", my.Port))
	for _, s := range []string{`CREATE USER r IDENTIFIED BY 'r'`, `GRANT ALL ON *.* TO r`} {
		_, err := admin.Exec(s)
		require.NoError(t, err)
	}
	require.NoError(t, filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		rel, err := filepath.Rel(from, path)
		require.NoError(t, err)
		if _, known := scripts[filepath.ToSlash(rel)]; !known && filepath.Base(rel) != "env.sh" {
			t.Errorf("%s has no row: say how it has to end", rel)
		}
		to := filepath.Join(home, rel)
		require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
		ports := []string{"55432", strconv.Itoa(pg.Port), "33306", strconv.Itoa(my.Port)}
		for _, p := range []string{"56432", "55499", "18081", "18000", "18090"} {
			if bytes.Contains(text, []byte(p)) { // two scripts run at once
				ports = append(ports, p, strconv.Itoa(servers.FreePort(t)))
			}
		}
		return os.WriteFile(to, []byte(strings.NewReplacer(ports...).Replace(string(text))), 0o755)
	}))

	outs := map[string]string{}
	var mu sync.Mutex
	play := func(name string, s script) {
		begin := time.Now()
		out := shell(t.Context(), home, name, "")
		for n := 1; s.early != nil && n < attempts; n++ {
			why := s.early(out)
			if why == "" {
				break
			}
			t.Logf("%s: %s: run %d of %d, with pauses %d times as long\n%s", name, why, n+1, attempts, 1<<n, out)
			out = shell(t.Context(), home, name, slower(t, home, 1<<n))
		}
		t.Logf("%s took %.1f s", name, time.Since(begin).Seconds())
		mu.Lock()
		defer mu.Unlock()
		outs[name] = out
	}
	// Before any parallel test of this package.
	for name, s := range scripts {
		if s.alone {
			play(name, s)
		}
	}
	t.Parallel()
	// Most of the time they sleep.
	var wg sync.WaitGroup
	room := make(chan struct{}, 6)
	for _, long := range []bool{true, false} {
		for name, s := range scripts {
			if s.long != long || s.alone || s.root && os.Getuid() != 0 {
				continue
			}
			room <- struct{}{}
			wg.Go(func() {
				defer func() { <-room }()
				play(name, s)
			})
		}
	}
	wg.Wait()
	for name, s := range scripts {
		t.Run(name, func(t *testing.T) {
			out, ran := outs[name]
			if !ran {
				t.Skip("needs root")
			}
			if s.early != nil {
				require.Empty(t, s.early(out), "in each of %d runs; the last one:\n%s", attempts, out)
			}
			rest := out
			for _, w := range s.want {
				_, after, ok := strings.Cut(rest, w)
				require.True(t, ok, "after %q: %q is missing in\n%s", out[:len(out)-len(rest)], w, out)
				rest = after
			}
			for _, n := range s.not {
				require.NotContains(t, out, n)
			}
			if s.more != nil {
				s.more(t, out)
			}
		})
	}
}

// slower makes a folder with a sleep that takes times as long, and returns it: the
// pauses of a script grow in proportion, and the script stays as it is.
func slower(t *testing.T, home string, times int) string {
	sleep, err := exec.LookPath("sleep")
	require.NoError(t, err)
	dir := filepath.Join(home, "slower", strconv.Itoa(times))
	require.NoError(t, os.MkdirAll(dir, 0o755))
	text := fmt.Sprintf("#!/bin/sh\nexec %s \"$(echo \"$1 * %d\" | bc)\"\n", sleep, times)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "sleep"), []byte(text), 0o755))
	return dir
}

// shell runs a script to its end, by root in a namespace of its own: they look
// for processes by name. What is in first, if anything, is found before the
// programs of the machine.
func shell(ctx context.Context, home, name, first string) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	args := []string{"bash", filepath.Join(home, name)}
	if os.Getuid() == 0 && exec.Command("unshare", "--pid", "--fork", "--mount-proc", "true").Run() == nil {
		args = append([]string{"unshare", "--pid", "--fork", "--mount-proc", "--kill-child"}, args...)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = home
	cmd.WaitDelay = 5 * time.Second
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") && !strings.HasPrefix(v, asMain+"=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "FIELD="+home)
	if first != "" {
		cmd.Env = append(cmd.Env, "PATH="+first+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		fmt.Fprintf(&out, "ended with %v\n", err)
	}
	return out.String()
}

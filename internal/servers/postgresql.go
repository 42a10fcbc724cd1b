//go:build unix

package servers

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// PostgreSQL is a private server, or a pooler before one. Its user is
// "postgres", and every login is trusted.
type PostgreSQL struct {
	Host string
	Port int
	// simple is set for poolers that do not carry prepared statements.
	simple bool
	bin    string
}

const (
	pgInstall = "apt-get install postgresql"
	pgBinary  = "/usr/lib/postgresql/*/bin/postgres"
)

// StartPostgreSQL starts a server. settings are such as "max_connections=50".
// Nothing it writes is synced.
func StartPostgreSQL(t testing.TB, settings ...string) *PostgreSQL {
	t.Helper()
	bin := need(t, "PostgreSQL", pgInstall, "postgres", pgBinary, "/usr/pgsql-*/bin/postgres")
	dir := directory(t)
	cred := unprivileged(t, dir)
	p := &PostgreSQL{Host: "127.0.0.1", Port: FreePort(t), bin: filepath.Dir(bin)}
	data := filepath.Join(dir, "data")
	once(t, command(cred, dir, filepath.Join(p.bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"))
	args := []string{bin, "-D", data, "-p", strconv.Itoa(p.Port), "-k", dir}
	for _, s := range append([]string{"listen_addresses=127.0.0.1", "fsync=off", "full_page_writes=off", "max_connections=300"}, settings...) {
		args = append(args, "-c", s)
	}
	serve(t, command(cred, dir, args...))
	p.await(t)
	return p
}

// await waits until the server answers.
func (p *PostgreSQL) await(t testing.TB) {
	t.Helper()
	eventually(t, "PostgreSQL", func() bool {
		cmd := command(nil, "/", filepath.Join(p.bin, "pg_isready"), "-q", "-h", p.Host, "-p", strconv.Itoa(p.Port), "-d", "postgres", "-U", "postgres")
		return cmd.Run() == nil
	})
}

// DSN is the address for pgx and libpq, with more parameters such as
// "application_name=x".
func (p *PostgreSQL) DSN(params ...string) string {
	if p.simple {
		params = append(params, "default_query_exec_mode=simple_protocol")
	}
	return fmt.Sprintf("postgres://postgres@%s:%d/postgres?%s", p.Host, p.Port, strings.Join(append([]string{"sslmode=disable"}, params...), "&"))
}

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
	bin  string
	dir  string
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
	p := &PostgreSQL{Host: "127.0.0.1", Port: FreePort(t), bin: filepath.Dir(bin), dir: dir}
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

// Standby starts a hot standby of p, which follows it until Promote.
func (p *PostgreSQL) Standby(t testing.TB) *PostgreSQL {
	t.Helper()
	dir := directory(t)
	cred := unprivileged(t, dir)
	s := &PostgreSQL{Host: p.Host, Port: FreePort(t), bin: p.bin, dir: dir}
	data := filepath.Join(dir, "data")
	once(t, command(cred, dir, filepath.Join(p.bin, "pg_basebackup"), "-D", data, "-R", "-X", "stream", "-c", "fast", "--no-sync", "-h", p.Host, "-p", strconv.Itoa(p.Port), "-U", "postgres"))
	serve(t, command(cred, dir, filepath.Join(p.bin, "postgres"), "-D", data, "-p", strconv.Itoa(s.Port), "-k", dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=300"))
	s.await(t)
	return s
}

// Promote makes a standby a writer.
func (p *PostgreSQL) Promote(t testing.TB) {
	t.Helper()
	cmd := command(nil, p.dir, filepath.Join(p.bin, "pg_ctl"), "-D", filepath.Join(p.dir, "data"), "-w", "promote")
	cmd.SysProcAttr.Credential = unprivileged(t, p.dir)
	once(t, cmd)
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
	return fmt.Sprintf("postgres://postgres@%s:%d/postgres?%s", p.Host, p.Port, strings.Join(append([]string{"sslmode=disable"}, params...), "&"))
}

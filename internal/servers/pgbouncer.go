//go:build unix

package servers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// PgBouncers are the programs to test with: the one that is installed, and
// another one, of a newer version, where STACKRESCUE_PGBOUNCER names it.
func PgBouncers(t testing.TB) []string {
	t.Helper()
	out := []string{need(t, "PgBouncer", "apt-get install pgbouncer", "pgbouncer", "/usr/sbin/pgbouncer")}
	if newer := os.Getenv("STACKRESCUE_PGBOUNCER"); newer != "" {
		out = append(out, newer)
	}
	return out
}

// StartPgBouncer starts one of [PgBouncers] in transaction mode before a server.
// settings are lines of its configuration, such as "default_pool_size = 4". It is
// started again when it dies: 1.18 does so now and then while a query is cancelled
// (https://github.com/pgbouncer/pgbouncer/issues/801).
func StartPgBouncer(t testing.TB, bin string, server *PostgreSQL, settings ...string) *PostgreSQL {
	t.Helper()
	dir := directory(t)
	p := &PostgreSQL{Host: "127.0.0.1", Port: FreePort(t), bin: server.bin}
	ini := filepath.Join(dir, "pgbouncer.ini")
	text := fmt.Sprintf(`[databases]
* = host=%s port=%d user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
auth_type = any
unix_socket_dir =
pool_mode = transaction
%s
`, server.Host, server.Port, p.Port, strings.Join(settings, "\n"))
	check(t, os.WriteFile(ini, []byte(text), 0o644))
	cred := unprivileged(t, dir)
	supervise(t, func() *exec.Cmd { return command(cred, dir, bin, ini) })
	p.await(t)
	return p
}

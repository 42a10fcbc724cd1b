//go:build unix

package servers

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// StartPgBouncer starts a pooler in transaction mode before a server.
func StartPgBouncer(t testing.TB, server *PostgreSQL) *PostgreSQL {
	t.Helper()
	bin := need(t, "PgBouncer", "apt-get install pgbouncer", "pgbouncer", "/usr/sbin/pgbouncer")
	dir := directory(t)
	p := &PostgreSQL{Host: "127.0.0.1", Port: FreePort(t), simple: true, bin: server.bin}
	ini := filepath.Join(dir, "pgbouncer.ini")
	text := fmt.Sprintf(`[databases]
postgres = host=%s port=%d user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
auth_type = any
unix_socket_dir =
pool_mode = transaction
`, server.Host, server.Port, p.Port)
	check(t, os.WriteFile(ini, []byte(text), 0o644))
	serve(t, command(unprivileged(t, dir), dir, bin, ini))
	p.await(t)
	return p
}

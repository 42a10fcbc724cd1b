//go:build unix

package servers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// StartPgBouncer starts a pooler in transaction mode before a server. settings
// are lines of its configuration, such as "default_pool_size = 4".
func StartPgBouncer(t testing.TB, server *PostgreSQL, settings ...string) *PostgreSQL {
	t.Helper()
	bin := need(t, "PgBouncer", "apt-get install pgbouncer", "pgbouncer", "/usr/sbin/pgbouncer")
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
	serve(t, command(unprivileged(t, dir), dir, bin, ini))
	p.await(t)
	return p
}

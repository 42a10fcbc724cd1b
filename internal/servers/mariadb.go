//go:build unix

package servers

import (
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
)

// MariaDB is a private server with a database "app". Its user is "root" without
// a password.
type MariaDB struct{ Port int }

// StartMariaDB starts a server. Nothing it writes is synced.
func StartMariaDB(t testing.TB) *MariaDB {
	t.Helper()
	const install = "apt-get install mariadb-server"
	server := need(t, "MariaDB", install, "mariadbd", "/usr/sbin/mariadbd")
	setup := need(t, "MariaDB", install, "mariadb-install-db")
	client := need(t, "MariaDB", install, "mariadb")
	dir := directory(t)
	cred := unprivileged(t, dir)
	m := &MariaDB{Port: FreePort(t)}
	data := filepath.Join(dir, "data")
	// Two servers at once meet in the machine's /tmp.
	tmp := "--tmpdir=" + dir
	once(t, command(cred, dir, setup, "--no-defaults", tmp, "--auth-root-authentication-method=normal", "--skip-test-db", "--datadir="+data))
	serve(t, command(cred, dir, server, "--no-defaults", tmp, "--datadir="+data, "--socket="+filepath.Join(dir, "s"), "--port="+strconv.Itoa(m.Port),
		"--bind-address=127.0.0.1", "--pid-file="+filepath.Join(dir, "pid"), "--innodb-flush-log-at-trx-commit=0", "--skip-log-bin", "--skip-name-resolve"))
	eventually(t, "MariaDB", func() bool {
		return command(nil, "/", client, "--no-defaults", "-h127.0.0.1", "-P"+strconv.Itoa(m.Port), "-uroot", "-e", "CREATE DATABASE IF NOT EXISTS app").Run() == nil
	})
	return m
}

// DSN is the address for github.com/go-sql-driver/mysql, with more parameters
// such as "parseTime=true".
func (m *MariaDB) DSN(params ...string) string {
	dsn := fmt.Sprintf("root@tcp(127.0.0.1:%d)/app", m.Port)
	for i, p := range params {
		dsn += map[bool]string{true: "?", false: "&"}[i == 0] + p
	}
	return dsn
}

package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// missing skips a test whose server is not installed, or fails it where that
// must not happen.
func missing(t *testing.T, what, install string) {
	t.Helper()
	if os.Getenv("STACKRESCUE_NO_SKIP") != "" {
		t.Fatalf("%s is not installed: %s", what, install)
	}
	t.Skipf("%s is not installed: %s", what, install)
}

// find looks for a program on the path and in places that are not on it.
func find(name string, globs ...string) string {
	if path, err := exec.LookPath(name); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return real
		}
	}
	for _, g := range globs {
		if m, _ := filepath.Glob(g); len(m) > 0 {
			slices.Sort(m)
			return m[len(m)-1]
		}
	}
	return ""
}

// freePort is a port that nobody listened on a moment ago.
func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// unprivileged is who servers run as that refuse to be root: nil for this user.
func unprivileged(t *testing.T, dir string) *syscall.Credential {
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	require.NoError(t, err)
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	require.NoError(t, os.Chown(dir, uid, gid))
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// serverDir is a directory that another user can reach, with a short name.
func serverDir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "ml")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// serve runs a server until the test ends.
func serve(t *testing.T, cred *syscall.Credential, dir string, args ...string) {
	cmd := exec.Command(args[0], args[1:]...)
	var log bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &log, &log
	cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred, Setpgid: true}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		timer := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s:\n%s", args[0], log.Bytes()[max(0, log.Len()-4000):])
		}
	})
}

// answers waits until a database answers.
func answers(t *testing.T, dsn string) {
	db, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	defer db.Close()
	require.Eventually(t, func() bool { return db.PingContext(t.Context()) == nil }, 20*time.Second, 25*time.Millisecond, "no answer from %s", dsn)
}

// postgres starts a private server and returns its port.
func postgres(t *testing.T) int {
	bin := find("postgres", "/usr/lib/postgresql/*/bin/postgres", "/usr/pgsql-*/bin/postgres")
	if bin == "" {
		missing(t, "PostgreSQL", "apt-get install postgresql")
	}
	dir := serverDir(t)
	cred := unprivileged(t, dir)
	initdb := exec.Command(filepath.Join(filepath.Dir(bin), "initdb"), "-D", filepath.Join(dir, "data"), "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
	initdb.Dir, initdb.Env, initdb.SysProcAttr = dir, []string{"HOME=" + dir, "LC_ALL=C", "PATH=" + os.Getenv("PATH")}, &syscall.SysProcAttr{Credential: cred}
	out, err := initdb.CombinedOutput()
	require.NoError(t, err, "%s", out)
	port := freePort(t)
	serve(t, cred, dir, bin, "-D", filepath.Join(dir, "data"), "-p", fmt.Sprint(port), "-k", dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200")
	answers(t, dsn(port))
	return port
}

func dsn(port int) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port)
}

// pgbouncer starts a pooler in transaction mode before a server.
func pgbouncer(t *testing.T, server int) string {
	bin := find("pgbouncer", "/usr/sbin/pgbouncer")
	if bin == "" {
		missing(t, "PgBouncer", "apt-get install pgbouncer")
	}
	dir, port := serverDir(t), freePort(t)
	ini := filepath.Join(dir, "pgbouncer.ini")
	text := fmt.Sprintf("[databases]\npostgres = host=127.0.0.1 port=%d user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nauth_type = any\nunix_socket_dir =\npool_mode = transaction\n", server, port)
	require.NoError(t, os.WriteFile(ini, []byte(text), 0o644))
	serve(t, unprivileged(t, dir), dir, bin, ini)
	out := dsn(port) + "&default_query_exec_mode=simple_protocol"
	answers(t, out)
	return out
}

// dynalite starts a server that speaks DynamoDB's protocol and returns its
// address.
func dynalite(t *testing.T) string {
	tools := os.Getenv("STACKRESCUE_TOOLS")
	if tools == "" {
		cache, _ := os.UserCacheDir()
		tools = filepath.Join(cache, "stackrescue")
	}
	node := find("node")
	bin := filepath.Join(tools, "dynalite-4.0.0/node_modules/.bin/dynalite")
	if _, err := os.Stat(bin); errors.Is(err, os.ErrNotExist) || node == "" {
		missing(t, "dynalite", "npm install --prefix "+filepath.Join(tools, "dynalite-4.0.0")+" dynalite@4.0.0")
	}
	// It ends itself when a client goes away in the middle of a request, which
	// is what happens here all the time.
	preload := filepath.Join(t.TempDir(), "preload.js")
	require.NoError(t, os.WriteFile(preload, []byte("process.on('uncaughtException', e => { if (e.code !== 'ECONNRESET' && e.code !== 'EPIPE') { console.error(e); process.exit(1) } })\n"), 0o600))
	port := freePort(t)
	serve(t, nil, t.TempDir(), node, "-r", preload, bin, "--port", fmt.Sprint(port), "--createTableMs", "0", "--deleteTableMs", "0", "--updateTableMs", "0")
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, 20*time.Second, 25*time.Millisecond)
	return "http://" + addr
}

// open is a handle of its own on a database, as another process would have it.
func open(t *testing.T, dsn string) *sql.DB {
	db, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// lines collects what processes print.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// wait is a pause in real time, for real servers.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

package bench

import (
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// server starts a private PostgreSQL and returns its address.
func server(b *testing.B) string {
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(bins) == 0 {
		if os.Getenv("STACKRESCUE_NO_SKIP") != "" {
			b.Fatal("PostgreSQL is not installed: apt-get install postgresql")
		}
		b.Skip("PostgreSQL is not installed: apt-get install postgresql")
	}
	bin := bins[len(bins)-1]
	dir, err := os.MkdirTemp("", "mb")
	check(b, err)
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	attr := &syscall.SysProcAttr{}
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		check(b, err)
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		check(b, os.Chown(dir, uid, gid))
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(b, err)
	port := l.Addr().(*net.TCPAddr).Port
	check(b, l.Close())
	run := func(args ...string) *exec.Cmd {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir, cmd.Env, cmd.SysProcAttr = dir, []string{"HOME=" + dir, "LC_ALL=C", "PATH=" + os.Getenv("PATH")}, attr
		return cmd
	}
	check(b, run(filepath.Join(filepath.Dir(bin), "initdb"), "-D", dir+"/data", "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C").Run())
	cmd := run(bin, "-D", dir+"/data", "-p", fmt.Sprint(port), "-k", dir, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=300")
	check(b, cmd.Start())
	b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		_ = cmd.Wait()
	})
	dsn := fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port)
	db := open(b, dsn)
	for range 400 {
		if err = db.Ping(); err == nil {
			return dsn
		}
		time.Sleep(25 * time.Millisecond)
	}
	check(b, err)
	return ""
}

func open(b *testing.B, dsn string) *sql.DB {
	db, err := sql.Open("pgx", dsn)
	check(b, err)
	b.Cleanup(func() { _ = db.Close() })
	return db
}

func check(b *testing.B, err error) {
	if err != nil {
		b.Helper()
		b.Fatal(err)
	}
}

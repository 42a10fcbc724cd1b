package main

import (
	"bytes"
	"context"
	"database/sql"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

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

// printed waits until a process has printed something: how long that takes is a
// matter of the machine.
func printed(t *testing.T, out *lines, text string) {
	t.Helper()
	soon(t, func() bool { return strings.Contains(out.String(), text) }, "%q is not printed", text)
}

// soon waits until something is so.
func soon(t *testing.T, is func() bool, msgAndArgs ...any) {
	t.Helper()
	require.Eventually(t, is, time.Minute, 20*time.Millisecond, msgAndArgs...)
}

// runs waits until a statement that contains text runs in the server that q asks,
// which counts others' statements like its only argument.
func runs(t *testing.T, db *sql.DB, q, text string) {
	t.Helper()
	soon(t, func() bool {
		var n int
		return db.QueryRow(q, "%"+text+"%").Scan(&n) == nil && n > 0
	}, "%q does not run", text)
}

// What runs asks a server of each kind.
const (
	postgresRuns = `SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() AND query LIKE $1`
	mysqlRuns    = `SELECT count(*) FROM information_schema.processlist WHERE id <> connection_id() AND info LIKE ?`
)

// wait is a pause in real time, for real servers.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

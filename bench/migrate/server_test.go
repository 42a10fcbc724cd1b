package bench

import (
	"database/sql"
	"fmt"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/stackrescue/stackrescue/migrate/dynamolease"
	"github.com/stackrescue/stackrescue/migrate/pglease"
)

// scene is what the replicas of one run share: a database that nobody else
// uses, so that no lock or table of another run is in the way, and a key.
type scene struct {
	dsn string
	key string
	// aws is the address of DynamoDB.
	aws string
	// dir is for lock files.
	dir string
}

// scenes counts the databases.
var scenes atomic.Int32

// newScene makes a database on the server at dsn. done is where the migration
// writes when it ended, and whether a statement of an earlier leader was still
// running then.
func newScene(tb testing.TB, dsn, aws string) scene {
	tb.Helper()
	s := scene{key: fmt.Sprint("run", scenes.Add(1)), aws: aws, dir: tb.TempDir()}
	_, err := handle(tb, dsn, &counter{}).Exec("CREATE DATABASE " + s.key)
	check(tb, err)
	u, err := url.Parse(dsn)
	check(tb, err)
	u.Path = "/" + s.key
	s.dsn = u.String()
	db := handle(tb, s.dsn, &counter{})
	_, err = db.Exec(`CREATE TABLE done (at timestamptz, overlap bool)`)
	check(tb, err)
	check(tb, pglease.Create(tb.Context(), db))
	return s
}

// open returns a handle of which c counts the statements.
func open(dsn string, c *counter) (*sql.DB, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	cfg.Tracer = c
	return stdlib.OpenDB(*cfg), nil
}

// handle is open, until the test ends.
func handle(tb testing.TB, dsn string, c *counter) *sql.DB {
	tb.Helper()
	db, err := open(dsn, c)
	check(tb, err)
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

// createLeases makes the table "leases".
func createLeases(tb testing.TB, addr string) {
	tb.Helper()
	c := dynamo(addr, &counter{})
	_, err := c.CreateTable(tb.Context(), dynamolease.TableInput("leases"))
	check(tb, err)
	await(tb, "the table of leases", func() bool {
		out, err := c.DescribeTable(tb.Context(), &dynamodb.DescribeTableInput{TableName: aws.String("leases")})
		return err == nil && out.Table.TableStatus == "ACTIVE"
	})
}

// await asks a real server until it agrees, for 20 seconds.
func await(tb testing.TB, what string, ready func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); pause(tb, 20*time.Millisecond) {
		if ready() {
			return
		}
	}
	tb.Fatalf("no sign of %s", what)
}

// pause lets real time pass, for real servers.
func pause(tb testing.TB, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-tb.Context().Done():
	}
}

func check(tb testing.TB, err error) {
	if err != nil {
		tb.Helper()
		tb.Fatal(err)
	}
}

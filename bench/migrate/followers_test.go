package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/stackrescue/stackrescue/internal/servers"
	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/pglease"
)

const replicas = 21

// BenchmarkFollowers starts a leader and twenty followers that share one
// migration of eight seconds, and reports how long after its end the last one
// was ready. It takes most of a minute: use -benchtime 1x.
func BenchmarkFollowers(b *testing.B) {
	dsn := servers.StartPostgreSQL(b).DSN()
	check(b, pglease.Create(b.Context(), open(b, dsn)))
	b.Run("migrate/table", func(b *testing.B) { fleet(b, dsn, ours(pglease.Table)) })
	b.Run("migrate/session", func(b *testing.B) { fleet(b, dsn, ours(pglease.Session)) })
	b.Run("goose/session", func(b *testing.B) {
		fleet(b, dsn, theirs(func() goose.ProviderOption {
			l, err := lock.NewPostgresSessionLocker()
			check(b, err)
			return goose.WithSessionLocker(l)
		}))
	})
	b.Run("goose/table", func(b *testing.B) {
		fleet(b, dsn, theirs(func() goose.ProviderOption {
			l, err := lock.NewPostgresTableLocker()
			check(b, err)
			return goose.WithLocker(l)
		}))
	})
}

// replica is one process of the fleet; it returns when it may serve.
type replica func(ctx context.Context, db *sql.DB, table string) error

func fleet(b *testing.B, dsn string, run replica) {
	admin := open(b, dsn)
	var late time.Duration
	for n := range b.N {
		_, err := admin.Exec(`DROP TABLE IF EXISTS goose_db_version, goose_lock`)
		check(b, err)
		table := strings.NewReplacer("/", "_", "#", "_").Replace(fmt.Sprintf("t_%s_%d", b.Name()[len("BenchmarkFollowers/"):], n)) + fmt.Sprint(time.Now().UnixNano())
		_, err = admin.Exec(fmt.Sprintf(`CREATE TABLE %s (at timestamptz)`, table))
		check(b, err)
		var wg sync.WaitGroup
		ends := make([]time.Time, replicas)
		for i := range replicas {
			db := open(b, dsn)
			wg.Go(func() {
				if err := run(b.Context(), db, table); err != nil {
					b.Error(err)
				}
				ends[i] = time.Now()
			})
		}
		wg.Wait()
		var done time.Time
		var times int
		check(b, admin.QueryRow(fmt.Sprintf(`SELECT count(*), max(at) FROM %s`, table)).Scan(&times, &done))
		if times != 1 {
			b.Errorf("migrated %d times", times)
		}
		for _, end := range ends {
			late = max(late, end.Sub(done))
		}
	}
	b.ReportMetric(late.Seconds(), "s-last-ready")
	b.ReportMetric(0, "ns/op")
}

// work is the migration: eight seconds, and the time at which it ended.
func work(table string) string {
	return fmt.Sprintf(`SELECT pg_sleep(8); INSERT INTO %s VALUES (clock_timestamp());`, table)
}

func ours(store func(*sql.DB) migrate.Store) replica {
	return func(ctx context.Context, db *sql.DB, table string) error {
		probe := func(ctx context.Context) (migrate.State, error) {
			var s migrate.State
			err := db.QueryRowContext(ctx, fmt.Sprintf(`SELECT count(*) > 0 FROM %s`, table)).Scan(&s.Done)
			return s, err
		}
		r, err := migrate.New(store(db), table, probe, migrate.Func(func(ctx context.Context, _ migrate.Fence) error {
			for stmt := range strings.SplitSeq(strings.TrimSuffix(work(table), ";"), ";") {
				if _, err := db.ExecContext(ctx, stmt); err != nil {
					return err
				}
			}
			return nil
		}))
		if err != nil {
			return err
		}
		_, err = r.Run(ctx)
		return err
	}
}

func theirs(locker func() goose.ProviderOption) replica {
	return func(ctx context.Context, db *sql.DB, table string) error {
		files := fstest.MapFS{"00001_a.sql": {Data: []byte("-- +goose Up\n" + strings.ReplaceAll(work(table), "; ", ";\n") + "\n")}}
		p, err := goose.NewProvider(goose.DialectPostgres, db, files, locker())
		if err != nil {
			return err
		}
		_, err = p.Up(ctx)
		return errors.Join(err)
	}
}

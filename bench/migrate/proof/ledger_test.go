package proof

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/pglease"
)

// ledgerSchema is what the work leaves behind. The ledger's intervals and the
// times of entered are all on the server's clock. A row of the ledger without
// ended is of a step that never came to its end.
//
// slow is work that commits as it goes, all within one statement: the time of
// each slice is written down, so that one that outlives its client is seen.
const ledgerSchema = `
CREATE TABLE entered (epoch bigint, owner text, asked timestamptz, at timestamptz);
CREATE TABLE ledger (id bigserial PRIMARY KEY, epoch bigint, step int, kind text, pid int, t0 timestamptz, t1 timestamptz, ended bool DEFAULT false);
CREATE TABLE effects (step int, epoch bigint, idempotent bool);
CREATE TABLE refused (epoch bigint, step int);
CREATE SEQUENCE epochs;
CREATE PROCEDURE slow(what text, k text, e bigint, s int, slices int, slice float8, fenced bool) LANGUAGE plpgsql AS $$
DECLARE row bigint;
BEGIN
  IF fenced AND NOT EXISTS (SELECT FROM stackrescue_fence WHERE key = k AND epoch = e) THEN
    INSERT INTO refused VALUES (e, s);
    COMMIT;
    RAISE EXCEPTION 'fence % is not the newest', e;
  END IF;
  INSERT INTO ledger (epoch, step, kind, pid, t0, t1) VALUES (e, s, what, pg_backend_pid(), clock_timestamp(), clock_timestamp()) RETURNING id INTO row;
  COMMIT;
  FOR i IN 1..slices LOOP
    PERFORM pg_sleep(slice);
    UPDATE ledger SET t1 = clock_timestamp() WHERE id = row;
    COMMIT;
  END LOOP;
  INSERT INTO effects VALUES (s, e, true);
  UPDATE ledger SET t1 = clock_timestamp(), ended = true WHERE id = row;
  COMMIT;
END $$;`

// dial is a handle of its own on a database, as another process would have it.
func dial(addr, database, application string, tracer pgx.QueryTracer, pooled ...bool) (*sql.DB, error) {
	cfg, err := pgx.ParseConfig(fmt.Sprintf("postgres://postgres@%s/%s?sslmode=disable", addr, database))
	if err != nil {
		return nil, err
	}
	cfg.RuntimeParams["application_name"] = application
	cfg.Tracer = tracer
	if tracer == nil {
		// One message per statement: what is held back is carried out late, and
		// not only prepared.
		cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	if len(pooled) > 0 && pooled[0] { // as README says
		cfg.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	}
	return stdlib.OpenDB(*cfg), nil
}

// worker is one leader's way to do the work.
type worker struct {
	db     *sql.DB
	key    string
	epoch  migrate.Fence
	fenced bool
}

// do is one step.
func (w worker) do(ctx context.Context, n int, j job) error {
	if j.Kind == inTx {
		return w.doTx(ctx, n, j)
	}
	const slices = 4
	_, err := w.db.ExecContext(ctx, `CALL slow($1, $2, $3, $4, $5, $6, $7)`,
		string(j.Kind), w.key, int64(w.epoch), n, slices, j.Took.Seconds()/slices, w.fenced && j.Kind == checked)
	return err
}

func (w worker) doTx(ctx context.Context, n int, j job) error {
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if w.fenced {
		if err := pglease.Guard(ctx, tx, w.key, w.epoch); err != nil {
			return err
		}
	}
	var id int64
	const begin = `INSERT INTO ledger (epoch, step, kind, pid, t0) VALUES ($1, $2, $3, pg_backend_pid(), clock_timestamp()) RETURNING id`
	if err := tx.QueryRowContext(ctx, begin, int64(w.epoch), n, string(inTx)).Scan(&id); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `SELECT pg_sleep($1)`, j.Took.Seconds()); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO effects VALUES ($1, $2, false)`, n, int64(w.epoch)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE ledger SET t1 = clock_timestamp(), ended = true WHERE id = $1`, id); err != nil {
		return err
	}
	return tx.Commit()
}

// enter raises the fence and writes down between when and when it was raised.
// The row is guarded: one of an old leader never comes late.
func (w worker) enter(ctx context.Context, admin *sql.DB, owner string, terminate bool) error {
	var asked time.Time
	if err := admin.QueryRowContext(ctx, `SELECT clock_timestamp()`).Scan(&asked); err != nil {
		return err
	}
	if err := pglease.Raise(ctx, admin, w.key, w.epoch, func(o *pglease.RaiseOptions) {
		o.Terminate, o.Interval = terminate, 50*time.Millisecond
	}); err != nil {
		return err
	}
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := pglease.Guard(ctx, tx, w.key, w.epoch); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO entered VALUES ($1, $2, $3, clock_timestamp())`, int64(w.epoch), owner, asked); err != nil {
		return err
	}
	return tx.Commit()
}

// isDone reports whether a step has had its effect.
func isDone(ctx context.Context, db *sql.DB, n int) (done bool, err error) {
	err = db.QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM effects WHERE step = $1)`, n).Scan(&done)
	return done, err
}

// state is the truth about all steps.
func state(ctx context.Context, db *sql.DB, steps int) (migrate.State, error) {
	var n int
	err := db.QueryRowContext(ctx, `SELECT count(DISTINCT step) FROM effects`).Scan(&n)
	return migrate.State{Version: fmt.Sprint(n), Done: n == steps}, err
}

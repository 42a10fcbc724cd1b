package proof

import (
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/servers"
	"github.com/stackrescue/stackrescue/migrate/dynamolease"
	"github.com/stackrescue/stackrescue/migrate/pglease"
)

// world is the servers of all runs. Each run has a database of its own.
type world struct {
	postgres, pooler, dynamo string
	admin                    *sql.DB
	// mu: the template cannot be copied twice at once.
	mu sync.Mutex
}

func newWorld(t *testing.T) *world {
	server := servers.StartPostgreSQL(t)
	w := &world{
		postgres: fmt.Sprintf("%s:%d", server.Host, server.Port),
		dynamo:   strings.TrimPrefix(servers.StartDynalite(t), "http://"),
	}
	pool := servers.StartPgBouncer(t, servers.PgBouncers(t)[0], server, "default_pool_size = 4", "max_client_conn = 2000", "server_idle_timeout = 5")
	w.pooler = fmt.Sprintf("%s:%d", pool.Host, pool.Port)
	w.admin = w.open(t, "postgres")
	_, err := dynamoClient(w.dynamo, &wire{}).CreateTable(t.Context(), dynamolease.TableInput(leases))
	require.NoError(t, err)
	return w
}

// open is a handle past all proxies.
func (w *world) open(t *testing.T, database string) *sql.DB {
	db, err := dial(w.postgres, database, "parent", nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// database makes an empty one with the tables that a run needs.
func (w *world) database(t *testing.T, name string) *sql.DB {
	w.mu.Lock()
	_, err := w.admin.Exec("CREATE DATABASE " + name)
	w.mu.Unlock()
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := w.admin.Exec("DROP DATABASE " + name + " WITH (FORCE)")
		require.NoError(t, err)
	})
	db := w.open(t, name)
	require.NoError(t, pglease.Create(t.Context(), db))
	_, err = db.Exec(ledgerSchema)
	require.NoError(t, err)
	_, err = db.Exec(demotion)
	require.NoError(t, err)
	return db
}

// demotion makes sessions that began before a moment those of a writer that was
// demoted then: they take no writes of the store any longer, and new ones do.
const demotion = `CREATE TABLE demoted (at timestamptz NOT NULL);
INSERT INTO demoted VALUES ('-infinity');
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()) < (SELECT max(at) FROM demoted) THEN
    RAISE EXCEPTION 'cannot execute % in a read-only transaction', TG_OP USING ERRCODE = '25006';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON stackrescue_lease FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON stackrescue_fence FOR EACH ROW EXECUTE FUNCTION refuse();`

// storeAddr is the server of a store.
func (w *world) storeAddr(store string) string {
	switch store {
	case onDynamoDB:
		return w.dynamo
	case onPooled:
		return w.pooler
	}
	return w.postgres
}

package migrate_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/migratetest"
)

func TestFileStore(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "locks")
	migratetest.TestStore(t, "f/", func(*testing.T) migrate.Store { return migrate.FileStore(dir) },
		func(o *migratetest.StoreOptions) { o.Bound = true })
}

func TestMemory(t *testing.T) {
	t.Parallel()
	var m migratetest.Memory
	migratetest.TestStore(t, "m/", func(*testing.T) migrate.Store { return m.Client() })
}

func TestFileStoreNoticesThatItsFileWasRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b := migrate.FileStore(dir), migrate.FileStore(dir)
	h, err := a.Acquire(t.Context(), "k", migrate.Claim{Owner: "a", Lease: 1e9})
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(dir, "k.lock")))
	other, err := b.Acquire(t.Context(), "k", migrate.Claim{Owner: "b", Lease: 1e9})
	require.NoError(t, err)
	require.Greater(t, other.Fence(), h.Fence())
	require.ErrorIs(t, h.Renew(t.Context(), nil), migrate.ErrLeaseLost)
	require.ErrorIs(t, h.Release(t.Context(), nil), migrate.ErrLeaseLost)
	require.NoError(t, other.Release(t.Context(), nil))
}

func TestFileStoreRefusesWhatItDidNotWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "k.json"), []byte(`{"format":9}`), 0o600))
	_, err := migrate.FileStore(dir).Read(t.Context(), "k")
	require.ErrorIs(t, err, migrate.ErrStore)
	_, err = migrate.FileStore(dir).Acquire(t.Context(), "k", migrate.Claim{Owner: "a", Lease: 1e9})
	require.ErrorIs(t, err, migrate.ErrStore)
}

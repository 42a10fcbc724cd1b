package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// fileStore keeps a lock file and a record per key in a directory.
type fileStore struct {
	dir string

	mu sync.Mutex
	// held finds a hold again for a repeated Acquire.
	held map[string]*fileHold
}

// FileStore returns a store for the processes of one machine: a directory with
// a file per key that is locked with flock(2) while it is held, and another
// with the record. The directory is made when it is first needed.
//
// The kernel lets go of the lock when its holder dies, so that a takeover takes
// no lease. A holder that is only stopped keeps it. It protects nothing across
// machines, and so nothing across ECS tasks: their local disks are their own,
// and how soon a network file system lets go is not known. On systems without
// flock every call is [errors.ErrUnsupported].
func FileStore(dir string) Store { return &fileStore{dir: dir, held: map[string]*fileHold{}} }

// fileRecord is the record on disk.
type fileRecord struct {
	// Format is that of the file, 2: Version is the record's.
	Format       int     `json:"version"`
	Epoch        Fence   `json:"epoch"`
	Beat         int64   `json:"beat"`
	Owner        string  `json:"owner,omitempty"`
	LeaseSeconds float64 `json:"leaseSeconds,omitempty"`
	Note         []byte  `json:"note,omitempty"`
}

// fileFormat is the format that is read and written.
const fileFormat = 2

func (s *fileStore) path(key, ext string) string {
	return filepath.Join(s.dir, url.QueryEscape(key)+ext)
}

// load reads the record; there may be none.
func (s *fileStore) load(key string) (fileRecord, error) {
	b, err := os.ReadFile(s.path(key, ".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return fileRecord{}, nil
	}
	if err != nil {
		return fileRecord{}, err
	}
	var r fileRecord
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("%w: %s: %w", ErrStore, s.path(key, ".json"), err)
	}
	if r.Format != fileFormat {
		return r, fmt.Errorf("%w: %s has version %d, and this program reads %d: remove it when no process uses it", ErrStore, s.path(key, ".json"), r.Format, fileFormat)
	}
	return r, nil
}

// save replaces the record as a whole.
func (s *fileStore) save(key string, r fileRecord) error {
	r.Format = fileFormat
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(s.dir, ".record-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), s.path(key, ".json"))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

func (r fileRecord) record(dead bool) Record {
	return Record{Version: Version{r.Epoch, r.Beat}, Owner: r.Owner, Lease: time.Duration(r.LeaseSeconds * float64(time.Second)), Note: r.Note, Dead: dead && r.Owner != ""}
}

// Read is [Store]'s.
func (s *fileStore) Read(ctx context.Context, key string) (Record, error) {
	if err := ctx.Err(); err != nil {
		return Record{}, err
	}
	r, err := s.load(key)
	if err != nil || r.Owner == "" {
		return r.record(false), unusable(err)
	}
	free, err := lockIsFree(s.path(key, ".lock"))
	if err != nil {
		return Record{}, err
	}
	if free { // it may have been let go properly since
		if r, err = s.load(key); err != nil {
			return Record{}, err
		}
	}
	return r.record(free), nil
}

// Acquire is [Store]'s.
func (s *fileStore) Acquire(ctx context.Context, key string, claim Claim) (Hold, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.held[key]; h != nil && h.owner == claim.Owner && h.Renew(ctx, nil) == nil {
		return h, nil
	}
	if err := os.MkdirAll(s.dir, 0o777); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStore, err)
	}
	lock, err := takeLock(s.path(key, ".lock"))
	if err != nil {
		return nil, unusable(err)
	}
	r, err := s.load(key)
	if err == nil && lock == nil {
		return nil, &HeldError{Key: key, Record: r.record(false)}
	}
	h := &fileHold{store: s, key: key, owner: claim.Owner, lock: lock, note: r.Note}
	r.Epoch++
	r.Beat, r.Owner, r.LeaseSeconds = 0, claim.Owner, claim.Lease.Seconds()
	h.fence = r.Epoch
	if err == nil {
		err = s.save(key, r)
	}
	if err != nil {
		if lock != nil {
			_ = lock.Close()
		}
		return nil, unusable(err)
	}
	s.held[key] = h
	return h, nil
}

// fileHold is a locked file.
type fileHold struct {
	store *fileStore
	key   string
	owner string
	fence Fence
	note  []byte
	lock  *os.File
}

func (h *fileHold) Fence() Fence { return h.fence }
func (h *fileHold) Note() []byte { return h.note }

// mine reads the record if this hold still has it.
func (h *fileHold) mine(ctx context.Context) (fileRecord, error) {
	if err := ctx.Err(); err != nil {
		return fileRecord{}, err
	}
	r, err := h.store.load(h.key)
	if err != nil {
		return r, err
	}
	if r.Owner != h.owner || r.Epoch != h.fence {
		return r, ErrLeaseLost
	}
	return r, sameFile(h.lock, h.store.path(h.key, ".lock"))
}

func (h *fileHold) Renew(ctx context.Context, note []byte) error {
	r, err := h.mine(ctx)
	if err != nil {
		return err
	}
	r.Beat++
	if note != nil {
		r.Note = note
	}
	return h.store.save(h.key, r)
}

func (h *fileHold) Release(ctx context.Context, note []byte) error {
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	defer func() {
		_ = h.lock.Close()
		if h.store.held[h.key] == h {
			delete(h.store.held, h.key)
		}
	}()
	r, err := h.mine(ctx)
	switch {
	case r.Epoch == h.fence && r.Owner == "" && errors.Is(err, ErrLeaseLost):
		return nil
	case err != nil:
		return err
	}
	r.Owner = ""
	if note != nil {
		r.Note = note
	}
	return h.store.save(h.key, r)
}

// unusable marks errors of a directory that waiting does not cure.
func unusable(err error) error {
	for _, is := range []error{fs.ErrPermission, syscall.EROFS, syscall.ENOTDIR, syscall.ENAMETOOLONG, errors.ErrUnsupported} {
		if errors.Is(err, is) && !errors.Is(err, ErrStore) {
			return fmt.Errorf("%w: %w", ErrStore, err)
		}
	}
	return err
}

// sameFile is [ErrLeaseLost] when the locked file is not the one that others
// would lock: somebody has removed it.
func sameFile(lock *os.File, path string) error {
	mine, err := lock.Stat()
	if err != nil {
		return err
	}
	theirs, err := os.Stat(path)
	if err != nil || !os.SameFile(mine, theirs) {
		return fmt.Errorf("%w: %s was removed", ErrLeaseLost, path)
	}
	return nil
}

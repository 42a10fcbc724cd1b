package start_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	start "github.com/stackrescue/stackrescue/examples/embed/migrate-at-start"
	"github.com/stackrescue/stackrescue/migrate/migratetest"
)

// schema is a database that counts its migrations.
type schema struct {
	mu       sync.Mutex
	version  int
	migrated int
	fails    error
}

func (s *schema) Version(context.Context) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version, nil
}

func (s *schema) Migrate(_ context.Context, to int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.migrated++
	if s.fails == nil {
		s.version = to
	}
	return s.fails
}

var app = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) })

// Four replicas start at once: one migrates, all serve.
func TestOneReplicaMigrates(t *testing.T) {
	var store migratetest.Memory
	db := &schema{version: 1}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			mux := http.NewServeMux()
			var log strings.Builder
			if err := start.Serve(t.Context(), store.Client(), db, 2, mux, app, &log); err != nil {
				t.Error(err)
				return
			}
			answer := httptest.NewRecorder()
			mux.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", nil))
			if answer.Body.String() != "hello" || !strings.Contains(log.String(), "is at 2") {
				t.Error(answer.Body, log.String())
			}
		})
	}
	wg.Wait()
	if db.migrated != 1 {
		t.Errorf("migrated %d times", db.migrated)
	}
}

// A migration that fails serves nothing.
func TestFailedMigration(t *testing.T) {
	var store migratetest.Memory
	mux := http.NewServeMux()
	broken := errors.New("relation exists already")
	err := start.Serve(t.Context(), store.Client(), &schema{version: 1, fails: broken}, 2, mux, app, &strings.Builder{})
	if err == nil || !strings.Contains(err.Error(), broken.Error()) {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", nil))
	if answer.Code != http.StatusNotFound {
		t.Error(answer.Code)
	}
}

package migrate_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/migratetest"
)

func ask(t *testing.T, r *migrate.Runner, path string) (int, migrate.Health) {
	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	var h migrate.Health
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &h))
	return w.Code, h
}

func TestHealthDuringAMigrationOfHalfAnHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m migratetest.Memory
		d := &database{}
		var runners []*migrate.Runner
		done := make(chan error)
		for range 2 {
			r, err := migrate.New(m.Client(), "k", d.probe, []migrate.Step{d.step("a", 30*time.Minute, true)})
			require.NoError(t, err)
			runners = append(runners, r)
			code, h := ask(t, r, "/ready")
			require.Equal(t, 503, code)
			require.Equal(t, "idle", h.Phase)
			go func() {
				_, err := r.Run(t.Context())
				done <- err
			}()
			synctest.Wait()
		}
		for range 29 {
			time.Sleep(time.Minute)
			for i, r := range runners {
				live, _ := ask(t, r, "/live")
				ready, h := ask(t, r, "/ready")
				require.Equal(t, []int{200, 503}, []int{live, ready})
				require.Equal(t, []string{"leading", "waiting"}[i], h.Phase)
				require.Equal(t, "a", h.Progress.Step)
			}
		}
		require.NoError(t, <-done)
		require.NoError(t, <-done)
		for _, r := range runners {
			live, _ := ask(t, r, "/live")
			ready, h := ask(t, r, "/")
			require.Equal(t, []int{200, 200}, []int{live, ready})
			require.True(t, h.State.Done)
		}
	})
}

func TestHealthTellsThatThisProcessIsWedged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m migratetest.Memory
		hang := make(chan struct{})
		probe := func(context.Context) (migrate.State, error) {
			<-hang // a driver that does not obey its context
			return migrate.State{Done: true}, nil
		}
		r, err := migrate.New(m.Client(), "k", probe, migrate.Func(func(context.Context, migrate.Fence) error { return nil }))
		require.NoError(t, err)
		done := make(chan error)
		go func() {
			_, err := r.Run(t.Context())
			done <- err
		}()
		time.Sleep(40 * time.Second)
		code, _ := ask(t, r, "/live")
		require.Equal(t, 200, code)
		time.Sleep(time.Second)
		code, h := ask(t, r, "/live")
		require.Equal(t, 503, code)
		require.True(t, h.Wedged)
		close(hang)
		require.NoError(t, <-done)
	})
}

package migrate_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/migratetest"
)

// One replica migrates; the others wait for what the probe says.
func ExampleRunner_Run() {
	var store migratetest.Memory // pglease.Table(db), dynamolease.New(client, table), …
	version := 1
	probe := func(context.Context) (migrate.State, error) {
		return migrate.State{Version: fmt.Sprint(version), Done: version >= 2}, nil
	}
	up := func(_ context.Context, fence migrate.Fence) error {
		fmt.Println("migrating under fence", fence)
		version = 2
		return nil
	}
	for replica := range 2 {
		r, err := migrate.New(store.Client(), "orders", probe, migrate.Func(up))
		if err != nil {
			fmt.Println(err)
			return
		}
		res, err := r.Run(context.Background())
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("replica", replica, "serves at", res.State)
	}
	// Output:
	// migrating under fence 1
	// replica 0 serves at version 2
	// replica 1 serves at version 2
}

// Health checks ask two different questions.
func ExampleRunner_Handler() {
	var store migratetest.Memory
	probe := func(context.Context) (migrate.State, error) { return migrate.State{Version: "2", Done: true}, nil }
	r, err := migrate.New(store.Client(), "orders", probe, migrate.Func(func(context.Context, migrate.Fence) error { return nil }))
	if err != nil {
		fmt.Println(err)
		return
	}
	ask := func(path string) int {
		rec := httptest.NewRecorder()
		r.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
		return rec.Code
	}
	fmt.Println("before:", ask("/live"), ask("/ready"))
	if _, err := r.Run(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("after:", ask("/live"), ask("/ready"))
	// Output:
	// before: 200 503
	// after: 200 200
}

// Leadership alone, for work that is no migration.
func ExampleLead() {
	var store migratetest.Memory
	err := migrate.Lead(context.Background(), store.Client(), "nightly-report", func(_ context.Context, fence migrate.Fence) error {
		fmt.Println("the only one, fence", fence)
		return nil
	})
	fmt.Println(err)
	// Output:
	// the only one, fence 1
	// <nil>
}

// A pipeline migrates before it deploys. The database can be reached by the task
// alone, which hands its result back through its log.
func ExampleOneOff() {
	task := func(context.Context) ([]string, error) { // ecsx.RunTask, and the container's log
		var log bytes.Buffer
		fmt.Fprintln(&log, "INFO applying 0007_state")
		err := migrate.Handback(&log, migrate.KindResult, migrate.Result{State: migrate.State{Version: "7", Done: true}})
		return strings.Split(log.String(), "\n"), err
	}
	probe, report := migrate.ReportedState()
	state, err := migrate.OneOff(context.Background(), probe, func(ctx context.Context) error {
		lines, err := task(ctx)
		if err != nil {
			return err
		}
		res, err := migrate.ReadHandback[migrate.Result](lines, migrate.KindResult)
		if err == nil {
			report(res.State)
		}
		return err
	})
	fmt.Println(state, err)
	// Output:
	// version 7 <nil>
}

// What would end a replica that waits for half an hour?
func ExamplePreflight() {
	err := migrate.Preflight(migrate.Patience{MaxWait: 30 * time.Minute, LoadBalanced: true, GracePeriod: time.Minute, StopTimeout: 2 * time.Minute})
	fmt.Println(err)
	// Output:
	// health check grace period 1m0s is shorter than the longest wait of 30m0s: the load balancer's 503 would end replicas that wait: raise healthCheckGracePeriodSeconds to 1800
}

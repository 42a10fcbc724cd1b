package migrate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
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
		err := migrate.Handback(&log, migrate.Result{State: migrate.State{Version: "7", Done: true}})
		return strings.Split(log.String(), "\n"), err
	}
	probe, report := migrate.ReportedState()
	state, err := migrate.OneOff(context.Background(), probe, func(ctx context.Context) error {
		lines, err := task(ctx)
		if err != nil {
			return err
		}
		res, err := migrate.ReadHandback[migrate.Result](lines)
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
func ExamplePatience_Check() {
	err := migrate.Patience{MaxWait: 30 * time.Minute, LoadBalanced: true, GracePeriod: time.Minute, StopTimeout: 2 * time.Minute}.Check()
	fmt.Println(err)
	// Output:
	// health check grace period 1m0s is shorter than the longest wait of 30m0s: the load balancer's 503 would end replicas that wait: raise healthCheckGracePeriodSeconds to 1800
}

// The steps of a migration, and what a wait shows in a health check.
func ExampleNew() {
	var store migratetest.Memory
	done := false
	probe := func(context.Context) (migrate.State, error) { return migrate.State{Done: done}, nil }
	steps := []migrate.Step{{ID: "orders", Run: func(ctx context.Context, _ migrate.Fence) error {
		migrate.ReportProgress(ctx, "half of it")
		done = true
		return nil
	}}}
	r, err := migrate.New(store.Client(), "orders", probe, steps, func(o *migrate.RunOptions) { o.Build = "v42" })
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = r.Run(context.Background())
	fmt.Println(done, err)
	// Output:
	// true <nil>
}

// Who migrates, and how far it is: without taking anything.
func ExampleStatus() {
	var store migratetest.Memory
	record, progress, err := migrate.Status(context.Background(), store.Client(), "orders")
	fmt.Printf("%q %q %v\n", record.Owner, progress.Outcome, err)
	// Output:
	// "" "" <nil>
}

// What was remembered of failures is cleared, once their reason is mended.
func ExampleForget() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var store migratetest.Memory
	probe := func(context.Context) (migrate.State, error) { return migrate.State{}, nil }
	fails := migrate.Func(func(context.Context, migrate.Fence) error { return errors.New("disk full") })
	r, err := migrate.New(store.Client(), "orders", probe, fails, func(o *migrate.RunOptions) { o.Attempts = 1 })
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = r.Run(ctx)
	fmt.Println(err != nil)
	found, err := migrate.Forget(ctx, store.Client(), "orders", false)
	fmt.Println(found.Outcome, err)
	// Output:
	// true
	// failed <nil>
}

// A migration that is a function of the application.
func ExampleFunc() {
	steps := migrate.Func(func(_ context.Context, fence migrate.Fence) error {
		fmt.Println("fence", fence)
		return nil
	})
	fmt.Println(len(steps), steps[0].Run(context.Background(), 7))
	// Output:
	// fence 7
	// 1 <nil>
}

// A step that says how far it is: Status and the health check show it.
func ExampleReportProgress() {
	step := func(ctx context.Context, _ migrate.Fence) error {
		for n := range 3 {
			migrate.ReportProgress(ctx, fmt.Sprintf("%d of 3 tables", n+1)) // does nothing outside a run
		}
		return nil
	}
	fmt.Println(step(context.Background(), 1))
	// Output:
	// <nil>
}

// The team's own tool, in a process group of its own.
func ExampleProgram_Run() {
	var out bytes.Buffer
	run := migrate.Program{Args: []string{"sh", "-c", "echo upgraded under fence $MIGRATE_FENCE"}, Env: os.Environ(), Stdout: &out}.Run
	err := run(context.Background(), 7)
	fmt.Print(out.String())
	fmt.Println(err)
	// Output:
	// upgraded under fence 7
	// <nil>
}

// Replicas on one machine, with a folder in the place of a server.
func ExampleFileStore() {
	dir, err := os.MkdirTemp("", "leases")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	err = migrate.Lead(context.Background(), migrate.FileStore(dir), "orders", func(_ context.Context, fence migrate.Fence) error {
		fmt.Println("fence", fence)
		return nil
	})
	fmt.Println(err)
	// Output:
	// fence 1
	// <nil>
}

// A result that crosses a container's log, between lines of others.
func ExampleHandback() {
	var log bytes.Buffer
	fmt.Fprintln(&log, "INFO done")
	if err := migrate.Handback(&log, migrate.Result{State: migrate.State{Version: "7", Done: true}}); err != nil {
		fmt.Println(err)
		return
	}
	res, err := migrate.ReadHandback[migrate.Result](strings.Split(log.String(), "\n"))
	fmt.Println(res.State, err)
	// Output:
	// version 7 <nil>
}

// The reader's half of Handback: a log without a result is an error.
func ExampleReadHandback() {
	_, err := migrate.ReadHandback[migrate.Result]([]string{"INFO starting", "killed"})
	fmt.Println(err)
	// Output:
	// handed-back migrate.Result: unexpected output: none in 2 lines of the log
}

// A probe that answers what was reported last, where the database cannot be asked.
func ExampleReportedState() {
	probe, report := migrate.ReportedState()
	report(migrate.State{Version: "7", Done: true})
	fmt.Println(probe(context.Background()))
	// Output:
	// version 7 <nil>
}

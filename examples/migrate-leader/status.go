package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/stackrescue/stackrescue/migrate"
)

// print writes one line of JSON.
func print(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }

// status is the verb of that name.
func status(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("status", flag.ContinueOnError)
	fs.SetOutput(stderr)
	spec := fs.String("store", "", "as for run")
	key := fs.String("key", "", "name of the migration")
	if err := fs.Parse(args); err != nil {
		return usage(err)
	}
	if *spec == "" || *key == "" {
		return fmt.Errorf("%w: -store and -key are needed", errUsage)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	store, err := openStore(ctx, *spec, *key, false, nil)
	if err != nil {
		return err
	}
	rec, p, err := migrate.Status(ctx, store, *key)
	if err != nil {
		return err
	}
	return print(stdout, struct {
		Version      int              `json:"version"`
		Owner        string           `json:"owner,omitempty"`
		Epoch        migrate.Fence    `json:"epoch"`
		Beat         int64            `json:"beat"`
		LeaseSeconds float64          `json:"leaseSeconds,omitempty"`
		Dead         bool             `json:"dead,omitempty"`
		Progress     migrate.Progress `json:"progress,omitzero"`
	}{2, rec.Owner, rec.Epoch, rec.Beat, rec.Lease.Seconds(), rec.Dead, p})
}

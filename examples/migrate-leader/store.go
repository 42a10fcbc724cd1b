package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/dynamolease"
	"github.com/stackrescue/stackrescue/migrate/mylease"
	"github.com/stackrescue/stackrescue/migrate/pglease"
)

// opened is an opened -store.
type opened struct {
	migrate.Store
	// enter raises the fence of a database; it is nil for other stores.
	enter func(context.Context, migrate.Fence) error
	// db is nil for other stores.
	db *sql.DB
}

// openStore opens what -store names; env:NAME stands for what a variable holds.
// It makes no call: a store that is away is waited for later.
//
// say, where it is not nil, gets what a leader waits for before it begins;
// terminate lets it end that.
func openStore(ctx context.Context, spec, key string, terminate bool, say func(...any)) (*opened, error) {
	kind, what, ok := strings.Cut(spec, ":")
	if !ok || what == "" {
		return nil, fmt.Errorf("%w: -store is not file:DIR, dynamodb:TABLE, postgres:URL, postgres-session:URL or mysql:URL", errUsage)
	}
	what, err := secret(what)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "file":
		return &opened{Store: migrate.FileStore(what)}, nil
	case "dynamodb":
		cfg, err := config.LoadDefaultConfig(ctx)
		if err != nil {
			return nil, err
		}
		return &opened{Store: dynamolease.New(dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
			o.RetryMaxAttempts = 1 // calls are retried here, and say why
		}), what)}, nil
	case "postgres", "postgresql", "postgres-session", "mysql", "mariadb", "mysql2":
		engine := mysqlKind
		if strings.HasPrefix(kind, "postgres") {
			engine = postgresKind
		}
		if strings.HasPrefix(what, "//") { // a URL: the kind was its scheme
			what = engine + ":" + what
		}
		db, err := openAddress(what, engine, true)
		if err != nil {
			return nil, err
		}
		return leaseTable(db, kind == "postgres-session", key, terminate, say), nil
	}
	return nil, fmt.Errorf("%w: -store is of a kind that is not known: file, dynamodb, postgres, postgres-session and mysql are", errUsage)
}

// leaseTable is a store in a database, whose tables are made when they are first
// needed.
func leaseTable(db *sql.DB, session bool, key string, terminate bool, say func(...any)) *opened {
	if isMySQL(db) {
		return &opened{
			Store: &created{Store: mylease.Table(db), create: func(ctx context.Context) error { return mylease.Create(ctx, db) }},
			enter: func(ctx context.Context, fence migrate.Fence) error {
				return mylease.Raise(ctx, db, key, fence, func(o *mylease.RaiseOptions) {
					o.Terminate, o.Observe = terminate, left(say, "connection", "KILL %d")
				})
			},
			db: db,
		}
	}
	store := pglease.Table(db)
	if session {
		store = pglease.Session(db)
	}
	return &opened{
		Store: &created{Store: store, create: func(ctx context.Context) error { return pglease.Create(ctx, db) }},
		enter: func(ctx context.Context, fence migrate.Fence) error {
			return pglease.Raise(ctx, db, key, fence, func(o *pglease.RaiseOptions) {
				o.Terminate, o.Observe = terminate, left(say, "server process", "SELECT pg_terminate_backend(%d)")
			})
		},
		db: db,
	}
}

// left says once what of a previous leader is waited for, and how an operator
// ends it.
func left(say func(...any), what, end string) func([]int) {
	shown := map[int]bool{}
	return func(ids []int) {
		for _, id := range ids {
			if say != nil && !shown[id] {
				shown[id] = true
				say(fmt.Sprintf("waiting for what may be a previous leader's, and still runs in the database: %s %d; end it with -end-orphans, or with: "+end, what, id, id))
			}
		}
	}
}

// created is a store whose tables are made at the first call that reaches the
// database.
type created struct {
	migrate.Store
	create func(context.Context) error
	done   atomic.Bool
}

func (c *created) there(ctx context.Context) error {
	if c.done.Load() {
		return nil
	}
	err := c.create(ctx)
	c.done.Store(err == nil)
	return err
}

// Read is [migrate.Store]'s.
func (c *created) Read(ctx context.Context, key string) (migrate.Record, error) {
	if err := c.there(ctx); err != nil {
		return migrate.Record{}, err
	}
	return c.Store.Read(ctx, key)
}

// Acquire is [migrate.Store]'s.
func (c *created) Acquire(ctx context.Context, key string, claim migrate.Claim) (migrate.Hold, error) {
	if err := c.there(ctx); err != nil {
		return nil, err
	}
	return c.Store.Acquire(ctx, key, claim)
}

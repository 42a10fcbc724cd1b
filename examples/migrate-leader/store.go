package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/dynamolease"
	"github.com/stackrescue/stackrescue/migrate/mylease"
	"github.com/stackrescue/stackrescue/migrate/pglease"
)

// openStore opens what -store names; env:NAME stands for what a variable holds.
// enter raises the fence of a database; it is nil for other stores.
func openStore(ctx context.Context, spec, key string, terminate bool) (store migrate.Store, enter func(context.Context, migrate.Fence) error, err error) {
	kind, what, ok := strings.Cut(spec, ":")
	if !ok || what == "" {
		return nil, nil, fmt.Errorf("%w: -store %q is not file:DIR, dynamodb:TABLE, postgres:URL, postgres-session:URL or mysql:URL", errUsage, spec)
	}
	if what, err = secret(what); err != nil {
		return nil, nil, err
	}
	switch kind {
	case "file":
		return migrate.FileStore(what), nil, nil
	case "dynamodb":
		cfg, err := config.LoadDefaultConfig(ctx)
		if err != nil {
			return nil, nil, err
		}
		return dynamolease.New(dynamodb.NewFromConfig(cfg), what), nil, nil
	case "postgres", "postgres-session", "mysql":
		if strings.HasPrefix(what, "//") { // a URL: the kind was its scheme
			what = strings.TrimSuffix(kind, "-session") + ":" + what
		}
		open := openDatabase
		if kind != "mysql" && !strings.Contains(what, "://") {
			open = func(keywords string) (*sql.DB, error) { return sql.Open("pgx", keywords) }
		}
		db, err := open(what)
		if err != nil {
			return nil, nil, err
		}
		return leaseTable(ctx, db, kind, key, terminate)
	}
	return nil, nil, fmt.Errorf("%w: -store %s: is not known", errUsage, kind)
}

// leaseTable makes the tables of a store in a database, if they are not there.
func leaseTable(ctx context.Context, db *sql.DB, kind, key string, terminate bool) (migrate.Store, func(context.Context, migrate.Fence) error, error) {
	if isMySQL(db) {
		enter := func(ctx context.Context, fence migrate.Fence) error { return mylease.Raise(ctx, db, key, fence) }
		return mylease.Table(db), enter, mylease.Create(ctx, db)
	}
	enter := func(ctx context.Context, fence migrate.Fence) error {
		return pglease.Raise(ctx, db, key, fence, func(o *pglease.RaiseOptions) { o.Terminate = terminate })
	}
	store := pglease.Table(db)
	if kind == "postgres-session" {
		store = pglease.Session(db)
	}
	return store, enter, pglease.Create(ctx, db)
}

// isMySQL reports which driver a handle has.
func isMySQL(db *sql.DB) bool {
	_, ok := db.Driver().(*mysql.MySQLDriver)
	return ok
}

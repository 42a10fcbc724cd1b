package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/dynamolease"
	"github.com/stackrescue/stackrescue/migrate/pglease"
)

// openStore opens what -store names; env:NAME stands for what a variable holds. enter raises the fence of a database; it
// is nil for other stores.
func openStore(ctx context.Context, spec, key string) (store migrate.Store, enter func(context.Context, migrate.Fence) error, err error) {
	kind, what, ok := strings.Cut(spec, ":")
	if !ok || what == "" {
		return nil, nil, fmt.Errorf("%w: -store %q is not file:DIR, dynamodb:TABLE, postgres:DSN or postgres-session:DSN", errUsage, spec)
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
	case "postgres", "postgres-session":
		if strings.HasPrefix(what, "//") { // a URL: the kind was its scheme
			what = "postgres:" + what
		}
		if scheme, _, _ := strings.Cut(what, ":"); scheme == "mysql" || scheme == "mysql2" || scheme == "mariadb" {
			return nil, nil, fmt.Errorf("%w: -store: leases on MySQL are not there yet, use dynamodb:TABLE", errUsage)
		}
		db, err := sql.Open("pgx", what)
		if err != nil {
			return nil, nil, err
		}
		if err := pglease.Create(ctx, db); err != nil {
			return nil, nil, err
		}
		enter := func(ctx context.Context, fence migrate.Fence) error { return pglease.Raise(ctx, db, key, fence) }
		if kind == "postgres-session" {
			return pglease.Session(db), enter, nil
		}
		return pglease.Table(db), enter, nil
	}
	return nil, nil, fmt.Errorf("%w: -store %s: is not known", errUsage, kind)
}

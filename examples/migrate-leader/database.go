package main

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// secret is a value as it is, or, for "env:NAME", that of a variable of the
// environment: the place for secrets, which a command line is not.
func secret(value string) (string, error) {
	name, ok := strings.CutPrefix(value, "env:")
	if !ok {
		return value, nil
	}
	if value = os.Getenv(name); value == "" {
		return "", fmt.Errorf("%w: the variable %s is not set", errUsage, name)
	}
	return value, nil
}

// openDatabase opens a database to read and repair.
func openDatabase(spec string) (*sql.DB, error) {
	text, err := secret(spec)
	if err != nil {
		return nil, err
	}
	return openAddress(text, "", false)
}

// firstAnswer is how long a server may take to say anything.
const firstAnswer = 15 * time.Second

// openNow opens a database that has to be there: what takes a connection and never
// says anything is an error.
func openNow(ctx context.Context, spec string) (*sql.DB, error) {
	db, err := openDatabase(spec)
	if err != nil {
		return nil, err
	}
	call, cancel := context.WithTimeout(ctx, firstAnswer)
	defer cancel()
	err = db.PingContext(call)
	if err != nil && call.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("no answer within %s: %w", firstAnswer, err)
	}
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("the database: %w", err)
	}
	return db, nil
}

// openAddress opens a database. writer asks for a server that takes writes, of
// those to which the name resolves.
func openAddress(text, kind string, writer bool) (*sql.DB, error) {
	a, err := parseAddress(text, kind)
	if err != nil {
		return nil, err
	}
	if a.mysql {
		return a.openMySQL()
	}
	return a.openPostgreSQL(writer)
}

// openPostgreSQL opens a handle without prepared statements, which a pooler in
// transaction mode loses, unless the address chooses a mode.
func (a address) openPostgreSQL(writer bool) (*sql.DB, error) {
	params := map[string]string{"host": a.host, "port": a.port, "user": a.user, "dbname": a.name}
	for k, v := range a.params {
		params[k] = v
	}
	var keywords []string
	for k, v := range params {
		if v != "" {
			keywords = append(keywords, k+"='"+strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v)+"'")
		}
	}
	slices.Sort(keywords)
	cfg, err := pgx.ParseConfig(strings.Join(keywords, " "))
	if err != nil {
		// The driver's text may hold any part of the address.
		return nil, badAddress("host, port, TLS settings or another parameter are not what PostgreSQL's driver takes")
	}
	if a.password != "" {
		cfg.Password = a.password
	}
	if params["default_query_exec_mode"] == "" {
		cfg.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	}
	if writer && params["target_session_attrs"] == "" {
		cfg.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	return stdlib.OpenDB(*cfg), nil
}

func (a address) openMySQL() (*sql.DB, error) {
	c := mysql.NewConfig()
	c.User, c.Passwd, c.DBName, c.Net = a.user, a.password, a.name, "tcp"
	port := a.port
	if port == "" {
		port = "3306"
	}
	c.Addr = net.JoinHostPort(a.host, port)
	if s := a.params["socket"]; s != "" {
		c.Net, c.Addr = "unix", s
	}
	c.TLSConfig = a.params["tls"]
	c.Logger = &mysql.NopLogger{} // errors are returned as well
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, badAddress("host, TLS settings or another parameter are not what MySQL's driver takes")
	}
	return sql.OpenDB(connector), nil
}

// isMySQL reports which driver a handle has.
func isMySQL(db *sql.DB) bool {
	_, ok := db.Driver().(*mysql.MySQLDriver)
	return ok
}

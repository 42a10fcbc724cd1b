package main

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/go-sql-driver/mysql"
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

// openDatabase opens a URL of PostgreSQL or MySQL, as
// frameworks keep them in DATABASE_URL.
func openDatabase(spec string) (*sql.DB, error) {
	dsn, err := secret(spec)
	if err != nil {
		return nil, err
	}
	scheme, _, _ := strings.Cut(dsn, ":")
	switch scheme {
	case "postgres", "postgresql":
		return sql.Open("pgx", dsn)
	case "mysql", "mysql2", "mariadb":
		u, err := url.Parse(dsn)
		if err != nil {
			// The URL is not part of the text: it may hold a password.
			return nil, fmt.Errorf("%w: the database is not a URL", errUsage)
		}
		c := mysql.NewConfig()
		c.User, c.Net, c.Addr, c.DBName = u.User.Username(), "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
		c.Passwd, _ = u.User.Password()
		if u.Port() == "" {
			c.Addr += ":3306"
		}
		if tls := u.Query().Get("tls"); tls != "" {
			c.TLSConfig = tls
		}
		return sql.Open("mysql", c.FormatDSN())
	}
	return nil, fmt.Errorf("%w: the database is not a URL that begins with postgres:// or mysql://", errUsage)
}

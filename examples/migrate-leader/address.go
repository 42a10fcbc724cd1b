package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// address is where a database is, read from whatever form a team keeps it in.
// Nothing of what was read is ever part of an error: it holds a password.
type address struct {
	mysql          bool
	host, port     string
	user, password string
	name           string
	params         map[string]string // in the words of libpq, or of MySQL's driver
}

const (
	postgresKind = "postgres"
	mysqlKind    = "mysql"
)

// badAddress says what is wrong with an address, without a part of it.
func badAddress(format string, args ...any) error {
	return fmt.Errorf("%w: the database's address: %s", errUsage, fmt.Sprintf(format, args...))
}

// parseAddress reads a URL of PostgreSQL or MySQL as frameworks have it
// (Django, Rails, Prisma, SQLAlchemy, JDBC), the JSON of a secret that RDS keeps,
// libpq's keywords, or the form of Go's MySQL driver. kind is the engine where
// the text itself does not say it, "" for none.
func parseAddress(text, kind string) (address, error) {
	text = strings.TrimSpace(text)
	// A file of variables may keep the quotes that a shell takes off.
	for _, q := range []string{`"`, `'`} {
		if len(text) > 1 && strings.HasPrefix(text, q) && strings.HasSuffix(text, q) {
			text = strings.TrimSpace(text[1 : len(text)-1])
		}
	}
	a := address{mysql: kind == mysqlKind, params: map[string]string{}}
	var err error
	switch {
	case strings.HasPrefix(text, "{"):
		err = a.fromSecret(text)
	case strings.Contains(text, "://"):
		err = a.fromURL(strings.TrimPrefix(text, "jdbc:"))
	case kind == postgresKind && strings.Contains(text, "="):
		err = a.fromKeywords(text)
	case kind == mysqlKind:
		err = a.fromDSN(text)
	default:
		err = badAddress("it is not a URL that begins with postgres:// or mysql://, nor the JSON of an RDS secret")
	}
	if err != nil {
		return a, err
	}
	if kind != "" && a.mysql != (kind == mysqlKind) {
		return a, badAddress("it is of another engine than %s", kind)
	}
	if a.port != "" {
		if n, err := strconv.ParseUint(a.port, 10, 16); err != nil || n == 0 {
			return a, badAddress("the port is not a number")
		}
	}
	for name := range a.params {
		if number[name] {
			if _, err := strconv.Atoi(a.params[name]); err != nil {
				return a, badAddress("the value of %s is not a number", name)
			}
		}
	}
	secrets.add(a.password, url.QueryEscape(a.password), url.PathEscape(a.password))
	return a, nil
}

// fromSecret reads what RDS and Secrets Manager keep.
//
// Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html
func (a *address) fromSecret(text string) error {
	var s struct {
		Username, Password, Engine, Host, Dbname, Database string
		Port                                               json.RawMessage
	}
	if json.Unmarshal([]byte(text), &s) != nil {
		return badAddress("it looks like the JSON of a secret, and is not")
	}
	a.host, a.port, a.user, a.password = s.Host, strings.Trim(string(s.Port), `"`), s.Username, s.Password
	a.name = s.Dbname + s.Database
	switch {
	case strings.Contains(s.Engine, "mysql"), strings.Contains(s.Engine, "mariadb"), s.Engine == "" && a.port == "3306":
		a.mysql = true
	case strings.Contains(s.Engine, "postgres"):
		a.mysql = false
	case s.Engine != "":
		return badAddress("the secret's engine is neither postgres nor mysql")
	}
	if a.host == "" {
		return badAddress("the secret has no host: add host, port and dbname to it, or put the URL together in the entry point")
	}
	return nil
}

package main

import (
	"encoding/json"
	"fmt"
	"net"
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

// fromURL takes a URL apart by hand: passwords in the field hold characters that
// have to be escaped and are not.
func (a *address) fromURL(text string) error {
	scheme, rest, _ := strings.Cut(text, "://")
	scheme, _, _ = strings.Cut(strings.ToLower(scheme), "+") // postgresql+psycopg2
	switch scheme {
	case "postgres", "postgresql", "pgsql", "psql":
		a.mysql = false
	case "mysql", "mysql2", "mariadb":
		a.mysql = true
	default:
		return badAddress("its scheme is neither postgres nor mysql")
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		user, password, _ := strings.Cut(rest[:i], ":")
		secrets.add(password)
		a.user, a.password, rest = unescape(user), unescape(password), rest[i+1:]
	}
	rest, _, _ = strings.Cut(rest, "#")
	rest, query, _ := strings.Cut(rest, "?")
	host, name, _ := strings.Cut(rest, "/")
	a.name = unescape(name)
	if err := a.hosts(host); err != nil {
		return err
	}
	for pair := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		a.set(key, unescape(value))
	}
	return nil
}

// hosts reads host:port, or several of them for PostgreSQL.
func (a *address) hosts(text string) error {
	var hosts, ports []string
	for h := range strings.SplitSeq(text, ",") {
		host, port := h, ""
		if i := strings.LastIndexByte(h, ':'); i >= 0 && !strings.HasSuffix(h, "]") {
			host, port = h[:i], h[i+1:]
		}
		hosts, ports = append(hosts, unescape(strings.Trim(host, "[]"))), append(ports, port)
	}
	a.host, a.port = hosts[0], ports[0]
	if len(hosts) > 1 {
		if a.mysql {
			return badAddress("MySQL takes one host")
		}
		for i, p := range ports {
			if p == "" {
				ports[i] = "5432"
			}
			if n, err := strconv.ParseUint(ports[i], 10, 16); err != nil || n == 0 {
				return badAddress("a port is not a number")
			}
		}
		a.host, a.port = "", ""
		a.params["host"], a.params["port"] = strings.Join(hosts, ","), strings.Join(ports, ",")
	}
	return nil
}

// unescape undoes %-escapes, or takes the text as it is where they are none.
func unescape(s string) string {
	if out, err := url.PathUnescape(s); err == nil {
		return out
	}
	return s
}

// fromKeywords reads libpq's keyword = value.
//
// Source: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-KEYWORD-VALUE
func (a *address) fromKeywords(text string) error {
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		key, rest, ok := strings.Cut(text, "=")
		if key = strings.TrimSpace(key); !ok || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz_") != "" {
			return badAddress("what should be keyword = value is not")
		}
		rest = strings.TrimSpace(rest)
		var value strings.Builder
		quoted := strings.HasPrefix(rest, "'")
		i := 0
		if quoted {
			i = 1
		}
		for ; i < len(rest); i++ {
			c := rest[i]
			if c == '\\' && i+1 < len(rest) {
				i++
				value.WriteByte(rest[i])
				continue
			}
			if quoted && c == '\'' || !quoted && (c == ' ' || c == '\t' || c == '\n') {
				break
			}
			value.WriteByte(c)
		}
		if quoted && i >= len(rest) {
			return badAddress("a quoted value does not end")
		}
		text = rest[min(i+1, len(rest)):]
		a.set(key, value.String())
	}
	return nil
}

// fromDSN reads user:password@tcp(host:port)/name?parameters.
//
// Source: https://github.com/go-sql-driver/mysql#dsn-data-source-name
func (a *address) fromDSN(text string) error {
	at := strings.LastIndexByte(text, '@')
	user, password, _ := strings.Cut(text[:max(at, 0)], ":")
	secrets.add(password)
	a.user, a.password = user, password
	where, rest, ok := strings.Cut(text[at+1:], ")/")
	network, host, open := strings.Cut(where, "(")
	if !ok || !open {
		return badAddress("it is neither a URL nor user:password@tcp(host:port)/name")
	}
	switch network {
	case "tcp":
		var err error
		if a.host, a.port, err = net.SplitHostPort(host); err != nil {
			a.host, a.port = host, ""
		}
	case "unix":
		a.params["socket"] = host
	default:
		return badAddress("its network is neither tcp nor unix")
	}
	name, query, _ := strings.Cut(rest, "?")
	a.name = name
	for pair := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		a.set(key, unescape(value))
	}
	return nil
}

// set takes a parameter over, in the driver's word. Those that only other
// drivers know, such as the size of a pool, are passed over.
func (a *address) set(key, value string) {
	key = strings.ToLower(key)
	switch key {
	case "user", "username":
		a.user = value
	case "password":
		secrets.add(value)
		a.password = value
	case "dbname", "database":
		a.name = value
	case "port":
		a.port = value
	case "host", "hostaddr":
		a.host = value
	default:
		if a.mysql {
			a.setMySQL(key, value)
		} else {
			a.setPostgreSQL(key, value)
		}
	}
}

func (a *address) setPostgreSQL(key, value string) {
	switch key {
	case "schema", "currentschema": // Prisma, JDBC
		if value == "public" { // the default, and poolers refuse the parameter
			return
		}
		key = "search_path"
	case "applicationname":
		key = "application_name"
	case "ssl": // JDBC, node-postgres
		if value != "true" && value != "1" {
			return
		}
		key, value = "sslmode", "require"
	case "ssl_require": // dj-database-url
		key, value = "sslmode", "require"
	}
	if libpq[key] || number[key] {
		a.params[key] = value
	}
}

func (a *address) setMySQL(key, value string) {
	switch key {
	case "tls", "socket":
		a.params[key] = value
	case "unix_socket":
		a.params["socket"] = value
	case "ssl", "usessl":
		if value == "true" || value == "1" {
			a.params["tls"] = "true"
		}
	case "ssl-mode", "ssl_mode", "sslmode", "sslaccept":
		switch strings.ToUpper(value) {
		case "REQUIRED", "REQUIRE", "ACCEPT_INVALID_CERTS":
			a.params["tls"] = "skip-verify"
		case "VERIFY_CA", "VERIFY_IDENTITY", "VERIFY-CA", "VERIFY-FULL", "STRICT":
			a.params["tls"] = "true"
		case "PREFERRED", "PREFER":
			a.params["tls"] = "preferred"
		}
	}
}

// libpq are the parameters of PostgreSQL's own client, those of the Go driver,
// and settings of the server that teams send along.
var libpq = words(`sslmode sslrootcert sslcert sslkey sslpassword sslsni target_session_attrs application_name options
 passfile service servicefile krbsrvname channel_binding search_path timezone role datestyle client_encoding
 statement_timeout lock_timeout idle_in_transaction_session_timeout default_query_exec_mode`)

// number are parameters that must be numbers.
var number = words(`connect_timeout statement_cache_capacity description_cache_capacity`)

func words(text string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(text) {
		out[w] = true
	}
	return out
}

package main

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

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
	rest, query := splitQuery(rest)
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		user, password, _ := strings.Cut(rest[:i], ":")
		secrets.add(password)
		a.user, a.password, rest = unescape(user), unescape(password), rest[i+1:]
	}
	rest, _, _ = strings.Cut(rest, "#")
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

// splitQuery takes the parameters off a URL without its scheme. They may hold an
// "@", and so may a password, which may hold a "?" as well: the last question
// mark after an address that is followed by parameters of a name that drivers
// know is the one.
func splitQuery(rest string) (head, query string) {
	for i := len(rest); ; {
		if i = strings.LastIndexByte(rest[:i], '?'); i < 0 {
			break
		}
		head, query := rest[:i], rest[i+1:]
		if parameters(query) && (strings.Contains(head, "@") || bare.MatchString(head)) {
			return head, query
		}
	}
	// No such parameters: what follows the last "@" is the address.
	at := strings.LastIndexByte(rest, '@') + 1
	last, query, _ := strings.Cut(rest[at:], "?")
	return rest[:at] + last, query
}

// bare is an address without a user.
var bare = regexp.MustCompile(`^[\w.,:\-]*?(?::\d+)?(?:/[\w.%-]*)?$`)

// parameters reports whether a text is name=value&name=value, the first of a
// name that is known.
func parameters(query string) bool {
	for i, pair := range strings.Split(query, "&") {
		key, _, ok := strings.Cut(pair, "=")
		if !ok && pair != "" || strings.Trim(strings.ToLower(key), "abcdefghijklmnopqrstuvwxyz0123456789_.-[]") != "" {
			return false
		}
		if key, _, _ = strings.Cut(strings.ToLower(key), "["); i == 0 && !libpq[key] && !number[key] && !others[key] {
			return false
		}
	}
	return true
}

// others are parameters of other drivers and frameworks.
var others = words(`user username password dbname database port host hostaddr schema currentschema applicationname ssl ssl_require ssl-mode ssl_mode
 sslaccept usessl tls socket unix_socket charset collation encoding pool pool_size pool_timeout max_overflow connection_limit pgbouncer prepared_statements
 preparethreshold socket_timeout timeout reconnect parsetime loc servertimezone characterencoding useunicode allowpublickeyretrieval allowmultiqueries
 conn_max_age atomic_requests statement_cache_size prepared_statement_cache_size async_fallback serverversion driver retries variables`)

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

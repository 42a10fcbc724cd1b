package main

import (
	"net"
	"strings"
)

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

// fromDSN reads user:password@tcp(host:port)/name?parameters, of which all but the
// slash may be missing.
//
// Source: https://github.com/go-sql-driver/mysql#dsn-data-source-name
func (a *address) fromDSN(text string) error {
	at := strings.LastIndexByte(text, '@')
	user, password, _ := strings.Cut(text[:max(at, 0)], ":")
	secrets.add(password)
	a.user, a.password = user, password
	network, rest, ok := strings.Cut(text[at+1:], "/")
	host := ""
	if before, after, open := strings.Cut(text[at+1:], "("); open { // a socket's path has slashes
		network = before
		host, rest, ok = strings.Cut(after, ")/")
	}
	if !ok {
		return badAddress("it is neither a URL nor user:password@tcp(host:port)/name")
	}
	switch network {
	case "tcp", "":
		var err error
		if host == "" {
			a.host = "127.0.0.1"
		} else if a.host, a.port, err = net.SplitHostPort(host); err != nil {
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

package sqlstate

import (
	"slices"
	"strings"
)

// ReadOnly reports whether the server takes no writes: it was a writer and was
// demoted, or it is a replica. Another connection may reach the writer.
//
// Source: https://www.postgresql.org/docs/current/errcodes-appendix.html (25006),
// https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html
// (1290, 1792, 1836).
func ReadOnly(err error) bool {
	return Of(err) == "25006" || slices.Contains([]int{1290, 1792, 1836}, Number(err))
}

// Unavailable reports whether the server cannot be used for the moment: it is
// starting or stopping, takes no connections, lost one, or takes no writes.
func Unavailable(err error) bool {
	state := Of(err)
	return ReadOnly(err) || strings.HasPrefix(state, "08") || slices.Contains([]string{"57P01", "57P02", "57P03", "53300"}, state) ||
		slices.Contains([]int{1040, 1053, 1152, 1158, 1159, 1160, 1161, 1203}, Number(err))
}

// Prepared reports whether a prepared statement was not there, or was another's:
// a connection pooler gave the connection a server session of somebody else.
//
// Source: https://www.pgbouncer.org/faq.html (how to use prepared statements with
// transaction pooling).
func Prepared(err error) bool {
	switch Of(err) {
	case "26000", "42P05":
		return true
	case "08P01":
		return strings.Contains(err.Error(), "prepared statement")
	}
	return false
}

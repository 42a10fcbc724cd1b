package pglease

import (
	"strconv"
	"time"
)

// Limits are settings, by name, for the connections on which a leader works.
// With them the server ends a statement, and rolls its transaction back, about
// two seconds after the client was killed, and about a lease after its host
// vanished. Without them it goes on to the statement's end, and [Raise] of the
// next leader waits for it or has to be allowed to end it.
//
// Send them as parameters when connecting, or with SET. They need PostgreSQL 14
// or newer, on Linux, macOS or a BSD, and the database's own endpoint: poolers
// refuse or drop them.
//
// Source: https://www.postgresql.org/docs/current/runtime-config-connection.html,
// docs/migrate.md 0.
func Limits(lease time.Duration) map[string]string {
	sec := int(lease/time.Second) + 1
	return map[string]string{
		// A probe after half a lease, and three that get no answer.
		"tcp_keepalives_idle":     strconv.Itoa((sec + 1) / 2),
		"tcp_keepalives_interval": strconv.Itoa((sec + 3) / 4),
		"tcp_keepalives_count":    "3",
		// Where data is on its way, there are no probes.
		"tcp_user_timeout": strconv.FormatInt(lease.Milliseconds()+1000, 10),
		// A busy server process does not look at its connection by itself.
		"client_connection_check_interval": "2000",
	}
}

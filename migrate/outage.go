package migrate

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/internal/sqlconn"
)

// outageError is work that ended because the database was away.
type outageError struct{ err error }

func (e *outageError) Error() string { return "outage, not counted as a failure: " + e.err.Error() }
func (e *outageError) Unwrap() error { return e.err }

// isOutage is the default of [RunOptions.Outage].
func isOutage(err error) bool {
	if exit, ok := errors.AsType[*ExitError](err); ok {
		// What a tool says last decides: earlier lines may be of a retry.
		return slices.ContainsFunc(exit.Lines, saysOutage)
	}
	return errors.Is(err, errProbeTimeout) || sqlconn.Away(err)
}

// awayTexts are how clients of databases say that they could not reach one, or
// lost it, or met one that does not serve: libpq, MySQL's client library, JDBC
// drivers, pgx and go-sql-driver, Node's and Ruby's. They are compared in lower
// case.
//
// Source: https://www.postgresql.org/docs/current/errcodes-appendix.html,
// https://dev.mysql.com/doc/mysql-errors/8.0/en/client-error-reference.html,
// https://man7.org/linux/man-pages/man3/strerror.3.html
var awayTexts = regexp.MustCompile(strings.Join([]string{
	`connection refused`, `econnrefused`, `connection reset by peer`, `econnreset`, `connection timed out`, `etimedout`, `broken pipe`,
	`no route to host`, `network is unreachable`, `could not translate host name`, `could not connect to (?:the )?(?:server|database)`,
	`getaddrinfo (?:enotfound|eai_again)`, `temporary failure in name resolution`,
	`server closed the connection unexpectedly`, `terminating connection due to administrator command`, `connection to server .* (?:failed|was lost)`,
	`the database system is (?:starting up|shutting down|in recovery mode|not yet accepting connections)`,
	`too many clients already`, `remaining connection slots are reserved`, `too many connections`,
	`cannot execute [a-z ]+ in a read-only transaction`, `running with the --(?:super-)?read-only option`,
	`can't connect to (?:local )?(?:mysql|mariadb|server)`, `lost connection to (?:mysql|server)`, `(?:mysql|server) has gone away`,
	`server shutdown in progress`, `communications link failure`, `sqlstate[^0-9a-z]{0,3}(?:08[0-9]{3}|57p0[123]|53300|25006)`,
}, "|"))

// saysOutage reports whether a line of a program is about a database that was
// away.
func saysOutage(line string) bool { return awayTexts.MatchString(strings.ToLower(line)) }

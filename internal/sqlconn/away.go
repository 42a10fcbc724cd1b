package sqlconn

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/stackrescue/stackrescue/internal/sqlstate"
)

// Away reports whether an error means that the database, or the way to it, was
// away: the connection could not be made or broke, or the server starts, stops,
// takes no connections or no writes. The end of a context is not one.
func Away(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	// What pgx says of a connection that it has closed: nothing was sent.
	if safe, ok := errors.AsType[interface {
		error
		SafeToRetry() bool
	}](err); ok && safe.SafeToRetry() {
		return true
	}
	// go-sql-driver's ErrInvalidConn has no type of its own.
	if strings.Contains(err.Error(), "invalid connection") {
		return true
	}
	for _, is := range []error{driver.ErrBadConn, sql.ErrConnDone, io.ErrUnexpectedEOF, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, is) {
			return true
		}
	}
	return sqlstate.Unavailable(err)
}

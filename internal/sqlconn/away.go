package sqlconn

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/stackrescue/stackrescue/internal/sqlstate"
)

// Away reports whether an error means that the database, or the way to it, was
// away: the connection could not be made or broke, or the server starts, stops,
// takes no connections or no writes. The end of a context is not one.
func Away(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	for _, is := range []error{driver.ErrBadConn, io.ErrUnexpectedEOF, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, is) {
			return true
		}
	}
	return sqlstate.Unavailable(err)
}

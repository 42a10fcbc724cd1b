package sqlconn_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sqlconn"
)

// state is an error with PostgreSQL's class, as its drivers have.
type state string

func (s state) Error() string    { return "ERROR (SQLSTATE " + string(s) + ")" }
func (s state) SQLState() string { return string(s) }

func TestAway(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		driver.ErrBadConn, sql.ErrConnDone, io.ErrUnexpectedEOF, syscall.ECONNREFUSED, state("57P01"), state("57P03"), state("08006"), state("53300"), state("25006"),
		errors.New("Error 1040 (08004): Too many connections"), errors.New("Error 1290 (HY000): The MariaDB server is running with the --read-only option"), errors.New("invalid connection"),
	} {
		require.True(t, sqlconn.Away(fmt.Errorf("step: %w", err)), err)
	}
	for _, err := range []error{nil, context.Canceled, context.DeadlineExceeded, io.EOF, sql.ErrNoRows, state("42P07"), state("40001"), errors.New("Error 1050 (42S01): Table exists")} {
		require.False(t, sqlconn.Away(err), err)
	}
}

// Package sqlstate tells errors of database servers apart without importing
// their drivers.
package sqlstate

import (
	"errors"
	"regexp"
	"strconv"
)

// Of is the five characters by which PostgreSQL classifies an error, or "" for
// other errors. Its drivers tell them by a method.
//
// Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
func Of(err error) string {
	state, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err)
	if !ok {
		return ""
	}
	return state.SQLState()
}

var mysqlNumber = regexp.MustCompile(`\bError (\d{4})\b`)

// Number is MySQL's number of an error, or 0 for other errors. Its driver,
// github.com/go-sql-driver/mysql, tells it in the text.
//
// Source: https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html
func Number(err error) int {
	if err == nil {
		return 0
	}
	m := mysqlNumber.FindStringSubmatch(err.Error())
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1]) // four digits
	return n
}

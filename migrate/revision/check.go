package revision

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Check is a query that proves something about the schema: it must give one row
// of one column that reads Want. Booleans read "true" and "false", NULL reads
// "NULL", times read as RFC 3339.
type Check struct {
	Query string `json:"query"`
	Want  string `json:"want"`
	// Got is what the query gave, or why it gave nothing, and OK whether that is
	// Want. They are set in results.
	Got string `json:"got"`
	OK  bool   `json:"ok"`
}

// prove makes the checks in a transaction that reads only, and tells whether
// all hold. An error is one of the connection; a query that fails is a check
// that does not hold, and so are those after it.
func prove(ctx context.Context, db *sql.DB, checks []Check) ([]Check, bool, error) {
	if len(checks) == 0 {
		return nil, false, nil
	}
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, false, fmt.Errorf("check: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	all := true
	var out []Check
	for _, c := range checks {
		got, err := single(ctx, tx, c.Query)
		if ctx.Err() != nil {
			return out, false, fmt.Errorf("check: %w", context.Cause(ctx))
		}
		x := Check{Query: c.Query, Want: c.Want, Got: got, OK: err == nil && got == c.Want}
		if err != nil {
			x.Got = err.Error()
		}
		all = all && x.OK
		out = append(out, x)
	}
	return out, all, nil
}

// single is the one value of a query, as text.
func single(ctx context.Context, q querier, query string) (string, error) {
	rows, err := q.QueryContext(ctx, query)
	if err != nil {
		return "", err
	}
	defer func() { _ = rows.Close() }()
	names, err := rows.Columns()
	if err != nil {
		return "", err
	}
	if len(names) != 1 {
		return "", fmt.Errorf("%d columns, not one", len(names))
	}
	var values []any
	for rows.Next() {
		var v any
		if err := rows.Scan(&v); err != nil {
			return "", err
		}
		if values = append(values, v); len(values) > 1 {
			return "", fmt.Errorf("more than one row")
		}
	}
	if err := rows.Err(); err != nil {
		return "", err
	}
	if len(values) == 0 {
		return "", fmt.Errorf("no row")
	}
	switch v := values[0].(type) {
	case nil:
		return "NULL", nil
	case []byte:
		return string(v), nil
	case time.Time:
		return v.Format(time.RFC3339Nano), nil
	default:
		return fmt.Sprint(v), nil
	}
}

// digest is of the checks and what they gave, for the record.
func digest(checked []Check) string {
	if len(checked) == 0 {
		return ""
	}
	var b strings.Builder
	for _, c := range checked {
		fmt.Fprintf(&b, "%q %q %q %t\n", c.Query, c.Want, c.Got, c.OK)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:])
}

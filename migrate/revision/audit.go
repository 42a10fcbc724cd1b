package revision

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// auditTable is where stamps are recorded, in the schema of the table that was
// stamped.
const auditTable = "stackrescue_stamp"

// audit makes the table if it is not there. MySQL ends a transaction for it, so
// it is made before one. Only the holder of the lock comes here, so that two do
// not make it at once.
func (s server) audit(ctx context.Context, q querier, schema string) error {
	// IF NOT EXISTS asks for the right to create even where it does exist.
	there, err := s.listTables(ctx, q, []string{auditTable})
	if err != nil || there[place{schema, auditTable}] != nil {
		return err
	}
	id, at := `bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY`, `timestamptz NOT NULL DEFAULT now()`
	if s.engine == mySQL {
		id, at = `bigint AUTO_INCREMENT PRIMARY KEY`, `timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP`
	}
	_, err = q.ExecContext(ctx, fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %s (
  id %s, stamped_at %s,
  tool varchar(40) NOT NULL, stamped varchar(255) NOT NULL,
  version_before text NOT NULL, version_after text NOT NULL, statements text NOT NULL,
  who varchar(255) NOT NULL, reason text NOT NULL, task varchar(255) NOT NULL, fence bigint NOT NULL,
  checks text NOT NULL, checks_sha256 varchar(64) NOT NULL)`, s.engine.quote(schema, auditTable), id, at))
	if err != nil {
		return fmt.Errorf("make table %s: %w", auditTable, err)
	}
	return nil
}

// record writes down what is stamped, in the transaction that does it.
func (s server) record(ctx context.Context, q querier, schema string, o StampOptions, out *Stamped) error {
	checks, err := json.Marshal(out.Checks)
	if err != nil {
		return err
	}
	statements, err := json.Marshal(out.Statements)
	if err != nil {
		return err
	}
	args := []any{
		out.Tool, out.Table, out.From, out.To, string(statements), o.Who, o.Reason, o.Task, int64(out.Fence), string(checks), digest(out.Checks),
	}
	query := s.engine.bind(fmt.Sprintf(`INSERT INTO %s
 (tool, stamped, version_before, version_after, statements, who, reason, task, fence, checks, checks_sha256)
 VALUES (?%s)`, s.engine.quote(schema, auditTable), strings.Repeat(", ?", len(args)-1)))
	if _, err := q.ExecContext(ctx, query, args...); err != nil {
		return fmt.Errorf("record the stamp: %w", err)
	}
	return nil
}

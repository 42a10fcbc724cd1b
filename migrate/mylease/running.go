package mylease

import (
	"context"
	"database/sql"
	"regexp"
	"slices"
	"strings"
	"time"
)

// client is who a connection belongs to.
type client struct{ user, address string }

// running is a statement that may change the database.
type running struct {
	id   int
	from client
	text string
	// seconds is for how long it has run, by the server's clock.
	seconds float64
}

// longestText is how much of a statement is looked at.
const longestText = 4000

// list reads the statements that run in the selected database and that may change
// it, in the order of their connections.
//
// Source: https://dev.mysql.com/doc/refman/8.0/en/information-schema-processlist-table.html
func (t *takeover) list(ctx context.Context) ([]running, error) {
	rows, err := t.db.QueryContext(ctx, `SELECT id, user, host, time, left(info, ?) FROM information_schema.processlist
WHERE id <> connection_id() AND db = database() AND command <> 'Sleep' AND info IS NOT NULL AND user <> 'system user' ORDER BY id`, longestText)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []running
	for rows.Next() {
		var r running
		var host string
		var seconds sql.NullFloat64
		if err := rows.Scan(&r.id, &r.from.user, &host, &seconds, &r.text); err != nil {
			return nil, err
		}
		if own(r.text) || reads(r.text) {
			continue
		}
		r.from.address, r.seconds = address(host), seconds.Float64
		out = append(out, r)
	}
	return out, rows.Err()
}

// remaining are those of before that still run: the same text on the same
// connection, for at least as long as it has been looked for.
func remaining(before, now []running, elapsed time.Duration) []running {
	var out []running
	for _, r := range now {
		was := slices.ContainsFunc(before, func(b running) bool { return b.id == r.id && b.text == r.text })
		if was && r.seconds > elapsed.Seconds()-1 { // the server counts in whole seconds
			out = append(out, r)
		}
	}
	return out
}

func ids(list []running) (out []int) {
	for _, r := range list {
		out = append(out, r.id)
	}
	return out
}

// endable reports whether a statement is, beyond doubt, of the leader that came
// from the address before: see [RaiseOptions.Terminate].
func (r running) endable(self client, before string) bool {
	return r.from.user == self.user && before != "" && r.from.address == before &&
		(self.address != before || schema.MatchString(uncommented(r.text)))
}

var (
	comment = regexp.MustCompile(`^(?:\s+|\(|/\*[^!](?s:.*?)\*/|/\*\*/|#[^\n]*(?:\n|$)|--[ \t][^\n]*(?:\n|$))`)
	read    = regexp.MustCompile(`(?i)^(?:select|show|describe|desc|explain|use|help|kill|do|values|table|checksum)\b`)
	with    = regexp.MustCompile(`(?i)^with\b`)
	write   = regexp.MustCompile(`(?i)\b(?:insert|update|delete|replace)\b`)
	schema  = regexp.MustCompile(`(?i)^(?:alter|create|drop|rename|truncate|optimize|repair|analyze)\b`)
	ours    = regexp.MustCompile(`(?i)^(?:insert into|insert ignore into|update)\s+stackrescue_(?:lease|fence)\b`)
)

// uncommented is a statement without what comes before its first word.
func uncommented(text string) string {
	for {
		n := len(comment.FindString(text))
		if n == 0 {
			return text
		}
		text = text[n:]
	}
}

// reads reports whether a statement changes nothing. A long one may go on with
// something else than what is seen of it.
func reads(text string) bool {
	text = uncommented(text)
	return read.MatchString(text) || with.MatchString(text) && !write.MatchString(text) && len(text) < longestText/2
}

// own reports whether a statement is one of this package.
func own(text string) bool { return ours.MatchString(uncommented(text)) }

// address is a client's host without the port.
func address(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		return host[:i]
	}
	return host
}

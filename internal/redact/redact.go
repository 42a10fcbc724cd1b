// Package redact takes secrets out of texts that leave an account: log lines,
// reasons, errors.
package redact

import "regexp"

// shapes are what must not leave the account with a log line or a reason: keys,
// tokens, passwords in URLs and assignments, signed query strings. Each keeps
// the groups of its pattern around what it takes out.
var shapes = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`), "[redacted]"},
	{regexp.MustCompile(`(?i)(X-Amz-(?:Signature|Security-Token|Credential)=)[^&\s"']+`), "${1}[redacted]"},
	{regexp.MustCompile(`(?i)((?:password|passwd|pwd|secret|token|api[_-]?key|authorization)["']?\s*(?:=|:[\s"'])\s*["']?)(?:bearer\s+|basic\s+)?[^\s"',;&]+`), "${1}[redacted]"},
	{regexp.MustCompile(`(://[^:/\s]+:)[^@/\s]+(@)`), "${1}[redacted]${2}"},
}

// Text returns s without the secrets that can be recognised by their shape.
func Text(s string) string {
	for _, shape := range shapes {
		s = shape.pattern.ReplaceAllString(s, shape.with)
	}
	return s
}

package rescue

import "regexp"

// secretTexts are what must not leave the account with a log line or a reason:
// keys, tokens, passwords in URLs and assignments, signed query strings.
var secretTexts = []*regexp.Regexp{
	regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`),
	regexp.MustCompile(`(?i)(X-Amz-(?:Signature|Security-Token|Credential)=)[^&\s"']+`),
	regexp.MustCompile(`(?i)((?:password|passwd|pwd|secret|token|api[_-]?key|authorization)["']?\s*(?:=|:[\s"'])\s*["']?)(?:bearer\s+|basic\s+)?[^\s"',;&]+`),
	regexp.MustCompile(`(://[^:/\s]+:)[^@/\s]+(@)`),
}

// redact takes secrets out of a text, as far as they can be told by their
// shape.
func redact(s string) string {
	s = secretTexts[0].ReplaceAllString(s, "[redacted]")
	s = secretTexts[1].ReplaceAllString(s, "${1}[redacted]")
	s = secretTexts[2].ReplaceAllString(s, "${1}[redacted]")
	return secretTexts[3].ReplaceAllString(s, "${1}[redacted]${2}")
}

package redact

import (
	"regexp"
	"strings"
)

// keep are references, identities and public material that contain words or
// characters that an assignment would be seen in.
var keep = []shape{
	{gate: []string{"arn:aws"}, pattern: regexp.MustCompile(`arn:aws[\w-]*:[a-z0-9-]+:[^\s"'` + "`" + `<>,;)\]}\\]*`)},
	{gate: []string{"{{resolve:"}, pattern: regexp.MustCompile(`\{\{resolve:[^{}\n]*\}\}`)},
	{gate: []string{"-----BEGIN "}, pattern: regexp.MustCompile(`-----BEGIN (?:[A-Z0-9 ]+ )?(?:CERTIFICATE|PUBLIC KEY|CERTIFICATE REQUEST|X509 CRL)-----[^-]*-----END [A-Z0-9 ]+-----`)},
	{gate: []string{"ssh-"}, pattern: regexp.MustCompile(`ssh-(?:ed25519|rsa|dss) AAAA[A-Za-z0-9+/=]+`)},
	{gate: []string{"sha256-", "sha384-", "sha512-"}, pattern: regexp.MustCompile(`sha(?:256|384|512)-[A-Za-z0-9+/=]+`)},
	{gate: []string{"h1:"}, pattern: regexp.MustCompile(`h1:[A-Za-z0-9+/=]{44}`)},
	{gate: []string{"sha256:", "sha512:"}, pattern: regexp.MustCompile(`sha(?:256|512):[0-9a-f]{32,128}`)},
}

// reference recognises values that name a secret, or say that there is none.
var reference = regexp.MustCompile(
	`^(?:arn:aws[\w-]*:[a-z0-9-]+:` +
		`|\{\{resolve:|\$\{[^}]*\}$|\$\([^)]*\)$|\$[A-Z_][A-Z0-9_]*$|%[A-Z_][A-Z0-9_]*%$|<%=|\{\{` +
		`|!(?:Ref|Sub|GetAtt|ImportValue|Join|Select|FindInMap|If)\b|Fn::` +
		`|(?:env|file|ssm|vault|secretsmanager|gcp-sm|awssm|op|keyring)://?` +
		`|(?:env|valueFrom|ref):[A-Za-z_][\w./-]*$` +
		`|projects/[^/\s]+/secrets/` +
		`|/(?:run|var|etc|mnt|opt|home|root|tmp|proc|usr)/[\w./-]+$` +
		`)`)

// path is a name in a store, such as /prod/db/password.
var path = regexp.MustCompile(`^/[\w.-]+(?:/[\w.-]+)+$`)

// masked recognises values that somebody has already taken out, or that are no
// value.
var masked = regexp.MustCompile(`(?i)^[\[<({"']*(?:\*+|x{4,}|•+|\.{3,}|-+|` +
	`redacted|filtered|masked|hidden|sensitive|removed|scrubbed|sensitive value|` +
	`null|nil|none|undefined|true|false|yes|no|on|off|empty|unset|required|missing|invalid|expired|unknown|not set|n/a` +
	`)[\])}>"']*$`)

// benign reports whether a value is none that must be hidden.
func benign(v string) bool {
	v = strings.TrimSpace(v)
	if v == "" || masked.MatchString(v) || reference.MatchString(v) || strings.HasPrefix(v, Marker) && len(strings.TrimSpace(v)) == len(Marker) {
		return true
	}
	if strings.IndexFunc(v, isWordRune) < 0 {
		return true // "Unexpected token: <"
	}
	if path.MatchString(v) && nameStrength(v[strings.LastIndexByte(v, '/')+1:]) == strong {
		return true
	}
	return named.MatchString(v)
}

// named are values that name an error or a status.
var named = regexp.MustCompile(`^(?:[A-Za-z]\w*(?:Exception|Error|Failure|Fault)\b|[A-Z]+(?:_[A-Z]+)*_(?:FAILED|COMPLETE|IN_PROGRESS|SKIPPED)\b)`)

// function words are of sentences, and not of passwords.
var functionWords = words("the is was are were be been has have had not no for of in on to with from by and or an a that this it its can cannot can't could couldn't does doesn't did didn't must should would will failed failure denied invalid expired error errors missing required unable exist exists found permission authentication supplied provided retrieve retrieving loaded loading resolved resolving used using unexpected already before after because when while until")

// prose reports whether the text after "name: " is a sentence.
func prose(v string) bool {
	fields := strings.Fields(v)
	if len(fields) < 2 {
		return false
	}
	if len(fields) > 24 {
		fields = fields[:24]
	}
	for _, f := range fields {
		if functionWords[strings.ToLower(strings.Trim(f, ".,;:!?()\"'"))] {
			return true
		}
	}
	return false
}

// tokenLike reports whether a value could be a token: the names that are weak
// are those of ordinary things too.
func tokenLike(v string) bool {
	if len(v) < 8 || strings.ContainsAny(v, " \t") {
		return false
	}
	if strings.HasPrefix(v, "base64:") {
		return true
	}
	var digits, uppers, lowers, others int
	for i := range len(v) {
		switch c := v[i]; {
		case digit(c):
			digits++
		case upper(c):
			uppers++
		case lower(c):
			lowers++
		default:
			others++
		}
	}
	switch {
	case strings.Contains(v, "://"):
		return false // a place of its own: see urls
	case digits == len(v):
		return false
	case strings.HasPrefix(v, "/") || strings.HasPrefix(v, "./"):
		return false
	case digits > 0 && uppers+lowers > 0:
		return others*4 <= len(v)*2 && !dotted(v)
	case uppers > 0 && lowers > 0 && len(v) >= 20:
		return others*4 <= len(v) && !dotted(v)
	}
	return len(v) >= 32 && others == 0
}

// dotted reports whether v is made of words, as names of files, hosts and
// classes are.
func dotted(v string) bool {
	if strings.Count(v, ".")+strings.Count(v, "/") < 1 || len(v) > 60 {
		return false
	}
	for part := range strings.FieldsFuncSeq(v, func(r rune) bool { return r == '.' || r == '/' }) {
		if len(part) > 20 {
			return false
		}
	}
	return true
}

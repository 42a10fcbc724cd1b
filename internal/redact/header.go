package redact

import "strings"

// header reports whether a name is that of a header whose value has parts of
// its own.
func header(name string) bool {
	switch name {
	case "authorization", "proxy-authorization", "x-forwarded-authorization", "x-amz-authorization", "http_authorization", "proxyauthorization",
		"cookie", "set-cookie", "cookies", "http_cookie", "set_cookie", "set-cookie2", "setcookie":
		return true
	}
	return false
}

// header hides the value of an Authorization or of a cookie.
func (t *scan) header(name string, p span) {
	if strings.Contains(name, "cookie") {
		t.cookies(p)
		return
	}
	s := t.s[p.from:p.to]
	scheme, rest, ok := strings.Cut(s, " ")
	switch lower := strings.ToLower(scheme); {
	case strings.HasPrefix(scheme, "AWS4-") || strings.HasPrefix(scheme, "AWS "):
		t.signed(p) // its Signature is an assignment
	case ok && len(scheme) < 20 && letters(scheme):
		at := p.from + len(scheme) + 1
		token := strings.TrimLeft(rest, " ")
		at += len(rest) - len(token)
		if lower != "digest" && lower != "hawk" && lower != "oauth" {
			if i := strings.IndexAny(token, " \t,\"'"); i > 0 && !strings.Contains(token[:i], "=") {
				if prose(s) {
					return
				}
				token = token[:i]
			}
		}
		if !benign(token) && !(prose(s) && !odd(token)) {
			t.hide(at, at+len(token))
		}
	case letters(s) && len(s) < 16:
		// a word: a log says how it went
	default:
		if i := strings.IndexAny(s, " \t,\"'"); i > 0 {
			s = s[:i]
		}
		t.hide(p.from, p.from+len(s))
	}
}

// signed hides the key and the signature of a request that is signed with
// Signature Version 4, and leaves what is signed.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
func (t *scan) signed(p span) {
	for _, name := range []string{"Credential=", "Signature="} {
		i := strings.Index(t.s[p.from:p.to], name)
		if i < 0 {
			continue
		}
		at := p.from + i + len(name)
		v := t.plain(at, func(c byte) bool { return strings.IndexByte(" ,\t\n\"'", c) >= 0 })
		if !benign(t.s[v.from:v.to]) {
			t.hide(v.from, v.to)
		}
	}
}

// cookies hides the value of each cookie; attributes stay.
// https://www.rfc-editor.org/rfc/rfc6265#section-4.1
func (t *scan) cookies(p span) {
	at := p.from
	for part := range strings.SplitSeq(t.s[p.from:p.to], ";") {
		name, v, ok := strings.Cut(part, "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "path", "domain", "expires", "max-age", "samesite", "httponly", "secure", "partitioned", "priority":
			ok = false
		}
		if end := strings.IndexAny(v, "\"'"); end > 0 {
			v = v[:end]
		}
		if ok && !benign(v) {
			from := at + len(name) + 1
			t.hide(from, from+len(v))
		}
		at += len(part) + 1
	}
}

func letters(s string) bool {
	for i := range len(s) {
		if !letter(s[i]) {
			return false
		}
	}
	return s != ""
}

package tree

import (
	"fmt"
	"strings"
)

// escape writes text as part of a scalar of that style. ok is false where the
// style cannot hold it.
func escape(text string, style Style) (out string, ok bool) {
	switch style {
	case Single:
		return strings.ReplaceAll(text, "'", "''"), printable(text)
	case Double, String:
		var b strings.Builder
		for _, r := range text {
			switch {
			case r == '"' || r == '\\':
				b.WriteByte('\\')
				b.WriteRune(r)
			case r < ' ' || r >= 0x7f && r <= 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r == 0xfffe || r == 0xffff:
				fmt.Fprintf(&b, `\u%04x`, r)
			case r > 0xffff && style == Double:
				fmt.Fprintf(&b, `\U%08x`, r)
			default:
				b.WriteRune(r)
			}
		}
		return b.String(), true
	}
	return text, printable(text)
}

// quote writes text as a whole scalar: single quotes in YAML where they can
// hold it, double quotes otherwise.
func quote(text string, json bool) string {
	if !json {
		if s, ok := escape(text, Single); ok {
			return "'" + s + "'"
		}
	}
	style := Double
	if json {
		style = String
	}
	s, _ := escape(text, style)
	return `"` + s + `"`
}

// printable reports whether text can stand in YAML without an escape, on one
// line.
func printable(text string) bool {
	for _, r := range text {
		if r < ' ' || r >= 0x7f && r <= 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r >= 0xfffe {
			return false
		}
	}
	return true
}

// plainText reports whether text can stand in the middle of a plain scalar in
// any context: no blank, no indicator that could end it.
func plainText(text string, inFlow bool) bool {
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("_./:@+=~%-", c) >= 0:
		case !inFlow && strings.IndexByte("${}", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// plainValue reports whether value, whose characters are in order, is read as
// a string when it stands as a plain scalar without a tag.
func plainValue(value string) bool {
	if value == "" || strings.HasSuffix(value, ":") || strings.HasPrefix(value, "---") || strings.HasPrefix(value, "...") {
		return false
	}
	c := value[0]
	first := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_./$", c) >= 0
	return first && !typed(value)
}

// typed reports whether a YAML 1.1 or 1.2 reader takes a plain scalar for
// something other than a string: a boolean, null, number (octal, hexadecimal,
// binary, exponents, base 60), date, merge or value key.
// https://yaml.org/type/ has the 1.1 types.
func typed(v string) bool {
	switch strings.ToLower(v) {
	case "", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", "<<", "=",
		".inf", "+.inf", "-.inf", ".nan":
		return true
	}
	if c := v[0]; c != '+' && c != '-' && c != '.' && (c < '0' || c > '9') {
		return false
	}
	digits, other := 0, 0
	for i := range len(v) {
		switch c := v[i]; {
		case c >= '0' && c <= '9':
			digits++
		case strings.IndexByte("+-_.,:", c) >= 0:
		case (c == 'e' || c == 'E') && i > 0 && i+1 < len(v):
		default:
			other++
		}
	}
	if digits > 0 && other == 0 {
		return true
	}
	if len(v) > 2 && v[0] == '0' && strings.IndexByte("xXoObB", v[1]) >= 0 {
		return strings.Trim(v[2:], "0123456789abcdefABCDEF_") == ""
	}
	// 2001-12-14t21:59:43.10-05:00
	return len(v) >= 8 && strings.Trim(v[:4], "0123456789") == "" && v[4] == '-' &&
		strings.Trim(v, "0123456789-:+. tTzZ") == ""
}

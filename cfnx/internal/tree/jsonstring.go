package tree

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonString decodes a JSON string.
func (d *Doc) jsonString(s *source, i int) bool {
	for i++; i < len(d.Text); {
		c := d.Text[i]
		if c == '"' {
			s.close(i)
			return true
		}
		if c != '\\' {
			s.add(i, c)
			i++
			continue
		}
		if i+1 >= len(d.Text) {
			return false
		}
		const names, means = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
		if d.Text[i+1] == 'u' {
			r, w := d.jsonRune(i)
			s.rune(i, r)
			i += w
			continue
		}
		for k := range len(names) {
			if names[k] == d.Text[i+1] {
				s.add(i, means[k])
			}
		}
		i += 2
	}
	return false
}

// jsonRune decodes \uXXXX, or a surrogate pair of them, at i.
func (d *Doc) jsonRune(i int) (r rune, width int) {
	hex := func(i int) rune {
		if i+6 > len(d.Text) || d.Text[i] != '\\' || d.Text[i+1] != 'u' {
			return utf8.RuneError
		}
		v, err := strconv.ParseUint(string(d.Text[i+2:i+6]), 16, 16)
		if err != nil {
			return utf8.RuneError
		}
		return rune(v)
	}
	r = hex(i)
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if pair := utf16.DecodeRune(r, hex(i+6)); pair != utf8.RuneError {
		return pair, 12
	}
	return utf8.RuneError, 6
}

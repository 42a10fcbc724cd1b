package tree

import (
	"bytes"
	"strconv"
)

// escape decodes the YAML escape at i and returns its width, 0 if it is none.
func (d *Doc) escape(s *source, i int) int {
	if i+1 >= len(d.Text) {
		return 0
	}
	const plain = "0abtnvfre \"/\\N_LP\t"
	const means = "\x00\a\b\t\n\v\f\r\x1b \"/\\"
	c := d.Text[i+1]
	digits := 0
	switch c {
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	case 'N':
		s.rune(i, '\u0085')
		return 2
	case '_':
		s.rune(i, '\u00a0')
		return 2
	case 'L':
		s.rune(i, '\u2028')
		return 2
	case 'P':
		s.rune(i, '\u2029')
		return 2
	case '\t':
		s.add(i, '\t')
		return 2
	default:
		if w := breakAt(d.Text, i+1); w > 0 {
			// An escaped line break is nothing, with the indentation after
			// it; empty lines after it are a break each.
			end, breaks := d.fold(i + 1)
			s.add(i, bytes.Repeat([]byte{'\n'}, breaks-1)...)
			return end - i
		}
		for k := range len(means) {
			if plain[k] == c {
				s.add(i, means[k])
				return 2
			}
		}
		return 0
	}
	if i+2+digits > len(d.Text) {
		return 0
	}
	r, err := strconv.ParseUint(string(d.Text[i+2:i+2+digits]), 16, 32)
	if err != nil {
		return 0
	}
	s.rune(i, rune(r))
	return 2 + digits
}

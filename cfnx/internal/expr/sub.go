package expr

import "strings"

// NextInSub returns the bytes of the next ${…} or {{resolve:…}}, whose name may
// hold variables, at or behind byte at; end is 0 where there is none.
func NextInSub(text string, at int) (start, end int) {
	for ; at < len(text); at++ {
		switch {
		case strings.HasPrefix(text[at:], "${"):
			if j := strings.IndexByte(text[at:], '}'); j >= 0 {
				return at, at + j + 1
			}
			return 0, 0
		case strings.HasPrefix(text[at:], "{{resolve:"):
			for i := at; i < len(text); i++ {
				if strings.HasPrefix(text[i:], "${") {
					if j := strings.IndexByte(text[i:], '}'); j >= 0 {
						i += j
					}
				} else if strings.HasPrefix(text[i:], "}}") {
					return at, i + 2
				}
			}
			return 0, 0
		}
	}
	return 0, 0
}

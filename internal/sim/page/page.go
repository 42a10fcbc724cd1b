// Package page cuts the answers of list operations into pages.
package page

import (
	"encoding/base64"
	"strconv"
	"strings"
)

const mark = "page:"

// Of returns the page of items that token names, at most size long, and the
// token of the page after it, nil on the last. ok is false when token is not
// one that Of made, or size is less than 1.
func Of[T any](items []T, token *string, size int) (part []T, next *string, ok bool) {
	if size < 1 {
		return nil, nil, false
	}
	from := 0
	if token != nil && *token != "" {
		b, err := base64.RawURLEncoding.DecodeString(*token)
		s, found := strings.CutPrefix(string(b), mark)
		n, numErr := strconv.Atoi(s)
		if err != nil || !found || numErr != nil || n < 0 {
			return nil, nil, false
		}
		from = min(n, len(items))
	}
	to := min(from+size, len(items))
	if to < len(items) {
		t := base64.RawURLEncoding.EncodeToString([]byte(mark + strconv.Itoa(to)))
		next = &t
	}
	return items[from:to:to], next, true
}

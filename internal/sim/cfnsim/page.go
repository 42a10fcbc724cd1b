package cfnsim

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// cut is one page of a list and the token of the next. Tokens are opaque to
// callers.
func cut[T any](all []T, token *string, size int) (page []T, next *string, err error) {
	from := 0
	if token != nil {
		b, err := base64.RawURLEncoding.DecodeString(*token)
		n, ok := strings.CutPrefix(string(b), "at:")
		from, _ = strconv.Atoi(n)
		if err != nil || !ok || from < 0 || from > len(all) {
			return nil, nil, invalid("Invalid NextToken")
		}
	}
	to := min(from+max(size, 1), len(all))
	if to < len(all) {
		next = ptr(base64.RawURLEncoding.EncodeToString([]byte("at:" + strconv.Itoa(to))))
	}
	return all[from:to], next, nil
}

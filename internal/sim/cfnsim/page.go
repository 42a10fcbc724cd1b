package cfnsim

import "github.com/stackrescue/stackrescue/internal/sim/page"

// cut is one page of a list and the token of the next. Tokens are opaque to
// callers.
func cut[T any](all []T, token *string, size int) ([]T, *string, error) {
	part, next, ok := page.Of(all, token, max(size, 1))
	if !ok {
		return nil, nil, invalid("Invalid NextToken")
	}
	return part, next, nil
}

package tree

import (
	"errors"
	"fmt"
)

// What can be wrong with a template, or with an edit of it.
var (
	ErrSyntax   = errors.New("neither JSON nor YAML")
	ErrEncoding = errors.New("not UTF-8")
	ErrLimit    = errors.New("beyond a limit")
	ErrNoNode   = errors.New("no such value")
	ErrShared   = errors.New("shared by a YAML alias")
	ErrValue    = errors.New("not a value of JSON")
	ErrTwice    = errors.New("key given twice")
	ErrSplice   = errors.New("text that cannot be spliced")
	ErrProof    = errors.New("patched text is not the template with the edits")
)

// Error is what is wrong and where.
type Error struct {
	Offset int    // byte offset, -1 where unknown
	Line   int    // 1-based, 0 where unknown
	Column int    // 1-based, in characters, 0 where unknown
	Detail string // more about it, may be ""
	Err    error  // one of the Err variables
}

func (e *Error) Error() string {
	s := e.Err.Error()
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Line > 0 {
		return fmt.Sprintf("line %d: %s", e.Line, s)
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

package tree

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"
	"unicode/utf8"
)

// Limits bound what a template may cost.
type Limits struct {
	Bytes int // of the template
	Depth int // of nested collections
}

// Doc is a template that was read. Nothing of it is changed after that, so that
// callers of [Parse] share it: what is worked out later is worked out once, or
// the same each time.
type Doc struct {
	Text []byte // the template in UTF-8: what was given, unless Recoded
	JSON bool
	// Recoded says that the template came in another encoding ("UTF-16",
	// "Latin-1") and Text is a translation; such a template can be read but
	// not spliced. "" otherwise.
	Recoded string
	// Roots are the documents' top-level nodes: one for JSON.
	Roots []*Node

	targets []*Node // what aliases refer to, each once
	shared  []span  // their bytes, sorted and merged

	mu    sync.Mutex // guards the rest
	lines *lines
	marks []int // see Offset; made when first needed
}

var bom = []byte("\xef\xbb\xbf")

// Parse reads a template. JSON is what encoding/json accepts; everything else
// is read as YAML. The error is an *Error: ErrSyntax, ErrEncoding or ErrLimit.
// One template is read many times in a row, by each of the questions that are
// asked of it: the newest ones are kept, and what is returned for the same bytes
// may be the same Doc.
func Parse(template []byte, limits Limits) (*Doc, error) {
	if len(template) > limits.Bytes {
		return nil, &Error{Offset: -1, Err: ErrLimit, Detail: fmt.Sprintf("%d bytes, at most %d are read", len(template), limits.Bytes)}
	}
	if d := newest.get(template, limits.Depth); d != nil {
		return d, nil
	}
	d, err := read(bytes.Clone(template), limits)
	if err != nil {
		return d, err
	}
	newest.put(string(template), limits.Depth, d)
	return d, nil
}

// read reads a template, and keeps it without copying it, unless it had to be
// recoded.
func read(template []byte, limits Limits) (*Doc, error) {
	d := &Doc{}
	d.Text, d.Recoded = recode(template)
	body := bytes.TrimPrefix(d.Text, bom)
	skip := len(d.Text) - len(body)
	if !utf8.Valid(body) {
		return nil, &Error{Offset: -1, Err: ErrEncoding}
	}
	if t := bytes.TrimLeft(body, " \t\r\n"); len(t) > 0 && (t[0] == '{' || t[0] == '[') && json.Valid(body) {
		d.JSON = true
		return d, d.parseJSON(skip, limits.Depth)
	}
	d.lines = newLines(d.Text, skip)
	err := d.parseYAML(limits.Depth)
	d.shared = d.sharedSpans()
	return d, err
}

// Start returns the byte offset in Text at which the node begins: its tag or
// anchor where it has one.
func (d *Doc) Start(n *Node) int { return int(n.start) }

// Position returns the 1-based line and column (in characters) of a byte
// offset of Text. Asking in ascending order is cheap.
func (d *Doc) Position(offset int) (line, column int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lines == nil {
		skip := 0
		if bytes.HasPrefix(d.Text, bom) {
			skip = len(bom)
		}
		d.lines = newLines(d.Text, skip)
	}
	return d.lines.position(offset)
}

// errorAt places an error.
func (d *Doc) errorAt(offset int, err error, detail string) *Error {
	line, col := d.Position(offset)
	return &Error{Offset: offset, Line: line, Column: col, Err: err, Detail: detail}
}

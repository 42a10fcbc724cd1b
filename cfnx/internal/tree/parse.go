package tree

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Limits bound what a template may cost.
type Limits struct {
	Bytes int // of the template
	Depth int // of nested collections
}

// Doc is a template that was read.
type Doc struct {
	Text []byte // the template in UTF-8: what was given, unless Recoded
	JSON bool
	// Recoded says that the template came in another encoding ("UTF-16",
	// "Latin-1") and Text is a translation; such a template can be read but
	// not spliced. "" otherwise.
	Recoded string
	// Roots are the documents' top-level nodes: one for JSON.
	Roots []*Node

	lines   *lines
	targets []*Node // what aliases refer to, each once
	shared  []span  // their bytes, sorted and merged; made when first needed
	marks   []int   // see Offset; made when first needed
}

var bom = []byte("\xef\xbb\xbf")

// Parse reads a template. JSON is what encoding/json accepts; everything else
// is read as YAML. The error is an *Error: ErrSyntax, ErrEncoding or ErrLimit.
// The Doc keeps template without copying it, unless it had to be recoded.
func Parse(template []byte, limits Limits) (*Doc, error) {
	if len(template) > limits.Bytes {
		return nil, &Error{Offset: -1, Err: ErrLimit, Detail: fmt.Sprintf("%d bytes, at most %d are read", len(template), limits.Bytes)}
	}
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
	return d, d.parseYAML(limits.Depth)
}

// Start returns the byte offset in Text at which the node begins: its tag or
// anchor where it has one.
func (d *Doc) Start(n *Node) int { return int(n.start) }

// Position returns the 1-based line and column (in characters) of a byte
// offset of Text. Asking in ascending order is cheap.
func (d *Doc) Position(offset int) (line, column int) {
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

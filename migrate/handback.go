package migrate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// handbackMark is how every line of a handback begins.
const handbackMark = `{"handback":`

// handbackPart is how many bytes of a result go into one line: escaped, and
// with what is around them, they stay under 8 KiB. Log drivers split lines at
// 16 KiB, and Fargate's at the same.
//
// Source: defaultBufSize in
// https://github.com/moby/moby/blob/master/daemon/logger/copier.go,
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/firelens-concatanate-multiline.html
const handbackPart = 3900

// handback is one line. A result that fits into one is Value; a longer one is
// cut up, and Text is a part of its JSON.
type handback struct {
	// Format is 1.
	Format int    `json:"handback"`
	Kind   string `json:"kind"`
	// Sum is the checksum of the whole result's JSON, and distinguishes one result from
	// another.
	Sum string `json:"sum"`
	// Part is from 1 to Of.
	Part  int             `json:"part"`
	Of    int             `json:"of"`
	Value json.RawMessage `json:"value,omitempty"`
	Text  string          `json:"text,omitempty"`
}

// Handback prints v as JSON to w, the log of the task that this process runs
// in, so that whoever started the task finds it there with [ReadHandback].
// Large values go out in several lines, in one call of Write.
//
// The name of v's type, or of what it points to, goes with it. A log is read by
// many and kept for long: nothing secret may be in v.
func Handback(w io.Writer, v any) error {
	kind, err := kindOf(reflect.TypeOf(v))
	if err != nil {
		return err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("handback: %w", err)
	}
	b = bytes.ToValidUTF8(b, []byte("\uFFFD")) // a type's own MarshalJSON may have passed on anything
	parts := chunks(string(b), handbackPart)
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	for i, text := range parts {
		h := handback{Format: 1, Kind: kind, Sum: sum(b), Part: i + 1, Of: len(parts), Text: text}
		if len(parts) == 1 {
			h.Value, h.Text = b, ""
		}
		if err := enc.Encode(h); err != nil {
			return fmt.Errorf("handback: %w", err)
		}
	}
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("handback: %w", err)
	}
	return nil
}

// kindOf is what a value of a type is handed back as, such as "migrate.Result".
func kindOf(t reflect.Type) (string, error) {
	if t == nil {
		return "", errors.New("handback: nothing was given")
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Name() == "" {
		return "", fmt.Errorf("handback: type %s has no name", t)
	}
	return t.String(), nil
}

// sum is a checksum against lines that were lost, cut or mixed; it is no
// protection against people.
func sum(b []byte) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE(b)) }

// chunks cuts s into parts of at most n bytes, and no rune in two.
func chunks(s string, n int) []string {
	var out []string
	for len(s) > n {
		i := n
		for i > n-utf8.UTFMax && !utf8.RuneStart(s[i]) {
			i--
		}
		out, s = append(out, s[:i]), s[i:]
	}
	return append(out, s)
}

// ReadHandback finds the last result of the type among the lines of a log, in
// whatever order its parts are, with other lines around them. No result, one of
// another type alone, one that is not whole, or one that a newer version of
// this package has written is [ErrOutput].
func ReadHandback[T any](lines []string) (T, error) {
	var v T
	var b []byte
	kind, err := kindOf(reflect.TypeFor[T]())
	if err == nil {
		b, err = readHandback(lines, kind)
	}
	if err == nil {
		if jerr := json.Unmarshal(b, &v); jerr != nil {
			err = fmt.Errorf("%w: %w", ErrOutput, jerr)
		}
	}
	if err != nil {
		var none T
		return none, fmt.Errorf("handed-back %s: %w", kind, err)
	}
	return v, nil
}

// pieces is one result as far as its lines were seen.
type pieces struct {
	of    int
	parts map[int]string
}

func readHandback(lines []string, kind string) ([]byte, error) {
	results := map[string]*pieces{}
	kinds := map[string]bool{}
	last := ""
	for i := range lines {
		h, ok := parseHandback(lines[i:])
		switch {
		case !ok:
			continue
		case h.Format != 1:
			return nil, fmt.Errorf("%w: format %d, and this program reads 1: use the version of the image", ErrOutput, h.Format)
		case h.Kind != kind:
			kinds[h.Kind] = true
			continue
		case h.Part < 1 || h.Part > h.Of:
			return nil, fmt.Errorf("%w: part %d of %d", ErrOutput, h.Part, h.Of)
		}
		r := results[h.Sum]
		if r == nil {
			r = &pieces{of: h.Of, parts: map[int]string{}}
			results[h.Sum] = r
		}
		last = h.Sum
		if r.of != h.Of {
			return nil, fmt.Errorf("%w: parts of %d and of %d", ErrOutput, r.of, h.Of)
		}
		r.parts[h.Part] = h.Text + string(h.Value)
	}
	switch r := results[last]; {
	case r != nil:
		return r.whole(last)
	case len(kinds) > 0:
		return nil, fmt.Errorf("%w: only %s was handed back", ErrOutput, strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
	}
	return nil, fmt.Errorf("%w: none in %d lines of the log", ErrOutput, len(lines))
}

// parseHandback reads the line that comes first, and of the next ones what it
// takes to make it whole: an unfinished line before it may have made the log
// driver split it.
func parseHandback(lines []string) (handback, bool) {
	var h handback
	_, text, ok := strings.Cut(lines[0], handbackMark)
	if !ok {
		return h, false
	}
	text = handbackMark + text
	for i := 1; ; i++ {
		h = handback{}
		// What follows the object does not matter.
		err := json.NewDecoder(strings.NewReader(text)).Decode(&h)
		if !errors.Is(err, io.ErrUnexpectedEOF) || i == min(len(lines), 3) {
			return h, err == nil
		}
		text += lines[i]
	}
}

// whole puts the parts together.
func (r *pieces) whole(want string) ([]byte, error) {
	var b strings.Builder
	for i := 1; i <= r.of; i++ {
		text, ok := r.parts[i]
		if !ok {
			return nil, fmt.Errorf("%w: part %d of %d is missing: read the log again, it may be late", ErrOutput, i, r.of)
		}
		b.WriteString(text)
	}
	if got := sum([]byte(b.String())); got != want {
		return nil, fmt.Errorf("%w: its checksum is %s, not %s", ErrOutput, got, want)
	}
	return []byte(b.String()), nil
}

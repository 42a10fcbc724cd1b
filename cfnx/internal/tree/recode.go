package tree

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// recode returns the template in UTF-8 and the name of the encoding it was in
// where that was another one. Text that is no UTF-8 and has no UTF-16 mark is
// taken for Latin-1.
func recode(template []byte) (text []byte, from string) {
	switch {
	case bytes.HasPrefix(template, []byte{0xFF, 0xFE}):
		return fromUTF16(template[2:], binary.LittleEndian), "UTF-16"
	case bytes.HasPrefix(template, []byte{0xFE, 0xFF}):
		return fromUTF16(template[2:], binary.BigEndian), "UTF-16"
	case utf8.Valid(template):
		return template, ""
	}
	text = make([]byte, 0, len(template)+len(template)/8)
	for _, b := range template {
		text = utf8.AppendRune(text, rune(b))
	}
	return text, "Latin-1"
}

func fromUTF16(b []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	return []byte(string(utf16.Decode(units)))
}

// markEvery is the distance in bytes of the places in a recoded text whose
// place in the template is noted.
const markEvery = 1 << 10

// Offset returns the place in the template that was given for a byte offset of
// Text: the same, unless the template had to be recoded.
func (d *Doc) Offset(offset int) int {
	width := d.originalWidth()
	if width == nil {
		return offset
	}
	marks := d.originalMarks(width)
	// A mark is of the first character that begins at or behind its place.
	k := min(offset/markEvery, len(marks)-1)
	from := k * markEvery
	for from < len(d.Text) && !utf8.RuneStart(d.Text[from]) {
		from++
	}
	at := marks[k]
	if from > offset {
		return at
	}
	for _, r := range string(d.Text[min(from, len(d.Text)):offset]) {
		at += width(r)
	}
	return at
}

// originalMarks returns the places in the template of every markEvery bytes of Text.
func (d *Doc) originalMarks(width func(rune) int) []int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.marks != nil {
		return d.marks
	}
	at := 0
	if d.Recoded == "UTF-16" {
		at = 2
	}
	for i, r := range string(d.Text) {
		for len(d.marks)*markEvery <= i {
			d.marks = append(d.marks, at)
		}
		at += width(r)
	}
	d.marks = append(d.marks, at)
	return d.marks
}

// originalWidth returns how many bytes a character took before recoding, nil
// where nothing was recoded.
func (d *Doc) originalWidth() func(rune) int {
	switch d.Recoded {
	case "UTF-16":
		return func(r rune) int { return 2 * max(utf16.RuneLen(r), 1) }
	case "Latin-1":
		return func(rune) int { return 1 }
	}
	return nil
}

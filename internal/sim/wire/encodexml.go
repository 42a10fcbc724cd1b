package wire

import (
	"encoding/base64"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"
)

// An xmlStyle is how a protocol writes lists and times.
type xmlStyle struct {
	flat    bool // S3: lists without an element around the items
	seconds bool // times without milliseconds
}

// element appends an element that holds v; an absent value has none.
func (x xmlStyle) element(b []byte, name string, v reflect.Value) []byte {
	if !present(v) {
		return b
	}
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() == reflect.Slice && v.Type() != bytesType {
		return x.list(b, name, v)
	}
	b = append(append(append(b, '<'), name...), '>')
	b = x.content(b, v)
	return append(append(append(b, '<', '/'), name...), '>')
}

func (x xmlStyle) list(b []byte, name string, v reflect.Value) []byte {
	item := "member"
	if x.flat {
		if item = restWrapped[name]; item == "" {
			if other := restNames[name]; other != "" {
				name = other
			}
			for i := range v.Len() {
				b = x.element(b, name, v.Index(i))
			}
			return b
		}
	}
	b = append(append(append(b, '<'), name...), '>')
	for i := range v.Len() {
		e := v.Index(i)
		b = append(append(append(b, '<'), item...), '>')
		if e.Kind() != reflect.Pointer || !e.IsNil() {
			b = x.content(b, e)
		}
		b = append(append(append(b, '<', '/'), item...), '>')
	}
	return append(append(append(b, '<', '/'), name...), '>')
}

func (x xmlStyle) content(b []byte, v reflect.Value) []byte {
	switch v.Type() {
	case timeType:
		layout := "2006-01-02T15:04:05.000Z"
		if x.seconds {
			layout = "2006-01-02T15:04:05Z"
		}
		return v.Interface().(time.Time).UTC().AppendFormat(b, layout)
	case bytesType:
		return base64.StdEncoding.AppendEncode(b, v.Bytes())
	}
	switch v.Kind() {
	case reflect.Pointer:
		return x.content(b, v.Elem())
	case reflect.Struct:
		for _, m := range planOf(v.Type()) {
			b = x.element(b, m.name, v.Field(m.index))
		}
	case reflect.Interface:
		if value, m, ok := unionMember(v.Elem()); ok {
			b = x.element(b, m.name, value)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			b = append(b, "<entry><key>"...)
			b = append(escape(b, it.Key().String()), "</key>"...)
			b = append(x.element(b, "value", it.Value()), "</entry>"...)
		}
	case reflect.String:
		return escape(b, v.String())
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool())
	case reflect.Int32, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10)
	case reflect.Float32, reflect.Float64:
		return strconv.AppendFloat(b, v.Float(), 'f', -1, 64)
	}
	return b
}

// escape appends text as AWS does: quotes stay, and what XML cannot hold
// becomes the replacement character.
func escape(b []byte, s string) []byte {
	for i, r := range s {
		switch {
		case r == '&':
			b = append(b, "&amp;"...)
		case r == '<':
			b = append(b, "&lt;"...)
		case r == '>':
			b = append(b, "&gt;"...)
		case r == '\r': // a parser would make it a line feed
			b = append(b, "&#xD;"...)
		case r < ' ' && r != '\t' && r != '\n', r == 0xFFFE, r == 0xFFFF:
			b = utf8.AppendRune(b, utf8.RuneError)
		case r < utf8.RuneSelf:
			b = append(b, s[i])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}

// text appends an element that holds a string.
func text(b []byte, name, s string) []byte {
	b = append(append(append(b, '<'), name...), '>')
	b = escape(b, s)
	return append(append(append(b, '<', '/'), name...), '>')
}

package wire

import (
	"encoding/base64"
	"math"
	"reflect"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// appendJSON appends the JSON of a value of an SDK type.
func appendJSON(b []byte, v reflect.Value, capital bool) []byte {
	switch v.Type() {
	case timeType:
		// Seconds since the epoch, to the millisecond.
		ms := float64(v.Interface().(time.Time).UnixMilli())
		return strconv.AppendFloat(b, ms/1e3, 'f', -1, 64)
	case bytesType:
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, v.Bytes())
		return append(b, '"')
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return append(b, "null"...)
		}
		return appendJSON(b, v.Elem(), capital)
	case reflect.Interface:
		return appendInterface(b, v, capital)
	case reflect.Struct:
		b = append(b, '{')
		b = appendMembers(b, v, capital)
		return append(b, '}')
	case reflect.Slice:
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, v.Index(i), capital)
		}
		return append(b, ']')
	case reflect.Map:
		return appendMap(b, v, capital)
	case reflect.String:
		return appendString(b, v.String())
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool())
	case reflect.Int32, reflect.Int64, reflect.Int:
		return strconv.AppendInt(b, v.Int(), 10)
	case reflect.Float32, reflect.Float64:
		return appendFloat(b, v.Float())
	}
	return append(b, "null"...)
}

// appendMembers appends what v holds, without braces.
func appendMembers(b []byte, v reflect.Value, capital bool) []byte {
	first := true
	for _, m := range planOf(v.Type()) {
		f := v.Field(m.index)
		if !present(f) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, '"')
		if capital {
			b = append(b, m.name...)
		} else {
			b = append(b, m.lower...)
		}
		b = append(b, '"', ':')
		b = appendJSON(b, f, capital)
	}
	return b
}

func appendKey(b []byte, name string, capital bool) []byte {
	if !capital && name != "" {
		name = string(name[0]|0x20) + name[1:]
	}
	return append(appendString(b, name), ':')
}

func appendMap(b []byte, v reflect.Value, capital bool) []byte {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(x, y reflect.Value) int {
		if x.String() < y.String() {
			return -1
		}
		return 1
	})
	b = append(b, '{')
	for i, k := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, k.String()), ':')
		b = appendJSON(b, v.MapIndex(k), capital)
	}
	return append(b, '}')
}

func appendFloat(b []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(b, `"-Infinity"`...)
	}
	return strconv.AppendFloat(b, f, 'g', -1, 64)
}

const hexDigits = "0123456789abcdef"

func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(append(b, s[start:i]...), `\ufffd`...)
				start = i + n
			}
			i += n
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}

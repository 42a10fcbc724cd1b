package wire

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// A tree is what every request format is parsed into: map[string]any, []any,
// string, json.Number, bool or nil. One filler turns it into any SDK input.

// A filler fills SDK inputs. Text formats have only strings for scalars.
type filler struct {
	text bool
	flat bool // S3's XML: lists are repeated elements
}

func (f filler) fill(v reflect.Value, t any, path string) error {
	bad := func(want string) error { return fmt.Errorf("%s: expected %s", path, want) }
	if t == nil {
		return nil
	}
	switch v.Type() {
	case timeType:
		at, ok := f.time(t)
		if !ok {
			return bad("a timestamp")
		}
		v.Set(reflect.ValueOf(at))
		return nil
	case bytesType:
		s, ok := t.(string)
		b, err := base64.StdEncoding.DecodeString(s)
		if !ok || err != nil {
			return bad("base64")
		}
		v.SetBytes(b)
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		if err := f.fill(p.Elem(), t, path); err != nil {
			return err
		}
		v.Set(p)
		return nil
	case reflect.Struct:
		return f.structure(v, t, path)
	case reflect.Slice:
		l, ok := f.list(t)
		if !ok {
			return bad("a list")
		}
		v.Set(reflect.MakeSlice(v.Type(), len(l), len(l)))
		for i, x := range l {
			if err := f.fill(v.Index(i), x, path+"["+strconv.Itoa(i)+"]"); err != nil {
				return err
			}
		}
		return nil
	case reflect.Map:
		return f.mapping(v, t, path)
	case reflect.Interface:
		return f.interfaceValue(v, t, path)
	case reflect.String:
		s, ok := t.(string)
		if !ok {
			return bad("a string")
		}
		v.SetString(s)
		return nil
	case reflect.Bool:
		b, ok := t.(bool)
		if s, isText := t.(string); isText && f.text {
			ok = s == "true" || s == "false"
			b = s == "true"
		}
		if !ok {
			return bad("a boolean")
		}
		v.SetBool(b)
		return nil
	case reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(f.number(t), 10, v.Type().Bits())
		if err != nil {
			return bad("an integer")
		}
		v.SetInt(n)
		return nil
	case reflect.Float32, reflect.Float64:
		n, err := strconv.ParseFloat(f.number(t), v.Type().Bits())
		if err != nil {
			return bad("a number")
		}
		v.SetFloat(n)
		return nil
	}
	return bad("no value of type " + v.Type().String())
}

func (f filler) structure(v reflect.Value, t any, path string) error {
	m, ok := t.(map[string]any)
	if s, isText := t.(string); isText && f.text && strings.TrimSpace(s) == "" {
		m, ok = nil, true
	}
	if !ok {
		return fmt.Errorf("%s: expected a structure", path)
	}
	for _, field := range planOf(v.Type()) {
		x, ok := m[field.name]
		if !ok {
			x, ok = m[field.lower]
		}
		if other := restNames[field.name]; !ok && f.flat && other != "" {
			x, ok = m[other]
		}
		if !ok {
			continue
		}
		if err := f.fill(v.Field(field.index), x, path+"."+field.lower); err != nil {
			return err
		}
	}
	return nil
}

func (f filler) mapping(v reflect.Value, t any, path string) error {
	m, ok := t.(map[string]any)
	if !ok {
		return fmt.Errorf("%s: expected a map", path)
	}
	if entries, ok := f.list(m["entry"]); f.text && ok { // Name.entry.1.key, .value
		m = map[string]any{}
		for _, e := range entries {
			pair, _ := e.(map[string]any)
			key, isText := pair["key"].(string)
			if !isText {
				return fmt.Errorf("%s: expected entries with a key", path)
			}
			m[key] = pair["value"]
		}
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(m)))
	for k, x := range m {
		e := reflect.New(v.Type().Elem()).Elem()
		if err := f.fill(e, x, path+"."+k); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(k).Convert(v.Type().Key()), e)
	}
	return nil
}

// list reads an array; in text formats "Name.member.1", or "Name=" for an
// empty list.
func (f filler) list(t any) ([]any, bool) {
	if l, ok := t.([]any); ok {
		return l, true
	}
	if f.flat {
		return []any{t}, t != nil
	}
	if !f.text {
		return nil, false
	}
	switch t := t.(type) {
	case string:
		return []any{}, t == ""
	case map[string]any:
		if m, ok := t["member"].(map[string]any); ok && len(t) == 1 {
			t = m
		} else if s, ok := t["member"].(string); ok && s == "" && len(t) == 1 {
			return []any{}, true
		}
		var l []any
		for i := 1; ; i++ {
			x, ok := t[strconv.Itoa(i)]
			if !ok {
				return l, len(l) == len(t)
			}
			l = append(l, x)
		}
	}
	return nil, false
}

func (f filler) number(t any) string {
	switch t := t.(type) {
	case json.Number:
		return t.String()
	case string:
		if f.text {
			return t
		}
	}
	return ""
}

func (f filler) time(t any) (time.Time, bool) {
	if n, ok := t.(json.Number); ok {
		s, err := n.Float64()
		if err != nil || math.Abs(s) > 1e12 {
			return time.Time{}, false
		}
		return time.UnixMilli(int64(math.Round(s * 1e3))).UTC(), true
	}
	s, ok := t.(string)
	if !ok {
		return time.Time{}, false
	}
	for _, layout := range []string{time.RFC3339Nano, time.RFC1123, "Mon, 02 Jan 2006 15:04:05 GMT"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

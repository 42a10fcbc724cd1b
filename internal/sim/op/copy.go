package op

import (
	"reflect"
	"sync"
	"time"
)

// Copy returns a deep copy of an SDK input or output, so that neither the
// caller nor the cloud can change the other's state through a shared pointer.
// Interface values that are not unions of the SDK (an io.Reader body) are
// shared: they can be consumed only once anyway.
func Copy[T any](v T) T {
	src := reflect.ValueOf(&v).Elem()
	dst := reflect.New(src.Type()).Elem()
	deepCopy(dst, src)
	return dst.Interface().(T)
}

var timeType = reflect.TypeFor[time.Time]()

func deepCopy(dst, src reflect.Value) {
	switch src.Kind() {
	case reflect.Pointer:
		if src.IsNil() {
			return
		}
		if src.Elem().Kind() == reflect.Struct && !plain(src.Elem().Type()) {
			dst.Set(src)
			return
		}
		dst.Set(reflect.New(src.Type().Elem()))
		deepCopy(dst.Elem(), src.Elem())
	case reflect.Interface:
		if src.IsNil() {
			return
		}
		if src.Elem().Kind() != reflect.Pointer || !plain(src.Elem().Type().Elem()) {
			if src.Elem().Kind() != reflect.Pointer && src.Elem().Kind() != reflect.Func {
				c := reflect.New(src.Elem().Type()).Elem()
				deepCopy(c, src.Elem())
				dst.Set(c)
				return
			}
			dst.Set(src)
			return
		}
		c := reflect.New(src.Elem().Type()).Elem()
		deepCopy(c, src.Elem())
		dst.Set(c)
	case reflect.Struct:
		dst.Set(src) // what is flat, and unexported fields: the SDK's markers
		for _, i := range layoutOf(src.Type()).deep {
			deepCopy(dst.Field(i), src.Field(i))
		}
	case reflect.Slice:
		if src.IsNil() {
			return
		}
		dst.Set(reflect.MakeSlice(src.Type(), src.Len(), src.Len()))
		if flat(src.Type().Elem()) {
			reflect.Copy(dst, src)
			return
		}
		for i := range src.Len() {
			deepCopy(dst.Index(i), src.Index(i))
		}
	case reflect.Map:
		if src.IsNil() {
			return
		}
		dst.Set(reflect.MakeMapWithSize(src.Type(), src.Len()))
		if flat(src.Type().Elem()) {
			for it := src.MapRange(); it.Next(); {
				dst.SetMapIndex(it.Key(), it.Value())
			}
			return
		}
		for it := src.MapRange(); it.Next(); {
			e := reflect.New(src.Type().Elem()).Elem()
			deepCopy(e, it.Value())
			dst.SetMapIndex(it.Key(), e)
		}
	default:
		dst.Set(src)
	}
}

// layout is what has to be known of a struct's type in order to copy one.
type layout struct {
	deep  []int // exported fields that are not flat
	plain bool  // see plain
}

var layouts sync.Map // reflect.Type to layout

func layoutOf(t reflect.Type) layout {
	if l, ok := layouts.Load(t); ok {
		return l.(layout)
	}
	l := layout{plain: true}
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case f.IsExported():
			if t != timeType && !flat(f.Type) {
				l.deep = append(l.deep, i)
			}
		case t != timeType && f.Name != "noSmithyDocumentSerde":
			l.plain = false
		}
	}
	layouts.Store(t, l)
	return l
}

// flat reports whether values of a type share nothing that can be changed.
func flat(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Slice, reflect.Map, reflect.Array:
		return false
	case reflect.Struct:
		return len(layoutOf(t).deep) == 0
	}
	return true
}

// plain reports whether a struct is the SDK's data rather than something with
// behaviour of its own, such as a reader: its fields are all exported but for
// the SDK's marker.
func plain(t reflect.Type) bool { return t.Kind() == reflect.Struct && layoutOf(t).plain }

package op

import (
	"reflect"
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
		dst.Set(src) // unexported fields: the SDK's markers
		if src.Type() == timeType {
			return
		}
		for i := range src.NumField() {
			if src.Type().Field(i).IsExported() {
				deepCopy(dst.Field(i), src.Field(i))
			}
		}
	case reflect.Slice:
		if src.IsNil() {
			return
		}
		dst.Set(reflect.MakeSlice(src.Type(), src.Len(), src.Len()))
		if src.Type().Elem().Kind() == reflect.Uint8 {
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
		for it := src.MapRange(); it.Next(); {
			e := reflect.New(src.Type().Elem()).Elem()
			deepCopy(e, it.Value())
			dst.SetMapIndex(it.Key(), e)
		}
	default:
		dst.Set(src)
	}
}

// plain reports whether a struct is the SDK's data rather than something with
// behaviour of its own, such as a reader: its fields are all exported but for
// the SDK's marker.
func plain(t reflect.Type) bool {
	if t.Kind() != reflect.Struct || t == timeType {
		return t == timeType
	}
	for f := range t.Fields() {
		if !f.IsExported() && f.Name != "noSmithyDocumentSerde" {
			return false
		}
	}
	return true
}

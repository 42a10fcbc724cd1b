package cfnsim

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/stackrescue/stackrescue/internal/sim/fields"
)

// fill sets an SDK struct's fields from properties of the same names, whatever
// the case of their first letters (TaskRoleArn, EFSVolumeConfiguration), and
// takes numbers and booleans that were written as strings, as CloudFormation
// does. Properties that the struct has no field for are left out; those that
// are not simulated are refused.
func fill(dst any, props object) error {
	if err := set(reflect.ValueOf(dst).Elem(), props, "", 0); err != nil {
		return err
	}
	if err := fields.Check(dst); err != nil {
		return handlerError{"InvalidRequest", message(err)}
	}
	return nil
}

func set(dst reflect.Value, v any, path string, depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	if v == nil {
		return nil
	}
	switch dst.Kind() {
	case reflect.Pointer:
		e := reflect.New(dst.Type().Elem())
		if err := set(e.Elem(), v, path, depth+1); err != nil {
			return err
		}
		dst.Set(e)
	case reflect.Struct:
		m, ok := v.(object)
		if !ok {
			return mismatch(path, "JSONObject", v)
		}
		for _, k := range sorted(m) {
			f := dst.FieldByNameFunc(func(n string) bool { return strings.EqualFold(n, k) && n != "ResultMetadata" })
			if !f.IsValid() || !f.CanSet() {
				continue
			}
			if err := set(f, m[k], path+"/"+k, depth+1); err != nil {
				return err
			}
		}
	case reflect.Slice:
		l, ok := v.([]any)
		if !ok {
			return mismatch(path, "JSONArray", v)
		}
		s := reflect.MakeSlice(dst.Type(), len(l), len(l))
		for i, e := range l {
			if err := set(s.Index(i), e, path+"/"+strconv.Itoa(i), depth+1); err != nil {
				return err
			}
		}
		dst.Set(s)
	case reflect.Map:
		m, ok := v.(object)
		if !ok {
			return mismatch(path, "JSONObject", v)
		}
		out := reflect.MakeMapWithSize(dst.Type(), len(m))
		for _, k := range sorted(m) {
			e := reflect.New(dst.Type().Elem()).Elem()
			if err := set(e, m[k], path+"/"+k, depth+1); err != nil {
				return err
			}
			out.SetMapIndex(reflect.ValueOf(k).Convert(dst.Type().Key()), e)
		}
		dst.Set(out)
	default:
		return setScalar(dst, v, path)
	}
	return nil
}

func setScalar(dst reflect.Value, v any, path string) error {
	switch v.(type) {
	case string, bool, json.Number:
	default:
		return mismatch(path, "String", v)
	}
	s := text(v)
	switch dst.Kind() {
	case reflect.String:
		dst.SetString(s)
	case reflect.Bool:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return mismatch(path, "Boolean", v)
		}
		dst.SetBool(b)
	case reflect.Int, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(s, 10, dst.Type().Bits())
		if err != nil {
			return mismatch(path, "Integer", v)
		}
		dst.SetInt(n)
	case reflect.Float32, reflect.Float64:
		n, err := strconv.ParseFloat(s, dst.Type().Bits())
		if err != nil {
			return mismatch(path, "Number", v)
		}
		dst.SetFloat(n)
	}
	return nil
}

func mismatch(path, want string, v any) error {
	return handlerError{"InvalidRequest", fmt.Sprintf("Model validation failed (#: #%s: expected type: %s, found: %s)", path, want, found(v))}
}

func found(v any) string {
	switch v.(type) {
	case object:
		return "JSONObject"
	case []any:
		return "JSONArray"
	case bool:
		return "Boolean"
	case json.Number:
		return "Number"
	}
	return "String"
}

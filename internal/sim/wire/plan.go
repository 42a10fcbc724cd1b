package wire

import (
	"reflect"
	"strings"
	"sync"
	"time"
)

// A member is one member of a structure: a field of an SDK type.
type member struct {
	index int
	name  string // of the field; a capitalised member name
	lower string // with a small first letter
	typ   reflect.Type
}

var plans sync.Map // reflect.Type -> []member

// planOf lists the members of a struct type. Fields of the SDK's own are not
// among them.
func planOf(t reflect.Type) []member {
	if p, ok := plans.Load(t); ok {
		return p.([]member)
	}
	var p []member
	for i := range t.NumField() {
		f := t.Field(i)
		if f.IsExported() && f.Name != "ResultMetadata" && f.Name != "ErrorCodeOverride" {
			m := member{index: i, name: f.Name, lower: strings.ToLower(f.Name[:1]) + f.Name[1:], typ: f.Type}
			_, shape, _ := strings.Cut(t.PkgPath()+"."+t.Name(), "/service/")
			if other := memberNames[shape+"."+f.Name]; other != "" {
				m.name, m.lower = other, other
			}
			p = append(p, m)
		}
	}
	plans.Store(t, p)
	return p
}

var (
	timeType  = reflect.TypeFor[time.Time]()
	bytesType = reflect.TypeFor[[]byte]()
)

// present tells what an answer holds: not nil pointers, lists and maps, nor
// enum values that were never set, but zeros and false, as the services send
// them.
func present(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return !v.IsNil()
	case reflect.String:
		return v.Len() > 0
	}
	return true
}

// unionMember is the one member of a union's value: the SDK has a struct for
// each, named <Union>Member<Name>.
func unionMember(variant reflect.Value) (value reflect.Value, m member, ok bool) {
	if variant.Kind() != reflect.Pointer || variant.IsNil() || variant.Elem().Kind() != reflect.Struct {
		return value, m, false
	}
	_, name, ok := strings.Cut(variant.Elem().Type().Name(), "Member")
	value = variant.Elem().FieldByName("Value")
	if !ok || name == "" || !value.IsValid() {
		return value, m, false
	}
	return value, member{name: name, lower: strings.ToLower(name[:1]) + name[1:], typ: value.Type()}, true
}

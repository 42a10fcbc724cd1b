package wire

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/service/ecs/document"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// variants are the members of the unions in inputs; a Go interface does not
// tell who implements it. Unions in answers need no entry.
var variants = map[reflect.Type][]reflect.Type{
	reflect.TypeFor[ecstypes.ServiceConnectContainerConfiguration](): {reflect.TypeFor[ecstypes.ServiceConnectContainerConfigurationMemberLogLevel]()},
	reflect.TypeFor[ecstypes.SharingStrategy]():                      {reflect.TypeFor[ecstypes.SharingStrategyMemberNvidiaMps]()},
}

// documents are the types that hold any JSON value.
var documents = map[reflect.Type]func(any) any{
	reflect.TypeFor[document.Interface](): func(v any) any { return document.NewLazyDocument(v) },
}

// interfaceValue fills a union, which has exactly one member, or a document.
func (f filler) interfaceValue(v reflect.Value, t any, path string) error {
	if make, ok := documents[v.Type()]; ok {
		v.Set(reflect.ValueOf(make(plainNumbers(t))))
		return nil
	}
	m, ok := t.(map[string]any)
	if !ok || len(m) != 1 {
		return fmt.Errorf("%s: expected a union with one member", path)
	}
	for name, x := range m {
		for _, variant := range variants[v.Type()] {
			p := reflect.New(variant)
			_, member, ok := unionMember(p)
			if !ok || member.name != name && member.lower != name {
				continue
			}
			if err := f.fill(p.Elem().FieldByName("Value"), x, path+"."+name); err != nil {
				return err
			}
			v.Set(p)
			return nil
		}
		return fmt.Errorf("%s: unknown union member", path)
	}
	return nil
}

// plainNumbers makes the numbers of a tree float64, which documents can hold.
func plainNumbers(t any) any {
	switch t := t.(type) {
	case json.Number:
		f, err := t.Float64()
		if err != nil {
			return t.String()
		}
		return f
	case []any:
		l := make([]any, len(t))
		for i, x := range t {
			l[i] = plainNumbers(x)
		}
		return l
	case map[string]any:
		m := make(map[string]any, len(t))
		for k, x := range t {
			m[k] = plainNumbers(x)
		}
		return m
	}
	return t
}

// appendInterface appends a union or a document.
func appendInterface(b []byte, v reflect.Value, capital bool) []byte {
	if d, ok := v.Interface().(interface{ MarshalSmithyDocument() ([]byte, error) }); ok {
		text, err := d.MarshalSmithyDocument()
		if err != nil || !json.Valid(text) {
			return append(b, "null"...)
		}
		return append(b, text...)
	}
	value, m, ok := unionMember(v.Elem())
	if !ok {
		return append(b, "null"...)
	}
	name := m.lower
	if capital {
		name = m.name
	}
	b = append(appendString(append(b, '{'), name), ':')
	return append(appendJSON(b, value, capital), '}')
}

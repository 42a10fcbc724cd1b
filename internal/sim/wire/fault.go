package wire

import (
	"errors"
	"net/http"
	"reflect"

	"github.com/aws/smithy-go"

	"github.com/stackrescue/stackrescue/internal/sim/op"
)

// A fault is how an error looks on the wire.
type fault struct {
	code    string
	message *string // nil when the service's error has none
	status  int
	fields  reflect.Value // the modelled error, for its other members
}

func describe(err error) fault {
	f := fault{status: op.Status(err)}
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		m := err.Error()
		return fault{code: "InternalFailure", message: &m, status: http.StatusInternalServerError}
	}
	f.code = e.ErrorCode()
	v := reflect.Indirect(reflect.ValueOf(e))
	if _, generic := e.(*smithy.GenericAPIError); !generic && v.Kind() == reflect.Struct {
		f.fields = v
		if m := v.FieldByName("Message"); m.IsValid() && m.Kind() == reflect.Pointer && m.IsNil() {
			return f
		}
	}
	m := e.ErrorMessage()
	f.message = &m
	return f
}

func (f fault) text() string {
	if f.message == nil {
		return ""
	}
	return *f.message
}

// withStatus is an error that the door itself answers with.
func withStatus(status int, code, message string) error {
	return op.WithStatus(status, op.Error(code, message))
}

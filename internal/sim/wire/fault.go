package wire

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"

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

// guarded makes the call. A panic is the simulator's fault, not the client's:
// it is answered with status 500 and the operation's name.
func (h *Handler) guarded(q *request, o op.Operation, in any) (out any, id string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = withStatus(http.StatusInternalServerError, "InternalFailure", fmt.Sprintf("the simulated %s panicked: %v at %s", o, p, panicSite()))
		}
	}()
	return h.call(q.Context(), q.scope.Region, in)
}

// panicSite is the file and line that panicked.
func panicSite() string {
	pc := make([]uintptr, 64)
	frames := runtime.CallersFrames(pc[:runtime.Callers(1, pc)])
	for panicked := false; ; {
		f, more := frames.Next()
		if panicked && !strings.HasPrefix(f.Function, "runtime.") {
			return fmt.Sprintf("%s:%d", filepath.Base(f.File), f.Line)
		}
		panicked = panicked || f.Function == "runtime.gopanic"
		if !more {
			return "an unknown place"
		}
	}
}

package wire

import (
	"reflect"

	"github.com/stackrescue/stackrescue/internal/sim/op"
)

func missing(s *service, o op.Operation, in reflect.Value) error {
	return nil
}

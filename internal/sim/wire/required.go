package wire

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/stackrescue/stackrescue/internal/sim/op"
)

// Required are the members that the operation's input, "service.Name", must
// have to get past the door.
func Required(operation string) []string { return strings.Fields(required[operation]) }

// missing refuses an input without a member that is required, in the words of
// the services' own validation
// (docs/aws/recordings.md logs, docs/aws/recordings.md sts: "1 validation error detected: …").
func missing(s *service, o op.Operation, in reflect.Value) error {
	var texts []string
	for _, name := range Required(o.String()) {
		f := in.FieldByName(name)
		if !f.IsValid() || present(f) {
			continue
		}
		texts = append(texts, fmt.Sprintf("Value null at '%s' failed to satisfy constraint: Member must not be null", strings.ToLower(name[:1])+name[1:]))
	}
	if len(texts) == 0 {
		return nil
	}
	plural := ""
	if len(texts) > 1 {
		plural = "s"
	}
	return op.Error(s.missing, fmt.Sprintf("%d validation error%s detected: %s", len(texts), plural, strings.Join(texts, "; ")))
}

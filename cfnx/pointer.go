package cfnx

import (
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// propertyPath is the pointer of a resource's property.
func propertyPath(logicalID, property string) string {
	path := "/Resources/" + tree.Escape(logicalID) + "/Properties"
	for part := range strings.SplitSeq(property, ".") {
		path += "/" + tree.Escape(part)
	}
	return path
}

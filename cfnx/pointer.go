package cfnx

import (
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
)

// resourceOf returns the logical ID in a pointer to below Resources, "" for
// every other.
func resourceOf(path string) string {
	rest, ok := strings.CutPrefix(path, "/Resources/")
	if !ok {
		return ""
	}
	id, _, _ := strings.Cut(rest, "/")
	return strings.ReplaceAll(strings.ReplaceAll(id, "~1", "/"), "~0", "~")
}

// propertyPath is the pointer of a resource's property.
func propertyPath(logicalID, property string) string {
	return "/Resources/" + tree.Escape(logicalID) + "/Properties/" + tree.Escape(property)
}

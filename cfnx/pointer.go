package cfnx

import "github.com/stackrescue/stackrescue/cfnx/internal/tree"

// propertyPath is the pointer of a resource's property.
func propertyPath(logicalID, property string) string {
	return "/Resources/" + tree.Escape(logicalID) + "/Properties/" + tree.Escape(property)
}

package cfnx

import "strings"

// nameOf is the name in a stack's ARN, or the name itself.
func nameOf(stack string) string {
	_, rest, ok := strings.Cut(stack, ":stack/")
	if !ok {
		return stack
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

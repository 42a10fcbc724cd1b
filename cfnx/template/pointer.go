package template

import "strings"

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

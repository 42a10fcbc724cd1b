package cfnx

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
)

// shown are digests of the properties of a resource that an event shows as JSON:
// all as texts, resolved, hidden ones masked (docs/aws/cfn.md 8.5).
func shown(properties string) map[string]string {
	var v any
	if properties == "" || json.Unmarshal([]byte(properties), &v) != nil {
		return nil
	}
	out := map[string]string{}
	noteShown(out, "", v)
	return out
}

// hiddenMark ends the path of a text that is masked: its digest would say nothing.
const hiddenMark = "/****"

func noteShown(out map[string]string, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			noteShown(out, path+"/"+k, x)
		}
	case []any:
		out[path+"/#"] = strconv.Itoa(len(v))
		for i, x := range v {
			noteShown(out, path+"/"+strconv.Itoa(i), x)
		}
	case string:
		if strings.Contains(v, "****") {
			out[path+hiddenMark] = "hidden"
			return
		}
		out[path] = shownDigest(v)
	}
}

func shownDigest(text string) string { return fingerprint([]byte(text)) }

// agrees compares a rendered value with what an event shows, as far as both are
// known, and counts the texts that were compared.
func agrees(shown map[string]string, path string, rendered any) (ok bool, compared int) {
	switch v := rendered.(type) {
	case expr.Unknown, expr.Nothing, nil:
		return true, 0
	case map[string]any:
		for k, x := range v {
			same, n := agrees(shown, path+"/"+k, x)
			if compared += n; !same {
				return false, compared
			}
		}
		return true, compared
	case []any:
		if n, list := shown[path+"/#"]; !list || n != strconv.Itoa(len(v)) {
			return !list || !expr.Whole(v), 0
		}
		for i, x := range v {
			same, n := agrees(shown, path+"/"+strconv.Itoa(i), x)
			if compared += n; !same {
				return false, compared
			}
		}
		return true, compared
	}
	want, there := shown[path]
	if !there {
		return true, 0 // a policy may be shown as a text, a hidden value not at all
	}
	return shownDigest(scalarText(rendered)) == want, 1
}

// trimShown keeps what the first event of each resource of the update shows: the
// later ones show the same, and those of a rollback what was before.
func (s *Stack) trimShown() {
	seen, keep := map[string]bool{}, map[string]bool{}
	forward, _ := s.windows()
	for _, e := range forward {
		if e.Shown != nil && !seen[e.LogicalID] {
			seen[e.LogicalID], keep[e.ID] = true, true
		}
	}
	for i := range s.Events {
		if e := &s.Events[i]; !keep[e.ID] {
			e.Shown = nil
		}
	}
}

// begun reports whether an event is one in which an update begins with a
// resource.
func (e Event) begun() bool {
	return e.Status == types.ResourceStatusUpdateInProgress || e.Status == types.ResourceStatusCreateInProgress
}

package wire_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// readRecordings reads the tests of a file of recorded answers by their short
// names. Without the recordings at hand the test is skipped, or fails where
// skipping is not allowed.
func readRecordings(t *testing.T, file string) map[string]map[string]any {
	t.Helper()
	shared := os.Getenv("STACKRESCUE_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "..", "shared")
	}
	b, err := os.ReadFile(filepath.Join(shared, "recordings", file))
	if os.IsNotExist(err) && os.Getenv("STACKRESCUE_NO_SKIP") != "1" {
		t.Skipf("no recordings at hand (STACKRESCUE_SHARED names their folder): %v", err)
	}
	require.NoError(t, err)
	var all map[string]struct {
		Content map[string]any `json:"recorded-content"`
	}
	require.NoError(t, json.Unmarshal(b, &all))
	short := map[string]map[string]any{}
	for name, r := range all {
		_, name, _ = strings.Cut(name, "::")
		short[name] = r.Content
	}
	return short
}

// A matcher compares answers with recorded ones: the same members, the same
// order, the same values but for placeholders, which must stand for the same
// value wherever they occur in a test.
type matcher struct{ bound map[string]string }

var placeholder = regexp.MustCompile(`<[a-zA-Z_-]+(?::\d+)?>|<SecretId-\didx>|<ArnPart-\didx>|<version_uuid:\d+>|1{12}`)

// anything are recorded words that stand for any value.
var anything = []string{"timestamp", "datetime", "<datetime>", "too-old-log-event-end-index", "too-new-log-event-start-index"}

func (m *matcher) diff(path string, want, got any) []string {
	switch want := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s: want an object, got %v", path, got)}
		}
		return m.diffMap(path, want, g)
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(want) {
			return []string{fmt.Sprintf("%s: want %d items, got %v", path, len(want), got)}
		}
		var d []string
		for i := range want {
			d = append(d, m.diff(fmt.Sprintf("%s[%d]", path, i), want[i], g[i])...)
		}
		return d
	case string:
		if slices.Contains(anything, want) {
			if got == nil {
				return []string{path + ": want some value"}
			}
			return nil
		}
		s, ok := got.(string)
		if ok && strings.HasPrefix(want, "b'") {
			s = pythonBytes(s)
		}
		if !ok || !m.text(want, s) {
			return []string{fmt.Sprintf("%s: want %q, got %v", path, want, got)}
		}
		return nil
	}
	if fmt.Sprint(want) != fmt.Sprint(got) {
		return []string{fmt.Sprintf("%s: want %v, got %v", path, want, got)}
	}
	return nil
}

func (m *matcher) diffMap(path string, want, got map[string]any) (d []string) {
	left := map[string]any{}
	for k, v := range got {
		left[k] = v
	}
	keys := make([]string, 0, len(want))
	for k := range want {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		if k == "ResponseMetadata" {
			continue
		}
		name := k
		if placeholder.MatchString(k) {
			for g := range left {
				if b, ok := m.bound[k]; ok && b != g {
					continue
				}
				trial := &matcher{bound: map[string]string{}}
				for x, y := range m.bound {
					trial.bound[x] = y
				}
				if trial.text(k, g) && len(trial.diff("", want[k], left[g])) == 0 {
					name = g
					break
				}
			}
			m.text(k, name)
		}
		g, ok := left[name]
		if !ok {
			d = append(d, fmt.Sprintf("%s.%s: missing", path, k))
			continue
		}
		delete(left, name)
		d = append(d, m.diff(path+"."+k, want[k], g)...)
	}
	for k := range left {
		d = append(d, fmt.Sprintf("%s.%s: not recorded", path, k))
	}
	return d
}

// text matches s with want and remembers what placeholders stand for.
func (m *matcher) text(want, s string) bool {
	var re strings.Builder
	var names []string
	rest := want
	for _, at := range placeholder.FindAllStringIndex(want, -1) {
		re.WriteString(regexp.QuoteMeta(want[len(want)-len(rest) : at[0]]))
		name := want[at[0]:at[1]]
		if b, ok := m.bound[name]; ok {
			re.WriteString(regexp.QuoteMeta(b))
		} else if i := slices.Index(names, name); i >= 0 {
			return false
		} else {
			names = append(names, name)
			part := "(.+?)"
			if strings.HasPrefix(name, "<ArnPart-") {
				part = "(-[A-Za-z0-9]{6})"
			}
			re.WriteString(part)
		}
		rest = want[at[1]:]
	}
	re.WriteString(regexp.QuoteMeta(rest))
	found := regexp.MustCompile("(?s)^" + re.String() + "$").FindStringSubmatch(s)
	if found == nil {
		return false
	}
	for i, name := range names {
		m.bound[name] = found[i+1]
	}
	return true
}

// pythonBytes is how the recordings show base64.
func pythonBytes(s string) string {
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return s
	}
	var b strings.Builder
	for _, c := range raw {
		if c >= ' ' && c <= '~' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	return "b'" + b.String() + "'"
}

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fieldFolder is where the field's cases about ECR are, or the test is skipped.
func fieldFolder(t *testing.T) string {
	dir, err := filepath.Abs(filepath.Join("..", "..", "..", "shared", "field", "ecr"))
	require.NoError(t, err)
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the cases of the field are not here: ", dir)
	}
	return dir
}

// TestFieldCases runs the field's own tests, which print, in the place of those
// of this package, and holds what they print.
func TestFieldCases(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("compiles this package again")
	}
	dir := fieldFolder(t)
	here, err := os.Getwd()
	require.NoError(t, err)
	replace := map[string]string{}
	for _, own := range []string{"field_test.go", "budget_test.go", "fieldcases_test.go"} {
		replace[filepath.Join(here, own)] = ""
	}
	for _, name := range []string{"field2_test.go", "ptc_test.go"} {
		replace[filepath.Join(here, "of_"+name)] = requalified(t, filepath.Join(dir, name))
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "overlay.json")
	require.NoError(t, os.WriteFile(file, overlay, 0o600))
	cmd := exec.Command("go", "test", "-count=1", "-v", "-overlay", file, "-run", "^(TestField|TestFieldPTC)$", ".")
	printed, err := cmd.CombinedOutput()
	require.NoError(t, err, string(printed))
	cases := map[string]string{}
	for section := range strings.SplitSeq(string(printed), "=== RUN   ") {
		name, rest, _ := strings.Cut(section, "\n")
		cases[name] = rest
	}
	for name, want := range map[string][]string{
		"TestField/A":  {"=> 0", "tag-moved: the tag names ", "rule 1 expires it after 20", "=> 4", `"tagPrefixList":["pin-"]`, "=> 0", "pin ", "=> 0", "missing: the tag names ", "=> 3"},
		"TestField/B":  {"=> 0", "ok (rule 1 would take it, an index holds it)", "=> 0", "=> 0"},
		"TestField/C":  {"rule 1 archives it after", "=> 4", "=> 0", "archived", "restore it: aws ecr update-image-storage-class", "=> 3", "=> 0"},
		"TestField/D":  {"not an image reference", "=> 1"},
		"TestField/E":  {"=> 0", "no image is needed", "=> 0", "its image is not told here", "=> 5", "is not what aws lambda get-function prints", "=> 1"},
		"TestField/F":  {"and-list", "the list is and, not or", "=> 4", "regexp:", "ECR knows no regular expressions", "=> 4", "regexp:", "=> 4"},
		"TestField/G":  {"headroom is not known", "=> 5", "unknown", "=> 5"},
		"TestField/H":  {"missing: the tag names ", "could be ", "=> 3", "=> 0"},
		"TestFieldPTC": {"pin ", "=> 0", "=> 0"},
	} {
		rest := cases[name]
		require.NotEmpty(t, rest, "%s did not run:\n%s", name, printed)
		for _, w := range want {
			_, after, ok := strings.Cut(rest, w)
			require.True(t, ok, "%s: %q is missing in\n%s", name, w, cases[name])
			rest = after
		}
	}
}

// movedNames are of types and values that the cases name as rescuetest's, and that
// simtype declares now.
var movedNames = regexp.MustCompile(`\brescuetest\.(Fault|FaultKind|Throttle|ServerError|Deny|LostResponse|Slow|Stale|CrashBefore|CrashAfter|Program|Container|Switches)\b`)

// requalified returns a copy of a file of cases with today's names.
func requalified(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	const kit = `"github.com/stackrescue/stackrescue/rescue/rescuetest"`
	if movedNames.Match(text) {
		text = movedNames.ReplaceAll(text, []byte("simtype.$1"))
		imports := strings.TrimSuffix(kit, `"`) + `/simtype"`
		if bytes.Contains(text, []byte("rescuetest.")) {
			imports = kit + "\n\t" + imports
		}
		text = bytes.Replace(text, []byte(kit), []byte(imports), 1)
	}
	out := filepath.Join(t.TempDir(), filepath.Base(file))
	require.NoError(t, os.WriteFile(out, text, 0o600))
	return out
}

// TestFieldPolicies runs the field's table of policies: what it wants refused is
// refused, and the rest is not.
func TestFieldPolicies(t *testing.T) {
	t.Parallel()
	dir := fieldFolder(t)
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed, which the table is written in")
	}
	home := t.TempDir()
	out, err := exec.Command("go", "build", "-o", filepath.Join(home, "bin", "ecr-guard"), ".").CombinedOutput()
	require.NoError(t, err, string(out))
	cmd := exec.Command(python, filepath.Join(dir, "reject.py"))
	cmd.Env = append(os.Environ(), "FIELD="+home)
	out, err = cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	n := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^(.*?) +want (\w+) +rc=(\d+) (.*)$`).FindAllStringSubmatch(string(out), -1) {
		n[m[2]]++
		if m[2] == "reject" {
			require.Equal(t, "1", m[3], m[0])
			require.Contains(t, m[4], "lifecycle policy: ", m[0])
		} else {
			require.Equal(t, "0", m[3], m[0])
		}
	}
	require.Equal(t, map[string]int{"reject": 24, "ok": 2, "lint": 3}, n)
	require.Regexp(t, `(?m)^get-lifecycle-policy output +rc=0 `, string(out))
	require.Regexp(t, `(?m)^trailing comma +rc=1 `, string(out))
}

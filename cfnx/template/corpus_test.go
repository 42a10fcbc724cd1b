package template

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx/internal/corpus"
	"github.com/stackrescue/stackrescue/internal/sample"
)

// expectedFile is a line of the corpus's lists of expressions.
type expectedFile struct {
	File       string
	Encoding   string
	ParseError *string `json:"parse_error"`
	IsTemplate bool    `json:"is_template"`
	Exprs      []expectedExpr
	Opaque     []struct{ Path, Fn string }
}

type expectedExpr struct {
	Resource, Type, Path, Kind, Raw string
	Container                       *int
	Name, Value                     *string
	Start, End                      int
	Leaves                          []expectedExpr
}

func expected(t *testing.T, elem ...string) []expectedFile {
	t.Helper()
	b, err := os.ReadFile(corpus.Dir(t, elem...))
	require.NoError(t, err)
	var out []expectedFile
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var f expectedFile
		require.NoError(t, json.Unmarshal(lines.Bytes(), &f))
		out = append(out, f)
	}
	require.NoError(t, lines.Err())
	return out
}

// checkImages compares what was found with what is expected, path by path and
// in order where a path stands twice; it returns how many agree.
func checkImages(t *testing.T, file string, want []expectedExpr, got []Image) int {
	t.Helper()
	byPath := map[string][]Image{}
	for _, i := range got {
		byPath[i.Path] = append(byPath[i.Path], i)
	}
	same := 0
	for _, w := range want {
		if len(byPath[w.Path]) == 0 {
			t.Errorf("%s: %s is not found", file, w.Path)
			continue
		}
		i := byPath[w.Path][0]
		byPath[w.Path] = byPath[w.Path][1:]
		ok := assert.Equal(t, []any{w.Resource, w.Type, w.Kind, w.Raw, w.Start, w.End},
			[]any{i.Resource, i.Type, i.Kind, i.Raw, i.Start, i.End}, "%s: %s", file, w.Path)
		if index := -1; w.Container != nil {
			ok = assert.Equal(t, *w.Container, i.Index, "%s: %s", file, w.Path) && ok
		} else {
			ok = assert.Equal(t, index, i.Index, "%s: %s", file, w.Path) && ok
		}
		if w.Name != nil {
			ok = assert.Equal(t, *w.Name, i.Container, "%s: %s", file, w.Path) && ok
		}
		if w.Value != nil {
			ok = assert.Equal(t, *w.Value, i.Value, "%s: %s", file, w.Path) && ok
		}
		checkImages(t, file, w.Leaves, i.Branches)
		if ok {
			same++
		}
	}
	for path, left := range byPath {
		if len(left) > 0 {
			t.Errorf("%s: %s is found %d times too often", file, path, len(left))
		}
	}
	return same
}

// TestCorpusFind: every expression that an independent finder has found in
// templates of public repositories, and no other.
func TestCorpusFind(t *testing.T) {
	for _, list := range []struct{ files, name string }{
		{"templates", "expected-dev.jsonl"},
		{"adversarial", "adversarial/expected-cfn.jsonl"},
		{"adversarial/synthetic", "adversarial/synthetic/expected.jsonl"},
	} {
		t.Run(list.files, func(t *testing.T) {
			t.Parallel()
			files := corpus.Some(t, 12, list.files)
			same, all, refused := 0, 0, 0
			for _, want := range expected(t, list.name) {
				text, ok := files[want.File]
				if !ok && !sample.Whole() {
					continue
				}
				require.True(t, ok, want.File)
				found, err := FindImages(text)
				if err != nil {
					refused++
					assert.Empty(t, want.Exprs, "%s: %v", want.File, err)
					var te *Error
					require.ErrorAs(t, err, &te)
					continue
				}
				if want.ParseError != nil && strings.Contains(*want.ParseError, `character '\t'`) {
					continue // the list's parser takes no tab between tokens; YAML does
				}
				assert.Nil(t, want.ParseError, "%s", want.File)
				all += len(want.Exprs)
				same += checkImages(t, want.File, want.Exprs, found.Images)
				var opaque, hidden []string
				for _, o := range want.Opaque {
					opaque = append(opaque, o.Path+" "+o.Fn)
				}
				for _, h := range found.Opaque {
					if h.Resource == "" || strings.Count(h.Path, "/") == 3 {
						continue // whole resources, which the list does not tell
					}
					hidden = append(hidden, h.Path+" "+h.Fn)
				}
				assert.ElementsMatch(t, opaque, hidden, want.File)
			}
			t.Logf("%d files, %d of them refused; %d of %d expressions the same", len(files), refused, same, all)
		})
	}
}

// TestCorpusPatchLiterals: every literal of every template is patched and
// exactly its bytes change.
func TestCorpusPatchLiterals(t *testing.T) {
	t.Parallel()
	edits, skips, patched := 0, map[string]int{}, 0
	files := corpus.Some(t, 18, "templates")
	for file, text := range files {
		p, err := PatchImages(text, func(i Image) (string, error) {
			if i.Kind != kindLiteral {
				return "", nil
			}
			return "registry.example/patched/image:1.2.3", nil
		}, func(o *Options) { o.Original = true })
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		checkBytes(t, text, p)
		checkTree(t, text, p)
		for _, s := range p.Unpatched {
			skips[s.Err.Err.Error()]++
			t.Logf("%s: %v", file, s.Err)
		}
		if len(p.Edits) > 0 {
			patched++
		}
		edits += len(p.Edits)
		found, err := FindImages(p.Template)
		require.NoError(t, err)
		left := 0
		for _, i := range found.Images {
			for _, leaf := range i.Leaves() {
				if leaf.Kind == kindLiteral && leaf.Text != "registry.example/patched/image:1.2.3" {
					left++
				}
			}
		}
		assert.Equal(t, len(p.Unpatched), left, file)
	}
	t.Logf("%d literals of %d files patched, skipped: %v", edits, patched, skips)
	assert.Greater(t, edits*10, len(files)*7)
}

// TestCorpusPatchTags changes every image's tag, whatever the expression.
func TestCorpusPatchTags(t *testing.T) {
	t.Parallel()
	edits, skips := 0, map[string]int{}
	for _, dir := range []string{"templates", "adversarial"} {
		for file, text := range corpus.Some(t, 18, dir) {
			p, err := PatchImages(text, func(Image) (string, error) { return ":patched", nil },
				func(o *Options) { o.Original = true })
			if err != nil {
				var te *Error
				require.ErrorAs(t, err, &te, file)
				require.NotErrorIs(t, err, errProof, file)
				continue
			}
			checkBytes(t, text, p)
			edits += len(p.Edits)
			for _, s := range p.Unpatched {
				require.NotErrorIs(t, s.Err, errProof, file)
				skips[s.Err.Err.Error()]++
			}
		}
	}
	t.Logf("%d edits, skipped: %v", edits, skips)
}

// TestCorpusMangled: no template whose author meant its question marks is
// refused often, and what GetTemplate makes of a template that is not ASCII is
// refused.
func TestCorpusMangled(t *testing.T) {
	refused, marks, caught, lost := 0, 0, 0, 0
	for file, text := range corpus.Files(t, "templates") {
		if at := mangledAt(text); at >= 0 {
			refused++
			t.Logf("refused: %s: %q", file, text[max(0, at-30):min(len(text), at+20)])
		}
		if bytes.ContainsRune(text, '?') {
			marks++
		}
		mangled := bytes.Map(func(r rune) rune {
			if r > 0x7f {
				return '?'
			}
			return r
		}, text)
		if !bytes.Equal(mangled, text) {
			lost++
			if mangledAt(mangled) >= 0 {
				caught++
			} else {
				t.Logf("not caught: %s", file)
			}
		}
	}
	t.Logf("%d files have question marks, %d are refused for them; of %d files with other characters %d are caught once these are lost", marks, refused, lost, caught)
	// False alarms cost a flag, a loss that is missed costs a letter of somebody's
	// greeting.
	require.LessOrEqual(t, refused*100, marks*5, "refused for a question mark that was meant")
	require.GreaterOrEqual(t, caught*100, lost*90, "lost characters are noticed")
}

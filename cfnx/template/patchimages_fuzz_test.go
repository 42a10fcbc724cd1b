package template

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const someDigest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// fuzzChange is one of some ways to change every image.
func fuzzChange(mode byte) func(Image) (string, error) {
	wants := []string{":v9.9", someDigest, "public.ecr.aws/x/y:1", "localhost:5000/z" + someDigest, "e", "1e3", "0123", "${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/q:1"}
	n := 0
	return func(Image) (string, error) {
		n++
		if mode&0x80 != 0 && n%2 == 0 {
			return "", nil
		}
		return wants[int(mode&0x7f)%len(wants)], nil
	}
}

// fuzzOptions: the template is what it is, and not large.
func fuzzOptions(o *Options) { o.Original, o.MaxBytes = true, 64<<10 }

func addSeeds(f *testing.F) {
	f.Helper()
	files, err := filepath.Glob("testdata/patch/*.in.*")
	if err != nil {
		f.Fatal(err)
	}
	for i, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, byte(i), "v2")
	}
}

// knownError fails where an error is none that PatchImages documents.
func knownError(t *testing.T, err error) {
	t.Helper()
	for _, known := range []error{ErrNotTemplate, ErrEncoding, ErrLimit, ErrBadValue,
		ErrNoValue, ErrUnspliceable, ErrUnspliceable, ErrUnspliceable, ErrExists} {
		if errors.Is(err, known) {
			return
		}
	}
	t.Fatalf("undocumented error, or a proof that failed: %v", err)
}

// FuzzPatchBytes: what is outside the edits has the bytes it had, what is
// inside has the bytes the edits say, and patching twice is patching once.
func FuzzPatchBytes(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, template []byte, mode byte, value string) {
		given := bytes.Clone(template)
		p, err := PatchImages(template, fuzzChange(mode), fuzzOptions)
		if err != nil {
			knownError(t, err)
			return
		}
		if !bytes.Equal(given, template) {
			t.Fatal("the template that was given has changed")
		}
		checkBytes(t, template, p)
		again, err := PatchImages(p.Template, fuzzChange(mode), fuzzOptions)
		if err != nil {
			t.Fatalf("patched template: %v", err)
		}
		if mode&0x80 == 0 && len(again.Edits) > 0 {
			t.Fatalf("patched twice: %+v", again.Edits)
		}
	})
}

// checkBytes holds the patched template against the edits.
func checkBytes(t *testing.T, template []byte, p *Patch) {
	t.Helper()
	var want []byte
	at := 0
	for _, e := range p.Edits {
		if e.Start < at || e.End < e.Start || e.End > len(template) || string(template[e.Start:e.End]) != e.Old {
			t.Fatalf("edit %+v", e)
		}
		want = append(append(want, template[at:e.Start]...), e.New...)
		at = e.End
	}
	if want = append(want, template[at:]...); !bytes.Equal(want, p.Template) {
		t.Fatalf("bytes differ outside the edits:\n%q\n%q", want, p.Template)
	}
}

// FuzzPatchTree: read by the parsers themselves, the patched template has the
// values it had, but for those edited, which are what was asked for. The
// values set are arbitrary text.
func FuzzPatchTree(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, template []byte, mode byte, value string) {
		p, err := PatchImages(template, fuzzChange(mode), fuzzOptions)
		if err != nil {
			knownError(t, err)
			return
		}
		checkTree(t, template, p)
		found, err := FindImages(template, func(o *Options) { o.MaxBytes = 64 << 10 })
		if err != nil {
			t.Fatal(err)
		}
		var values []Value
		for _, i := range found.Images {
			for _, leaf := range i.Leaves() {
				values = append(values, Value{leaf.Path, value})
			}
		}
		for _, v := range values {
			if p, err = SetValues(template, []Value{v}, fuzzOptions); err != nil {
				knownError(t, err)
				continue
			}
			checkBytes(t, template, p)
			checkTree(t, template, p)
		}
		checkAdded(t, template, values, value)
	})
}

// checkAdded adds text as an output, and beside the first image: the scalars
// before and after are the same but for the new ones in a row.
func checkAdded(t *testing.T, template []byte, images []Value, text string) {
	t.Helper()
	text = strings.ToValidUTF8(text, "?")
	value, err := json.Marshal(map[string]any{"Value": text, "List": []any{text, 1}})
	if err != nil {
		t.Fatal(err)
	}
	paths := []string{"/Outputs/Added"}
	if len(images) > 0 {
		at := images[0].Path
		paths = append(paths, at[:strings.LastIndexByte(at, '/')]+"/Added", "/Resources/-")
	}
	for _, path := range paths {
		p, err := AddEntries(template, []Entry{{path, value}}, fuzzOptions)
		if err != nil {
			knownError(t, err)
			continue
		}
		checkBytes(t, template, p)
		if len(p.Edits) == 0 {
			continue
		}
		was, is := leaves(t, template), leaves(t, p.Template)
		head := 0
		for head < len(was) && was[head] == is[head] {
			head++
		}
		tail := 0
		for tail < len(was)-head && was[len(was)-1-tail] == is[len(is)-1-tail] {
			tail++
		}
		if head+tail != len(was) || len(is) <= len(was) {
			t.Fatalf("%s: scalars %q became %q", path, was, is)
		}
	}
}

// checkTree compares the scalars before and after in order, by parsers of
// others: as many as edits, and no more, may differ, and these come to To.
func checkTree(t *testing.T, template []byte, p *Patch) {
	t.Helper()
	if len(p.Edits) == 0 {
		return
	}
	was, is := leaves(t, template), leaves(t, p.Template)
	wholes := len(was) != len(is) // a function that was replaced as a whole
	if wholes && len(p.Edits) > 1 {
		return
	}
	if wholes {
		head := 0
		for head < len(was) && head < len(is) && was[head] == is[head] {
			head++
		}
		tail := 0
		for tail < len(was)-head && tail < len(is)-head && was[len(was)-1-tail] == is[len(is)-1-tail] {
			tail++
		}
		if len(is)-head-tail > 1 {
			t.Fatalf("edit %+v changed %q to %q", p.Edits[0], was[head:len(was)-tail], is[head:len(is)-tail])
		}
		return
	}
	differ := 0
	for i := range was {
		if was[i] != is[i] {
			differ++
		}
	}
	if differ > len(p.Edits) {
		t.Fatalf("%d values differ after %d edits:\n%q\n%q", differ, len(p.Edits), was, is)
	}
	after, err := FindImages(p.Template)
	if err != nil {
		t.Fatal(err)
	}
	now := map[string]Image{}
	for _, i := range after.Images {
		for _, leaf := range i.Leaves() {
			now[leaf.Path] = leaf
		}
	}
	for _, e := range p.Edits {
		i, ok := now[e.Path]
		if !ok && strings.HasPrefix(e.Path, "/Resources") && e.To != "" {
			continue // a branch that is no Fn::If's any more
		}
		if i.Text != e.To {
			t.Fatalf("%s is %q, not %q", e.Path, i.Text, e.To)
		}
	}
}

// leaves returns every scalar, keys included, with what the parser takes it
// for.
func leaves(t *testing.T, text []byte) []string {
	t.Helper()
	var out []string
	body := bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if trimmed := bytes.TrimSpace(body); len(trimmed) > 0 && trimmed[0] == '{' && json.Valid(body) {
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.UseNumber()
		for {
			tok, err := dec.Token()
			if err != nil {
				return out
			}
			b, err := json.Marshal(tok)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, string(b))
		}
	}
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if len(n.Content) == 0 {
			out = append(out, n.Tag+" "+n.Anchor+" "+n.Value)
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	walk(&root)
	return out
}

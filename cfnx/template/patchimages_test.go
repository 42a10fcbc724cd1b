package template

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
)

var updatePatch = flag.Bool("update-patch", false, "write the golden files of testdata/patch")

// goldenChange is what the cases of testdata/patch are patched with.
func goldenChange() func(Image) (string, error) {
	return FirstOf(ByContainer(map[string]string{"backend": ":v2", "backend-nginx": "public.ecr.aws/nginx/nginx:1.27"}),
		ByRepository(map[string]string{"backend": ":1e3", "team/backend": someDigest}))
}

// TestPatchImagesGolden patches every NAME.in.* of testdata/patch, each for
// one shape or trap: NAME.out.* is the patched text, NAME.golden what was
// found, edited, skipped and refused.
func TestPatchImagesGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/patch/*.in.*")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 30)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			var log bytes.Buffer
			if found, err := FindImages(text); err != nil {
				fmt.Fprintf(&log, "find: %v\n", err)
			} else {
				describeFound(&log, found)
			}
			p, err := PatchImages(text, goldenChange())
			if err != nil {
				fmt.Fprintf(&log, "refused: %v\n", err)
				p = &Patch{}
			} else {
				checkBytes(t, text, p)
				checkTree(t, text, p)
			}
			describePatch(&log, p)
			out := strings.Replace(file, ".in.", ".out.", 1)
			if len(p.Edits) == 0 {
				assert.NoFileExists(t, out)
			} else {
				patchGolden(t, out, p.Template)
			}
			patchGolden(t, before(file, ".in.")+".golden", log.Bytes())
		})
	}
}

func patchGolden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *updatePatch {
		require.NoError(t, os.WriteFile(file, got, 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got), file)
}

func describeFound(w *bytes.Buffer, found *FindResult) {
	for _, i := range found.Images {
		for _, leaf := range i.Leaves() {
			fmt.Fprintf(w, "image %d:%d %s %s %q: %s %s\n", leaf.Line, leaf.Column, leaf.Resource, leaf.Container, leaf.Kind, leaf.Text, placesText(leaf.Sources))
		}
	}
	for _, h := range found.Opaque {
		fmt.Fprintf(w, "hidden %d:%d %s by %s\n", h.Line, h.Column, h.Path, h.Fn)
	}
	for _, s := range found.Nested {
		fmt.Fprintf(w, "stack %s %s %s\n", s.Resource, s.TemplateURL.Path, s.TemplateURL.Text)
		for _, p := range s.Parameters {
			fmt.Fprintf(w, "  %s %s %s\n", p.Name, p.Path, p.Text)
		}
	}
	if found.Macros != nil {
		fmt.Fprintf(w, "macros %q\n", found.Macros)
	}
}

func placesText(places []Source) string {
	var out []string
	for _, p := range places {
		s := p.Kind
		for _, x := range []string{p.Name, p.Path} {
			if x != "" {
				s += " " + x
			}
		}
		if p.Value != "" {
			s += "=" + p.Value
		}
		out = append(out, s)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func describePatch(w *bytes.Buffer, p *Patch) {
	for _, e := range p.Edits {
		fmt.Fprintf(w, "edit %d:%d %s %s: %s -> %s: %q -> %q\n", e.Line, e.Column, e.Path, e.Container, e.From, e.To, e.Old, e.New)
	}
	for _, s := range p.Unpatched {
		fmt.Fprintf(w, "skip %v; wanted %s %s\n", s.Err, s.Wanted, placesText(s.Sources))
	}
}

func TestPatchImagesNothingToDo(t *testing.T) {
	text := []byte("Resources: {}\n")
	p, err := PatchImages(text, goldenChange())
	require.NoError(t, err)
	assert.Equal(t, text, p.Template)
	assert.Empty(t, p.Edits)
	p.Template[0] = 'x'
	assert.Equal(t, "Resources: {}\n", string(text), "the result must not share the given bytes")
}

const oneImage = `Parameters: {Tag: {Type: String, Default: v1}}
Resources:
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      ContainerDefinitions:
        - Name: backend
          Image: !Sub ${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/backend:%s
`

// TestPatchImagesPseudo: a pseudo parameter stays where it says what is asked
// for, and goes where it does not.
func TestPatchImagesPseudo(t *testing.T) {
	text := []byte(fmt.Sprintf(oneImage, "v1"))
	for name, tc := range map[string]struct{ want, account, region, line string }{
		"tag alone":     {":v2", "", "", "Image: !Sub ${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/backend:v2"},
		"as it stands":  {"${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/backend:v2", "", "", "Image: !Sub ${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/backend:v2"},
		"same account":  {"111122223333.dkr.ecr.eu-west-1.amazonaws.com/backend:v2", "111122223333", "eu-west-1", "Image: !Sub ${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/backend:v2"},
		"other account": {"999922223333.dkr.ecr.eu-west-1.amazonaws.com/backend:v1", "111122223333", "eu-west-1", "Image: !Sub 999922223333.dkr.ecr.${AWS::Region}.amazonaws.com/backend:v1"},
		"other region":  {"111122223333.dkr.ecr.us-east-1.amazonaws.com/backend:v2", "111122223333", "eu-west-1", "Image: !Sub ${AWS::AccountId}.dkr.ecr.us-east-1.amazonaws.com/backend:v2"},
		"not known":     {"111122223333.dkr.ecr.eu-west-1.amazonaws.com/backend:v2", "", "", "Image: !Sub 111122223333.dkr.ecr.eu-west-1.amazonaws.com/backend:v2"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := PatchImages(text, ByContainer(map[string]string{"backend": tc.want}), func(o *Options) { o.Account, o.Region = tc.account, tc.region })
			require.NoError(t, err)
			assert.Contains(t, string(p.Template), tc.line)
			assert.Len(t, p.Edits, 1)
		})
	}
}

// TestPatchImagesElsewhere: the value for a parameter is told, for the value
// the stack has and not only for its default.
func TestPatchImagesElsewhere(t *testing.T) {
	text := []byte(fmt.Sprintf(oneImage, "${Tag}"))
	p, err := PatchImages(text, ByRepository(map[string]string{"backend": ":v2"}))
	require.NoError(t, err)
	require.Len(t, p.Unpatched, 1)
	assert.ErrorIs(t, p.Unpatched[0].Err, ErrElsewhere)
	assert.Equal(t, []Source{{Kind: "parameter", Name: "Tag", Path: "/Parameters/Tag", Value: "v2"}}, p.Unpatched[0].Sources)

	p, err = PatchImages(text, ByRepository(map[string]string{"backend": ":v2"}), func(o *Options) { o.Parameters = map[string]string{"Tag": "v2"} })
	require.NoError(t, err)
	assert.Empty(t, p.Unpatched, "it has that tag already")
}

func TestPatchImagesChangeErrors(t *testing.T) {
	text := []byte(fmt.Sprintf(oneImage, "v1"))
	boom := errors.New("boom")
	_, err := PatchImages(text, func(Image) (string, error) { return "", boom })
	assert.ErrorIs(t, err, boom)
	_, err = PatchImages(text, func(Image) (string, error) { return "not a ref", nil })
	assert.ErrorIs(t, err, ErrBadValue)
	var te *Error
	require.ErrorAs(t, err, &te)
	assert.Equal(t, 8, te.Line)
}

func TestByResolver(t *testing.T) {
	text := []byte(fmt.Sprintf(oneImage, "v1"))
	known := func(o *Options) { o.Account, o.Region = "111122223333", "eu-west-1" }
	asked := ""
	resolver := func(to string, err error) func(Image) (string, error) {
		return ByResolver(t.Context(), func(_ context.Context, ref string) (string, error) { asked = ref; return to, err })
	}
	p, err := PatchImages(text, resolver("111122223333.dkr.ecr.eu-west-1.amazonaws.com/backend"+someDigest, nil), known)
	require.NoError(t, err)
	assert.Equal(t, "111122223333.dkr.ecr.eu-west-1.amazonaws.com/backend:v1", asked)
	require.Len(t, p.Edits, 1)
	assert.Equal(t, "backend:v1", p.Edits[0].Old[len(p.Edits[0].Old)-len("backend:v1"):])

	p, err = PatchImages(text, resolver("", nil), known)
	require.NoError(t, err)
	require.Len(t, p.Unpatched, 1)
	assert.ErrorIs(t, p.Unpatched[0].Err, ErrNoSuchImage)

	_, err = PatchImages(text, resolver("", context.DeadlineExceeded), known)
	assert.ErrorIs(t, err, context.DeadlineExceeded)

	p, err = PatchImages(text, resolver("x", nil))
	require.NoError(t, err)
	require.Len(t, p.Unpatched, 1, "account and region are not known")
	assert.ErrorIs(t, p.Unpatched[0].Err, ErrUnresolved)
}

func TestLimits(t *testing.T) {
	find := func(text string) error {
		_, err := FindImages([]byte(text))
		return err
	}
	assert.ErrorIs(t, find(strings.Repeat(" ", expr.MaxBytes+1)), ErrLimit)
	assert.ErrorIs(t, find("Resources: "+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)), ErrLimit)
	assert.ErrorIs(t, find(`{"Resources": `+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+"}"), ErrLimit)
	// Ten names for ten times the one before: more values than atoms.
	bomb := "a0: &a0 x\n"
	for i := 1; i < 20; i++ {
		item := fmt.Sprintf("*a%d, ", i-1)
		bomb += fmt.Sprintf("a%d: &a%d !Join ['', [%s]]\n", i, i, strings.Repeat(item, 10))
	}
	bomb += "Resources: {T: {Type: 'AWS::Lambda::Function', Properties: {Code: {ImageUri: *a19}}}}\n"
	assert.ErrorIs(t, find(bomb), ErrLimit)
	// An alias to what it stands in.
	assert.NoError(t, find("Resources: &r {T: {Type: 'AWS::Lambda::Function', Properties: {Code: {ImageUri: &i !Join ['', [*i]]}}}, U: *r}\n"))
}

// TestPatchImagesAlso: an image that is handed to a nested stack is changed in
// its tag as any other.
func TestPatchImagesAlso(t *testing.T) {
	text := []byte("Resources:\n  App:\n    Type: AWS::CloudFormation::Stack\n    Properties:\n      TemplateURL: x\n      Parameters:\n        Backend: !Sub '${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/backend:v1'\n        Other: host.example/backend:v1\n")
	p, err := PatchImages(text, ByContainer(map[string]string{"Backend": ":v2"}), func(o *Options) {
		o.Also = []string{"/Resources/App/Properties/Parameters/Backend"}
	})
	require.NoError(t, err)
	require.Len(t, p.Edits, 1)
	assert.Equal(t, strings.Replace(string(text), "/backend:v1'", "/backend:v2'", 1), string(p.Template))
	found, err := FindImages(text)
	require.NoError(t, err)
	assert.Empty(t, found.Images)
	require.Len(t, found.Nested, 1)
	assert.Equal(t, "x", found.Nested[0].TemplateURL.Text)
}

// TestBuiltTextsEnd gives PatchImages texts that are built to be slow: each
// ends, with a patch or a refusal, where one that did not would run into the
// test's timeout. How long they take is BenchmarkBuiltTexts.
func TestBuiltTextsEnd(t *testing.T) {
	for name, text := range builtTexts(1 << 18) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := PatchImages([]byte(text), func(Image) (string, error) { return ":v2", nil })
			if (p == nil) == (err == nil) {
				t.Errorf("patch %v, error %v", p != nil, err)
			}
		})
	}
}

func BenchmarkBuiltTexts(b *testing.B) {
	for name, text := range builtTexts(1 << 20) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				_, _ = PatchImages([]byte(text), func(Image) (string, error) { return ":v2", nil })
			}
		})
	}
}

// builtTexts are texts of about size bytes.
func builtTexts(size int) map[string]string {
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	image := func(expr string) string {
		return "Resources: {T: {Type: 'AWS::Lambda::Function', Properties: {Code: {ImageUri: " + expr + "}}}}\n"
	}
	var vars strings.Builder
	for i := 0; vars.Len() < size; i++ {
		fmt.Fprintf(&vars, "${P%d}", i)
	}
	return map[string]string{
		"comments":         "Resources: {}\n" + fill("#\n"),
		"indented":         "Resources:\n" + fill("  #x\n") + "  A: b\n",
		"flow":             fill("["),
		"blocks":           fill("- "),
		"keys":             fill("? "),
		"braces":           fill("{a: "),
		"anchors":          "Resources: [" + fill("&a x, ") + "]",
		"aliases":          "x: &a [1]\nResources: [" + fill("*a, ") + "]",
		"blank lines":      "Resources: {}\n" + fill("\n"),
		"one line":         "Resources: {" + fill("é: 1, ") + "}",
		"documents":        fill("--- a\n"),
		"directives":       fill("%TAG ! x\n"),
		"sub":              image(`!Sub "` + vars.String() + `"`),
		"sub braces":       image(`!Sub "` + fill("${") + `"`),
		"sub resolve":      image(`!Sub "` + fill("{{resolve:") + `"`),
		"literal resolve":  image(`"` + fill("{{resolve:ssm:a}}") + `"`),
		"join":             image(`!Join ['', [` + fill("!Ref A, ") + `]]`),
		"quoted":           image(`"` + fill(`\x61`) + `"`),
		"plain":            "Resources:\n  A: " + fill("a\n   ") + "\n",
		"same keys":        "Resources: {" + fill("a: {Type: AWS::Lambda::Function}, ") + "}",
		"question marks":   "Resources: {}\nx: '" + fill("a? b ") + "'\n",
		"merge keys":       "x: &x {a: 1}\nResources: {T: {Type: AWS::Lambda::Function, " + fill("<<: *x, ") + "}}",
		"many images":      "Resources: {T: {Type: 'AWS::ECS::TaskDefinition', Properties: {ContainerDefinitions: [" + fill("{Image: 'é:1'}, ") + "]}}}",
		"recoded images":   "Resources: {T: {Type: 'AWS::ECS::TaskDefinition', Properties: {ContainerDefinitions: [" + fill("{Image: '\xe9:1'}, ") + "]}}}",
		"images of a node": "i: &i {Image: a}\nResources: {T: {Type: 'AWS::ECS::TaskDefinition', Properties: {ContainerDefinitions: [" + fill("*i, ") + "]}}}",
		"hidden":           "Resources: {" + fill("A: {Type: 'AWS::ECS::TaskDefinition', Properties: {ContainerDefinitions: !Ref A}}, ") + "}",
		"json":             `{"Resources": {"T": [` + fill(`"\u0061",`) + `1]}}`,
		"json nested":      fill("["),
	}
}

func before(s, sep string) string {
	s, _, _ = strings.Cut(s, sep)
	return s
}

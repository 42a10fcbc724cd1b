package template

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAlign: which part of an expression changes, for parts that look alike.
func TestAlign(t *testing.T) {
	for name, tc := range map[string]struct{ expr, want, now string }{
		"tag longer":           {"!Join ['', ['x.example/', 'app:', v1]]", "x.example/app:v10", "!Join ['', ['x.example/', 'app:', v10]]"},
		"tag shorter":          {"!Join ['', ['x.example/', 'app:', v10]]", "x.example/app:v1", "!Join ['', ['x.example/', 'app:', v1]]"},
		"repository longer":    {"!Join [':', ['x.example/app', v1]]", "x.example/app2:v1", "!Join [':', ['x.example/app2', v1]]"},
		"same text twice":      {"!Join ['/', ['x.example', a, 'a:1']]", "x.example/a/b:1", "!Join ['/', ['x.example', a, 'b:1']]"},
		"behind a variable":    {"!Sub 'x.example/${AWS::StackName}:1'", "x.example/${AWS::StackName}:2", "!Sub 'x.example/${AWS::StackName}:2'"},
		"all of a sub":         {"!Sub '${AWS::AccountId}.example/a:1'", "nginx", "!Sub 'nginx'"},
		"variable of its map":  {"!Sub ['x.example/${R}:1', {R: app}]", "x.example/new:1", "!Sub ['x.example/${R}:1', {R: new}]"},
		"tag where there none": {"!Join ['/', [x.example, app]]", "x.example/app:2", "!Join ['/', [x.example, app:2]]"},
		"separator":            {"!Join [':', [x.example/app, '1']]", "x.example/app" + someDigest, "'x.example/app" + someDigest + "'"},
		"digest for tag":       {"x.example/app:v1", "x.example/app" + someDigest, "x.example/app" + someDigest},
	} {
		t.Run(name, func(t *testing.T) {
			text := "Resources: {T: {Type: 'AWS::Lambda::Function', Properties: {Code: {ImageUri: "
			p, err := PatchImages([]byte(text+tc.expr+"}}}}"), func(Image) (string, error) { return tc.want, nil })
			require.NoError(t, err)
			assert.Empty(t, p.Unpatched)
			assert.Equal(t, text+tc.now+"}}}}", string(p.Template))
		})
	}
	for name, tc := range map[string]struct {
		expr, want string
		err        error
		places     []Source
	}{
		"two parameters": {"!Sub '${R}/app:${T}'", "y.example/app:2", ErrElsewhere,
			[]Source{{Kind: "parameter", Name: "R", Path: "/Parameters/R"}, {Kind: "parameter", Name: "T", Path: "/Parameters/T"}}},
		"parameter longer":   {"!Sub '${R}/app:${T}'", "x.example/app:10", ErrElsewhere, []Source{{Kind: "parameter", Name: "T", Path: "/Parameters/T", Value: "10"}}},
		"variable in a text": {"!Join ['', [x.example/, 'a:1']]", "${AWS::Region}/b:1", ErrUnspliceable, nil},
		"condition inside":   {"!Join [':', [x.example/app, !If [C, '1', '2']]]", "x.example/app:3", ErrElsewhere, nil},
	} {
		t.Run(name, func(t *testing.T) {
			text := "Parameters: {R: {Type: String, Default: x.example}, T: {Type: String, Default: 1}}\nResources: {T: {Type: 'AWS::Lambda::Function', Properties: {Code: {ImageUri: " + tc.expr + "}}}}"
			p, err := PatchImages([]byte(text), func(Image) (string, error) { return tc.want, nil })
			require.NoError(t, err)
			require.Len(t, p.Unpatched, 1)
			assert.ErrorIs(t, p.Unpatched[0].Err, tc.err)
			if tc.places != nil {
				assert.Equal(t, tc.places, p.Unpatched[0].Sources)
			}
			assert.Equal(t, text, string(p.Template))
		})
	}
}

// TestVariables: a variable that the image has not had is no reference, and
// one that would have to move is not moved.
func TestVariables(t *testing.T) {
	text := []byte("Parameters: {T: {Type: String}}\nResources: {T: {Type: 'AWS::Lambda::Function', Properties: {Code: {ImageUri: !Sub 'x.example/a:${T}'}}}}")
	patch := func(want string) (*Patch, error) {
		return PatchImages(text, func(Image) (string, error) { return want, nil })
	}
	for _, want := range []string{"x.example/a:${U}", "x.example/${AWS::Nope}", "x.example/${T", "x.example/a b"} {
		_, err := patch(want)
		assert.ErrorIs(t, err, ErrBadValue, want)
	}
	p, err := patch("x.example/${T}/a:1")
	require.NoError(t, err)
	require.Len(t, p.Unpatched, 1)
	p, err = patch("x.example/${AWS::Region}:${T}")
	require.NoError(t, err)
	require.Len(t, p.Edits, 1)
	assert.Contains(t, string(p.Template), "!Sub 'x.example/${AWS::Region}:${T}'")
	p, err = PatchImages([]byte("Resources: {T: {Type: 'AWS::Lambda::Function', Properties: {Code: {ImageUri: a}}}}"), func(Image) (string, error) { return "${AWS::Region}/b", nil })
	require.NoError(t, err)
	require.Len(t, p.Unpatched, 1)
	assert.ErrorIs(t, p.Unpatched[0].Err, ErrUnspliceable)
	p, err = PatchImages(text, nil)
	require.NoError(t, err)
	assert.Equal(t, text, p.Template)
}

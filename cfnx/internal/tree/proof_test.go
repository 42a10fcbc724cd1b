package tree

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func parse(t *testing.T, text string) *Doc {
	t.Helper()
	d, err := Parse([]byte(text), testLimits)
	require.NoError(t, err)
	return d
}

// TestProofCatches: texts that are not the template with the edit.
func TestProofCatches(t *testing.T) {
	yaml := parse(t, "a: one # c\nb: [x, y]\n")
	edit, err := yaml.ReplaceText(yaml.Roots[0].Get("a"), 0, 3, "two")
	require.NoError(t, err)
	json := parse(t, `{"a": "one", "b": ["x", "y"]}`)
	jedit, err := json.ReplaceText(json.Roots[0].Get("a"), 0, 3, "two")
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		doc     *Doc
		edit    Edit
		patched string
	}{
		"byte before":   {yaml, edit, "A: two # c\nb: [x, y]\n"},
		"byte behind":   {yaml, edit, "a: two # C\nb: [x, y]\n"},
		"byte missing":  {yaml, edit, "a: two # c\nb: [x, y]"},
		"short":         {yaml, edit, "a"},
		"json byte":     {json, jedit, `{"a": "two", "b": ["x", "z"]}`},
		"other text":    {yaml, edit, "a: six # c\nb: [x, y]\n"},
		"another value": {yaml, replaced(edit, "two\nb: 1"), "a: two\nb: 1 # c\nb: [x, y]\n"},
		"a number":      {yaml, replaced(edit, "123"), "a: 123 # c\nb: [x, y]\n"},
		"no YAML":       {yaml, replaced(edit, "[two"), "a: [two # c\nb: [x, y]\n"},
		"a document":    {yaml, replaced(edit, "two\n---\nx: y"), "a: two\n---\nx: y # c\nb: [x, y]\n"},
		"no JSON":       {json, replaced(jedit, `two", x: "`), `{"a": "two", x: "", "b": ["x", "y"]}`},
		"another key":   {json, replaced(jedit, `two", "c": "d`), `{"a": "two", "c": "d", "b": ["x", "y"]}`},
		"JSON value":    {json, replaced(jedit, `six`), `{"a": "six", "b": ["x", "y"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			assert.ErrorIs(t, tc.doc.prove([]byte(tc.patched), []Edit{tc.edit}, testLimits), ErrProof)
		})
	}
	assert.NoError(t, yaml.prove([]byte("a: two # c\nb: [x, y]\n"), []Edit{edit}, testLimits))
	assert.NoError(t, json.prove([]byte(`{"a": "two", "b": ["x", "y"]}`), []Edit{jedit}, testLimits))

	stray := edit
	stray.Node = &Node{}
	assert.ErrorIs(t, yaml.prove([]byte("a: two # c\nb: [x, y]\n"), []Edit{stray}, testLimits), ErrProof)
}

func replaced(e Edit, text string) Edit {
	e.Text = text
	return e
}

package template

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const parent = `Resources:
  App:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: https://bucket.s3.amazonaws.com/app-1.yaml # child
      Parameters:
        Image: !Ref Image
  Net:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: !Sub "https://${Bucket}.s3.amazonaws.com/net.yaml", Parameters: {A: [1, 2]}}
  Db:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL:
        Fn::Join:
          - ''
          - [https://, !Ref Bucket, /db.yaml]
      TimeoutInMinutes: 5
Parameters:
  Bucket: {Type: String}
  Image: {Type: String, Default: 1.10}
`

func TestSetValues(t *testing.T) {
	for path, tc := range map[string]struct{ value, old, now string }{
		"/Resources/App/Properties/TemplateURL":             {"https://bucket.s3.amazonaws.com/app-2.yaml", "https://bucket.s3.amazonaws.com/app-1.yaml", "https://bucket.s3.amazonaws.com/app-2.yaml"},
		"/Resources/Net/Properties/TemplateURL":             {"https://x/y", `!Sub "https://${Bucket}.s3.amazonaws.com/net.yaml"`, "'https://x/y'"},
		"/Resources/Net/Properties/TemplateURL/Fn::Sub":     {"https://x/${Y}", "https://${Bucket}.s3.amazonaws.com/net.yaml", "https://x/${Y}"},
		"/Resources/Net/Properties/Parameters/A":            {"it's", "[1, 2]", "'it''s'"},
		"/Resources/Net/Properties/Parameters/A/1":          {"2", "2", "'2'"},
		"/Resources/Db/Properties/TemplateURL":              {"https://x", "Fn::Join:\n          - ''\n          - [https://, !Ref Bucket, /db.yaml]", "'https://x'"},
		"/Resources/Db/Properties/TemplateURL/Fn::Join/1/2": {"/new db.yaml", "/db.yaml", "'/new db.yaml'"},
		"/Resources/Db/Properties/TimeoutInMinutes":         {"no", "5", "'no'"},
		"/Parameters/Image/Default":                         {"a\tb", "1.10", `"a\u0009b"`},
	} {
		t.Run(path, func(t *testing.T) {
			p, err := SetValues([]byte(parent), []Value{{path, tc.value}})
			require.NoError(t, err)
			checkBytes(t, []byte(parent), p)
			require.Len(t, p.Edits, 1)
			assert.Equal(t, []string{tc.old, tc.now}, []string{p.Edits[0].Old, p.Edits[0].New})
			again, err := SetValues(p.Template, []Value{{path, tc.value}})
			require.NoError(t, err)
			assert.Empty(t, again.Edits)
		})
	}
}

func TestSetValuesBlocks(t *testing.T) {
	text := "Resources:\n  A: |\n    one\n    two\n\n  B:\n  - - x\n    - y # z\n  - k: v\n    l: w\n  C: >-\n    one\n"
	p, err := SetValues([]byte(text), []Value{{"/Resources/A", "a"}, {"/Resources/B/0", "b"}, {"/Resources/B/1", "c"}, {"/Resources/C", "d"}})
	require.NoError(t, err)
	assert.Equal(t, "Resources:\n  A: 'a'\n\n  B:\n  - 'b' # z\n  - 'c'\n  C: >-\n    d\n", string(p.Template))
}

func TestSetValuesJSON(t *testing.T) {
	text := []byte(`{"Resources": {"A/B": {"x~y": {"Ref": "Z"}, "n": 5}}}`)
	p, err := SetValues(text, []Value{{"/Resources/A~1B/n", `say "5"`}, {"/Resources/A~1B/x~0y", "z"}})
	require.NoError(t, err)
	assert.Equal(t, `{"Resources": {"A/B": {"x~y": "z", "n": "say \"5\""}}}`, string(p.Template))
	assert.Equal(t, "A/B", p.Edits[0].Resource)
	assert.Less(t, p.Edits[0].Start, p.Edits[1].Start)
}

func TestSetValuesRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		template, path string
		want           error
	}{
		"no such key":   {parent, "/Resources/App/Properties/Nope", ErrNoValue},
		"no such index": {parent, "/Resources/Net/Properties/Parameters/A/02", ErrNoValue},
		"no pointer":    {parent, "Resources", ErrNoValue},
		"twice":         {"Resources: {A: 1, A: 2}", "/Resources/A", ErrUnspliceable},
		"alias":         {"Resources: {A: &a x, B: *a}", "/Resources/B", ErrUnspliceable},
		"anchor in use": {"Resources: {A: &a {C: x}, B: *a}", "/Resources/A/C", ErrUnspliceable},
		"not written":   {"Resources:\n  A:\n  B: 1\n", "/Resources/A", ErrUnspliceable},
		"argument":      {"Resources: {A: !Join ['', [a, b]]}", "/Resources/A/Fn::Join", ErrUnspliceable},
		"mangled":       {"Resources:\n  A: Gr??e\n", "/Resources/A", ErrMangled},
		"not UTF-8":     {"Resources: {A: \xe4}", "/Resources/A", ErrEncoding},
		"no template":   {"A: 1", "/A", ErrNotTemplate},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := SetValues([]byte(tc.template), []Value{{tc.path, "new"}})
			assert.ErrorIs(t, err, tc.want)
			assert.Nil(t, p)
			var te *Error
			assert.ErrorAs(t, err, &te)
		})
	}
	_, err := SetValues([]byte(parent), []Value{{"/Resources/App/Properties/TemplateURL", "a"}, {"/Resources/App/Properties/TemplateURL", "b"}})
	assert.ErrorIs(t, err, ErrUnspliceable, "one value set twice")
	_, err = SetValues([]byte(parent), []Value{{"/Resources/App/Properties", "a"}, {"/Resources/App/Properties/TemplateURL", "b"}})
	assert.ErrorIs(t, err, ErrUnspliceable, "one value inside the other")
}

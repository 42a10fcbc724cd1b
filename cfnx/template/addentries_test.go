package template

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx/internal/corpus"
)

func newEntry(path, value string) Entry { return Entry{path, json.RawMessage(value)} }

func TestAddEntries(t *testing.T) {
	secret := newEntry("/Outputs/SecretArn", `{"Description": "yes", "Value": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf", "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-secret"}}}`)
	for name, tc := range map[string]struct {
		template string
		entries  []Entry
		want     string
	}{
		"block": {"Resources: {}\nOutputs:\n    Url:   # where\n        Value: x   # it is\n\n# end\n", []Entry{secret},
			"Resources: {}\nOutputs:\n    Url:   # where\n        Value: x   # it is\n    SecretArn:\n        Description: 'yes'\n        Value: arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf\n        Export:\n            Name:\n                Fn::Sub: '${AWS::StackName}-secret'\n\n# end\n"},
		"no final newline": {"Resources: {}\nOutputs:\n  Url: {Value: x}", []Entry{newEntry("/Outputs/A", `{"Value": "1"}`), newEntry("/Outputs/B", `{"Value": "b"}`)},
			"Resources: {}\nOutputs:\n  Url: {Value: x}\n  A:\n    Value: '1'\n  B:\n    Value: b"},
		"crlf": {"Resources: {}\r\nOutputs:\r\n  Url:\r\n    Value: x\r\n", []Entry{newEntry("/Outputs/A", `{"Value": "a"}`)},
			"Resources: {}\r\nOutputs:\r\n  Url:\r\n    Value: x\r\n  A:\r\n    Value: a\r\n"},
		"no outputs": {"Resources:\n  A: {Type: X}\n", []Entry{newEntry("/Outputs/A", `{"Value": "a"}`), newEntry("/Outputs/B", `{"Value": "b"}`)},
			"Resources:\n  A: {Type: X}\nOutputs:\n  A:\n    Value: a\n  B:\n    Value: b\n"},
		"flow": {"{Resources: {}, Outputs: {Url: {Value: x} } }\n", []Entry{newEntry("/Outputs/A", `{"Value": "a:b"}`)},
			"{Resources: {}, Outputs: {Url: {Value: x}, \"A\": {\"Value\": \"a:b\"} } }\n"},
		"list of maps": {"Resources:\n  T:\n    Secrets:\n    - Name: A\n      ValueFrom: x # one\n    Other: 1\n", []Entry{newEntry("/Resources/T/Secrets/-", `{"Name": "B", "ValueFrom": {"Ref": "S"}}`)},
			"Resources:\n  T:\n    Secrets:\n    - Name: A\n      ValueFrom: x # one\n    - Name: B\n      ValueFrom:\n        Ref: S\n    Other: 1\n"},
		"new list in a list item": {"Resources:\n  T:\n    Containers:\n      - Name: A\n        Image: x\n      - Name: B\n", []Entry{newEntry("/Resources/T/Containers/0/Secrets/-", `{"Name": "S"}`), newEntry("/Resources/T/Containers/0/Secrets/-", `{"Name": "T"}`)},
			"Resources:\n  T:\n    Containers:\n      - Name: A\n        Image: x\n        Secrets:\n          - Name: S\n          - Name: T\n      - Name: B\n"},
		"json": {"{\n    \"Resources\": {},\n    \"Outputs\": {\n        \"Url\": {\n            \"Value\": \"x\"\n        }\n    }\n}\n", []Entry{newEntry("/Outputs/A", `{"Value":"a","Export":{"Name":"n"}}`)},
			"{\n    \"Resources\": {},\n    \"Outputs\": {\n        \"Url\": {\n            \"Value\": \"x\"\n        },\n        \"A\": {\n            \"Value\": \"a\",\n            \"Export\": {\n                \"Name\": \"n\"\n            }\n        }\n    }\n}\n"},
		"json minified":     {`{"Resources":{"T":{"Secrets":[]}}}`, []Entry{newEntry("/Resources/T/Secrets/-", `{"Name": "S", "N": 1}`), newEntry("/Outputs/A", `{"Value": "a"}`)}, `{"Resources":{"T":{"Secrets":[{"Name":"S","N":1}]}},"Outputs":{"A":{"Value":"a"}}}`},
		"json empty":        {"{\"Resources\": {}, \"Outputs\": {}}", []Entry{newEntry("/Outputs/A", `{"Value": "a", "D": "b"}`)}, "{\"Resources\": {}, \"Outputs\": {\"A\": {\"Value\": \"a\", \"D\": \"b\"}}}"},
		"is there":          {"Resources: {}\nOutputs: {A: {Value: a}}\n", []Entry{newEntry("/Outputs/A", `{"Value": "a"}`)}, "Resources: {}\nOutputs: {A: {Value: a}}\n"},
		"behind a block":    {"Resources: {}\nOutputs:\n  Url:\n    Value: |\n      text\n", []Entry{newEntry("/Outputs/A", `{"Value": "a"}`)}, "Resources: {}\nOutputs:\n  Url:\n    Value: |\n      text\n  A:\n    Value: a\n"},
		"with a line break": {"Resources: {}\nOutputs:\n  U: {Value: x}\n", []Entry{newEntry("/Outputs/A", `{"Value": "a\nb", "List": [1, true, null, [], {}]}`)}, "Resources: {}\nOutputs:\n  U: {Value: x}\n  A:\n    Value: \"a\\u000ab\"\n    List:\n      - 1\n      - true\n      - null\n      - []\n      - {}\n"},
		"trailing comma":    {"{Resources: {}, Outputs: {U: {Value: x},\n}}\n", []Entry{newEntry("/Outputs/A", `"a"`)}, "{Resources: {}, Outputs: {U: {Value: x}, \"A\": \"a\",\n}}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := AddEntries([]byte(tc.template), tc.entries)
			require.NoError(t, err)
			assert.Equal(t, tc.want, string(p.Template))
			checkBytes(t, []byte(tc.template), p)
		})
	}
}

func TestAddEntriesRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		template string
		entry    Entry
		want     error
	}{
		"another value":  {"Resources: {}\nOutputs: {A: {Value: a}}\n", newEntry("/Outputs/A", `{"Value": "b"}`), ErrExists},
		"given twice":    {"Resources: {}\nOutputs: {A: {Value: a}, A: {Value: b}}\n", newEntry("/Outputs/A", `{"Value": "b"}`), ErrUnspliceable},
		"alias":          {"Resources: {}\nx: &x {A: 1}\nOutputs: *x\n", newEntry("/Outputs/B", `"b"`), ErrUnspliceable},
		"anchor in use":  {"Resources: {}\nx: *o\nOutputs: &o {A: 1}\n", newEntry("/Outputs/B", `"b"`), ErrNotTemplate},
		"anchored":       {"Resources: {}\nOutputs: &o {A: 1}\nx: *o\n", newEntry("/Outputs/B", `"b"`), ErrUnspliceable},
		"no JSON":        {"Resources: {}\nOutputs: {A: 1}\n", newEntry("/Outputs/B", `b`), ErrBadValue},
		"a function":     {"Resources: {}\nOutputs: !Foo {A: 1}\n", newEntry("/Outputs/B", `"b"`), ErrUnspliceable},
		"a scalar":       {"Resources: {}\nOutputs: x\n", newEntry("/Outputs/B", `"b"`), ErrUnspliceable},
		"no pointer":     {"Resources: {}\n", newEntry("Outputs", `"b"`), ErrNoValue},
		"keeping block":  {"Resources: {}\nOutputs:\n  A: |+\n    a\n\n", newEntry("/Outputs/B", `"b"`), ErrUnspliceable},
		"unwritten last": {"Resources: {}\nOutputs:\n  A:\n", newEntry("/Outputs/B", `"b"`), ErrUnspliceable},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := AddEntries([]byte(tc.template), []Entry{tc.entry})
			assert.ErrorIs(t, err, tc.want)
			assert.Nil(t, p)
		})
	}
}

// TestAddEntriesCorpus adds an output to every template that can have one.
func TestAddEntriesCorpus(t *testing.T) {
	added, refused := 0, map[string]int{}
	files := corpus.Some(t, 20, "templates")
	for file, text := range files {
		p, err := AddEntries(text, []Entry{newEntry("/Outputs/StackrescueAdded", `{"Value": "a", "Description": "1.10"}`)}, func(o *Options) { o.Original = true })
		if err != nil {
			refused[err.Error()[strings.LastIndex(err.Error(), ": ")+2:]]++
			t.Logf("%s: %v", file, err)
			continue
		}
		added++
		checkBytes(t, text, p)
	}
	t.Logf("%d added, refused %v", added, refused)
	assert.Greater(t, added*10, len(files)*9)
}

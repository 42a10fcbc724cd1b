package ecrx_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecrx"
)

// corpus is a folder of real data that is not part of the repository; see
// STACKRESCUE_CORPUS.
func corpus(t testing.TB, elem ...string) string {
	t.Helper()
	dir := os.Getenv("STACKRESCUE_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "corpus")
	}
	dir = filepath.Join(append([]string{dir}, elem...)...)
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("STACKRESCUE_NO_SKIP") == "1" {
			t.Fatal(err)
		}
		t.Skip("the corpus is not here, set STACKRESCUE_CORPUS: " + err.Error())
	}
	return dir
}

// refused are the files of the corpus that ECR refuses, with what is said about
// them; every other one is accepted.
var refused = map[string]string{
	"028_moto_test-ecr.json":                   "rule 1: selection.countUnit: instance failed to match exactly one schema (matched 0 out of 2)",
	"030_moto_test-ecr-policy-validation.json": "rule 2: selection.tagPatternList: tagPrefixList and tagPatternList cannot both be given",
	"057_devcloud_provider-test.json":          `rule 1: selection: object has missing required properties (["selection"])`,

	"moto-validation/01_test_validate_valid.json":                                                 "rule 2: selection.tagPatternList: tagPrefixList and tagPatternList cannot both be given",
	"moto-validation/02_test_validate_error_parse_not_json.json":                                  "Could not map policyString into LifecyclePolicy.",
	"moto-validation/03_test_validate_error_parse_not_dict.json":                                  "Could not map policyString into LifecyclePolicy.",
	"moto-validation/04_test_validate_error_extract_rules_no_rules.json":                          `rules: object has missing required properties (["rules"])`,
	"moto-validation/05_test_validate_error_extract_rules_not_list.json":                          `rules: instance type (object) does not match any allowed primitive type (allowed: ["array"])`,
	"moto-validation/06_test_validate_error_rule_type_not_dict.json":                              `rules[0]: instance type (string) does not match any allowed primitive type (allowed: ["object"])`,
	"moto-validation/07_test_validate_error_rule_properties_missing_rulePriority.json":            `rules[0]: rulePriority: object has missing required properties (["rulePriority"])`,
	"moto-validation/08_test_validate_error_rule_properties_missing_selection.json":               `rule 1: selection: object has missing required properties (["selection"])`,
	"moto-validation/09_test_validate_error_rule_properties_missing_action.json":                  `rule 1: action: object has missing required properties (["action"])`,
	"moto-validation/10_test_validate_error_rule_properties_unknown.json":                         `rule 1: unknown: object instance has properties which are not allowed by the schema: (["unknown"])`,
	"moto-validation/11_test_validate_error_action_properties_missing_type.json":                  `rule 1: action.type: object has missing required properties (["type"])`,
	"moto-validation/12_test_validate_error_action_properties_unknown.json":                       `rule 1: action.unknown: object instance has properties which are not allowed by the schema: (["unknown"])`,
	"moto-validation/13_test_validate_error_action_properties_unknown_type_value.json":            `rule 1: action.type: instance value ("keep") not found in enum (possible values: ["expire","transition"])`,
	"moto-validation/14_test_validate_error_selection_properties_missing_tagStatus.json":          `rule 1: selection.tagStatus: object has missing required properties (["tagStatus"])`,
	"moto-validation/15_test_validate_error_selection_properties_missing_countType.json":          `rule 1: selection.countType: object has missing required properties (["countType"])`,
	"moto-validation/16_test_validate_error_selection_properties_missing_countNumber.json":        `rule 1: selection.countNumber: object has missing required properties (["countNumber"])`,
	"moto-validation/17_test_validate_error_selection_properties_unknown.json":                    `rule 1: selection.unknown: object instance has properties which are not allowed by the schema: (["unknown"])`,
	"moto-validation/18_test_validate_error_selection_properties_unknown_tagStatus_value.json":    `rule 1: selection.tagStatus: instance value ("unknown") not found in enum (possible values: ["any","tagged","untagged"])`,
	"moto-validation/19_test_validate_error_selection_properties_unknown_countType_value.json":    `rule 1: selection.countType: instance failed to match exactly one schema (matched 0 out of 2)`,
	"moto-validation/20_test_validate_error_selection_properties_unknown_countUnit_value.json":    `rule 1: selection.countUnit: instance value ("unknown") not found in enum (possible values: ["days"])`,
	"moto-validation/21_test_validate_error_selection_properties_zero_countNumber_value.json":     `rule 1: selection.countNumber: numeric instance is lower than the required minimum (minimum: 1, found: 0)`,
	"moto-validation/22_test_validate_error_selection_properties_negative_countNumber_value.json": `rule 1: selection.countNumber: numeric instance is lower than the required minimum (minimum: 1, found: -1)`,
}

func TestPolicyCorpus(t *testing.T) {
	t.Parallel()
	dir := corpus(t, "lifecycle")
	accepted := 0
	for _, pattern := range []string{"*.json", "moto-validation/*.json"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		require.NoError(t, err)
		for _, f := range files {
			name, err := filepath.Rel(dir, f)
			require.NoError(t, err)
			text, err := os.ReadFile(f)
			require.NoError(t, err)
			p, err := ecrx.ParsePolicy(string(text))
			if want, ok := refused[filepath.ToSlash(name)]; ok {
				require.EqualError(t, err, "lifecycle policy: "+want, name)
				require.ErrorAs(t, err, new(*ecrx.PolicyError))
				continue
			}
			require.NoError(t, err, name)
			accepted++
			roundTrip(t, string(text), p)
		}
	}
	t.Logf("%d accepted, %d refused", accepted, len(refused))
	require.Equal(t, 38+22, accepted+len(refused))
}

// roundTrip holds what is written against what was read, member by member; only
// the order of the rules may differ.
func roundTrip(t testing.TB, text string, p *ecrx.Policy) {
	t.Helper()
	again, err := ecrx.ParsePolicy(p.String())
	var pe *ecrx.PolicyError
	if errors.As(err, &pe) && strings.HasPrefix(pe.Reason, "text must have length") {
		return // a text that is long enough only by its white space
	}
	require.NoError(t, err)
	require.Equal(t, p, again)
	require.True(t, p.Equal(again))
	var want, got map[string]any // of members that stand twice the last one counts
	require.NoError(t, json.Unmarshal([]byte(text), &want))
	require.NoError(t, json.Unmarshal([]byte(p.String()), &got))
	require.ElementsMatch(t, want["rules"], got["rules"])
}

// TestMotoReasons holds our texts against those that moto took over from AWS.
func TestMotoReasons(t *testing.T) {
	t.Parallel()
	dir := corpus(t, "lifecycle", "moto-validation")
	lines, err := os.ReadFile(filepath.Join(dir, "expected.jsonl"))
	require.NoError(t, err)
	differ := map[string]bool{
		"01_test_validate_valid.json":                        true, // both lists: the documentation allows one
		"05_test_validate_error_extract_rules_not_list.json": true, // moto says that rules is missing, where it is of the wrong type
	}
	for line := range strings.Lines(string(lines)) {
		var want struct{ File, Message string }
		require.NoError(t, json.Unmarshal([]byte(line), &want))
		text, err := os.ReadFile(filepath.Join(dir, want.File))
		require.NoError(t, err)
		_, err = ecrx.ParsePolicy(string(text))
		pe, ok := errors.AsType[*ecrx.PolicyError](err)
		require.True(t, ok, want.File)
		if differ[want.File] {
			continue
		}
		// moto prints Python's name of the type, no quotes around the value, a
		// colon too many, and does not know transition.
		reason := strings.NewReplacer(`("`, "(", `")`, ")", "(string)", "(<class 'str'>)", "enum (", "enum :(", `"expire","transition"`, `"expire"`, `","`, `", "`).Replace(pe.Reason)
		require.Contains(t, strings.NewReplacer(`("`, "(", `")`, ")").Replace(want.Message), reason, want.File)
	}
}

func TestReferenceCorpus(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(filepath.Join(corpus(t, "imagerefs"), "distribution-reference-tests.jsonl"))
	require.NoError(t, err)
	for line := range strings.Lines(string(b)) {
		var want struct{ Input, Err, Domain, Repository, Tag, Digest string }
		require.NoError(t, json.Unmarshal([]byte(line), &want))
		i, err := ecrx.Parse(want.Input)
		if err != nil {
			require.ErrorIs(t, err, ecrx.ErrReference)
			continue
		}
		again, err := ecrx.Parse(i.String())
		require.NoError(t, err, want.Input)
		require.Equal(t, i, again, want.Input)
		if want.Err == "" && want.Digest != "" {
			require.Equal(t, want.Digest, i.Digest, want.Input)
		}
	}
}

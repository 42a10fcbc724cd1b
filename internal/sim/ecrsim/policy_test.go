package ecrsim

import (
	"strings"
	"testing"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"
)

const description = `"description":"a description that makes the policy long enough for the service",`

func TestPolicyTexts(t *testing.T) {
	t.Parallel()
	one := func(selection, action string) string {
		return `{"rules":[{"rulePriority":1,` + description + `"selection":{` + selection + `},"action":` + action + `}]}`
	}
	const expire = `{"type":"expire"}`
	tests := map[string]struct{ text, want string }{
		"not json":         {strings.Repeat("x", 100), "Could not map policyString into LifecyclePolicy."},
		"not an object":    {`["` + strings.Repeat("x", 100) + `"]`, "Could not map policyString into LifecyclePolicy."},
		"no rules":         {`{"other":"` + strings.Repeat("x", 100) + `"}`, `object has missing required properties (["rules"])`},
		"rule not object":  {`{"rules":["` + strings.Repeat("x", 100) + `"]}`, `instance type (string) does not match any allowed primitive type (allowed: ["object"])`},
		"no selection":     {`{"rules":[{"rulePriority":1,` + description + `"action":{"type":"expire"}}]}`, `object has missing required properties (["selection"])`},
		"priority 0":       {`{"rules":[{"rulePriority":0,` + description + `"selection":{},"action":{"type":"expire"}}]}`, "numeric instance is lower than the required minimum (minimum: 1, found: 0)"},
		"bad action":       {one(`"tagStatus":"any","countType":"imageCountMoreThan","countNumber":1`, `{"type":"keep"}`), `instance value ("keep") not found in enum (possible values: ["expire","transition"])`},
		"null target":      {one(`"tagStatus":"any","countType":"imageCountMoreThan","countNumber":1`, `{"type":"expire","targetStorageClass":null}`), noSchema},
		"unit with count":  {one(`"tagStatus":"any","countType":"imageCountMoreThan","countUnit":"days","countNumber":1`, expire), noSchema},
		"no unit":          {one(`"tagStatus":"any","countType":"sinceImagePushed","countNumber":1`, expire), noSchema},
		"count 0":          {one(`"tagStatus":"any","countType":"imageCountMoreThan","countNumber":0`, expire), "numeric instance is lower than the required minimum (minimum: 1, found: 0)"},
		"tagged, no list":  {one(`"tagStatus":"tagged","countType":"imageCountMoreThan","countNumber":1`, expire), "Must specify tagPrefixList or tagPatternList when tagStatus=TAGGED."},
		"six wildcards":    {one(`"tagStatus":"tagged","tagPatternList":["test*1*2*3*4*5*6"],"countType":"imageCountMoreThan","countNumber":1`, expire), "A pattern of tagPatternList can have at most 4 wildcards."},
		"pulled, expire":   {one(`"tagStatus":"any","countType":"sinceImagePulled","countUnit":"days","countNumber":1`, expire), "countType sinceImagePulled requires the action transition."},
		"89 days archived": {one(`"tagStatus":"any","storageClass":"archive","countType":"sinceImageTransitioned","countUnit":"days","countNumber":89`, expire), "countNumber of sinceImageTransitioned must be at least 90."},
		"two untagged": {`{"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged","countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}},` +
			`{"rulePriority":2,"selection":{"tagStatus":"untagged","countType":"imageCountMoreThan","countNumber":2},"action":{"type":"expire"}}]}`, "Only one rule can select Untagged images per storage class."},
		"any not last": {`{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}},` +
			`{"rulePriority":2,"selection":{"tagStatus":"untagged","countType":"imageCountMoreThan","countNumber":2},"action":{"type":"expire"}}]}`, "Rule for tagStatus=ANY must have the lowest priority per storage class"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parsePolicy(test.text)
			var api smithy.APIError
			require.ErrorAs(t, err, &api)
			require.Equal(t, "InvalidParameterException", api.ErrorCode())
			require.Equal(t, "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure: "+test.want+"'", api.ErrorMessage())
		})
	}
	_, err := parsePolicy(one(`"tagStatus":"tagged","tagPatternList":["*test*1*2*3","test*1*2*3*"],"countType":"imageCountMoreThan","countNumber":1`, expire))
	require.NoError(t, err)
}

func TestWildcard(t *testing.T) {
	t.Parallel()
	for _, x := range []string{"prod* prod", "prod* prod1", "prod* production-team1", "*prod* repo-production", "*prod* prod-team", "a*b*c axxbxxc", "* anything"} {
		p, s, _ := strings.Cut(x, " ")
		require.True(t, wildcard(p, s), x)
	}
	for _, x := range []string{"prod* xprod", "a*b*c abcx", "ab*ba aba", "prod prod1"} {
		p, s, _ := strings.Cut(x, " ")
		require.False(t, wildcard(p, s), x)
	}
}

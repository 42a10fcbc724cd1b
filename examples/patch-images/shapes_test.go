package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Odd but legal shapes of templates, and a few that are not: each is patched and
// nothing else in it changes, or refused with the place and the reason. ONE stands
// for a task definition up to its image.
func TestShapesOfTemplates(t *testing.T) {
	t.Parallel()
	const one = "Resources:\n  Job:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n        - Name: app\n          Image: "
	const account = "210987654321.dkr.ecr.eu-west-1.amazonaws.com/shop"
	sha := "sha256:" + strings.Repeat("ab", 32)
	type shape struct {
		body string
		// old is replaced by now, once in the template; "" for one that is refused.
		old, now string
		// says is on standard error, or in the error.
		says []string
		args []string
	}
	patched := 0
	for name, x := range map[string]shape{
		"map of a Sub":        {body: "ONE!Sub\n            - '${R}:${T}'\n            - {R: " + account + ", T: '3'}\n", old: "T: '3'", now: "T: '9'"},
		"joined digest":       {body: "ONE!Join ['@', [" + account + ", '" + sha + "']]\n", old: "!Join ['@', [" + account + ", '" + sha + "']]", now: "'" + account + ":9'"},
		"select of a split":   {body: "Parameters: {P: {Type: String, Default: 'shop:1'}}\nONE!Join [':', [!Select [0, !Split [':', !Ref P]], '3']]\n", old: "'3']", now: "'9']"},
		"if without the else": {body: "Conditions: {C: !Equals [a, b]}\nONE!If [C, 'shop:3', !Ref 'AWS::NoValue']\n", old: "shop:3", now: "shop:9"},
		"mapping by region":   {body: "Mappings: {M: {eu-west-1: {i: 'shop:3'}}}\nONE!FindInMap [M, !Ref 'AWS::Region', i, {DefaultValue: 'shop:0'}]\n", says: []string{"/Resources/Job/Properties/ContainerDefinitions/0/Image", "give -region and -account", "/Mappings/M"}},
		"mapping, region given": {body: "Mappings: {M: {eu-west-1: {i: 'shop:3'}}}\nONE!FindInMap [M, !Ref 'AWS::Region', i, {DefaultValue: 'shop:0'}]\n", args: []string{"-region", "eu-west-1"},
			says: []string{"set mapping /Mappings/M/eu-west-1/i to shop:9"}},
		"dynamic reference": {body: "ONE'{{resolve:ssm:/shop/image:7}}'\n", says: []string{"it comes from ssm /shop/image"}},
		"loop":              {body: "Transform: AWS::LanguageExtensions\nResources:\n  Fn::ForEach::Jobs:\n    - N\n    - [a, b]\n    - Job${N}: {Type: AWS::ECS::TaskDefinition, Properties: {ContainerDefinitions: [{Name: !Ref N, Image: !Sub 'x/${N}:3'}]}}\n", says: []string{"name one of Fn::ForEach::Jobs/Job${N}", "changes all that it makes"}},
		"loop by its name":  {body: "Transform: AWS::LanguageExtensions\nResources:\n  Fn::ForEach::Jobs:\n    - N\n    - [a, b]\n    - Job${N}: {Type: AWS::ECS::TaskDefinition, Properties: {ContainerDefinitions: [{Name: !Ref N, Image: !Sub 'x/${N}:3'}]}}\n", args: []string{"-image", "Fn::ForEach::Jobs/Job${N}=:9"}, old: "x/${N}:3", now: "x/${N}:9"},
		"include beside":    {body: "Resources:\n  Job:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n        - Fn::Transform: {Name: AWS::Include, Parameters: {Location: s3://b/k}}\n        - {Name: app, Image: 'shop:3'}\n", old: "shop:3", now: "shop:9", says: []string{"made by Fn::Transform and were not looked at"}},
		"merge key":         {body: "x: &x {Image: 'shop:3'}\nResources: {Job: {Type: AWS::ECS::TaskDefinition, Properties: {ContainerDefinitions: [{<<: *x, Name: app}, {<<: *x, Name: side}]}}}\n", says: []string{"line 1", "shared by a YAML alias"}},
		"anchored scalar":   {body: "ONE&i shop:3\n        - {Name: side, Image: *i}\n", says: []string{"line 7", "shared by a YAML alias"}},
		"two documents":     {body: "ONEshop:3\n---\nmore: 1\n", says: []string{"line 9", "several YAML documents"}},
		"mark and CR LF":    {body: "\ufeff" + strings.ReplaceAll(one, "\n", "\r\n") + "shop:3 # it\r\n", old: "shop:3", now: "shop:9"},
		"comments before":   {body: "ONE# which?\n            # this one:\n            shop:3\n", old: "shop:3", now: "shop:9"},
		"folded block":      {body: "ONE>-\n            shop:3\n          Essential: true\n", old: "shop:3", now: "shop:9"},
		"explicit key":      {body: strings.Replace(one, "Image: ", "? Image\n          : ", 1) + "shop:3\n", old: "shop:3", now: "shop:9"},
		"broken text":       {body: "ONE!Sub\n            \"${AWS::AccountId}.dkr.\\\n             ecr.${AWS::Region}.amazonaws.com/shop:3\"\n", old: "shop:3", now: "shop:9"},
		"key given twice":   {body: `{"Resources":{"Job":{"Type":"AWS::ECS::TaskDefinition","Properties":{"ContainerDefinitions":[{"Name":"app","Image":"shop:3","Image":"shop:4"}]}}}}`, says: []string{"line 1", "key is given twice"}},
		"JSON with comment": {body: "{\"Resources\": {} // no\n}", says: []string{"not a CloudFormation template"}},
		"JSON escapes":      {body: `{"Resources":{"Job":{"Type":"AWS::ECS::TaskDefinition","Properties":{"ContainerDefinitions":[{"Name":"a\u0070p","Image":"\u0073hop\u003a3"}]}}}}`, old: `3"`, now: `9"`},
		"JSON on one line":  {body: `{"Resources":{"A":{"Type":"AWS::SNS::Topic"},"Job":{"Type":"AWS::ECS::TaskDefinition","Properties":{"ContainerDefinitions":[{"Image":"shop:3","Name":"app"}]}}}}`, old: "shop:3", now: "shop:9"},
		"tabs":              {body: strings.TrimSuffix(one, " ") + "\tshop:3\t# tab\n", old: "shop:3", now: "shop:9"},
		"all flow":          {body: "{Resources: {Job: {Type: 'AWS::ECS::TaskDefinition', Properties: {ContainerDefinitions: [{Name: app, Image: !Sub '${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/shop:3'}]}}}}\n", old: "/shop:3", now: "/shop:9"},
		"if of a container": {body: "Conditions: {C: !Equals [a, b]}\nONEshop:3\n        - !If [C, {Name: xray, Image: 'x:1'}, !Ref 'AWS::NoValue']\n", old: "shop:3", now: "shop:9"},
		"if of the list":    {body: "Conditions: {C: !Equals [a, b]}\nResources: {Job: {Type: AWS::ECS::TaskDefinition, Properties: {ContainerDefinitions: !If [C, [{Name: app, Image: 'shop:3'}], [{Name: app, Image: 'shop:3-b'}]]}}}\n", old: "'shop:3'}], [{Name: app, Image: 'shop:3-b'}]", now: "'shop:9'}], [{Name: app, Image: 'shop:9'}]"},
		"imported":          {body: "ONE!ImportValue shop-image\n", says: []string{"it comes from export shop-image"}},
		"imported registry": {body: "ONE!Sub ['${U}:3', {U: !ImportValue shop-uri}]\n", old: "${U}:3", now: "${U}:9"},
		"own repository":    {body: "ONE!Join [':', [!GetAtt Repo.RepositoryUri, '3']]\n  Repo: {Type: AWS::ECR::Repository}\n", old: "'3']", now: "'9']"},
		"quoted":            {body: "ONE\"shop:3\" # a: b\n", old: `"shop:3"`, now: `"shop:9"`},
		"other letters":     {body: "Description: ключ\nONEshop:3\n", old: "shop:3", now: "shop:9"},
		"Latin-1":           {body: "Description: Gr\xfc\xdfe\nONEshop:3\n", says: []string{"not UTF-8", "Latin-1"}},
		"a number":          {body: "ONE1.10\n", old: "Image: 1.10", now: "Image: '1.10:9'"},
		"a tag as Number":   {body: "Parameters: {V: {Type: Number, Default: 3}}\nONE!Sub 'shop:${V}'\n", args: []string{"-image", "app=:v9"}, says: []string{"parameter V does not take v9: it is a Number"}},
		"dollar as it is":   {body: "ONE!Sub 'shop:${!V}-3'\n", old: "shop:${!V}-3", now: "shop:9"},
		"other types":       {body: "Resources:\n  J: {Type: AWS::Batch::JobDefinition, Properties: {ContainerProperties: {Image: 'shop:3'}}}\n", args: []string{"-image", "J=:9"}, old: "shop:3", now: "shop:9"},
		"no type of ours":   {body: "Resources: {J: {Type: Custom::Thing, Properties: {Image: 'shop:3'}}}\n", says: []string{"it has no image"}},
	} {
		t.Run(name, func(t *testing.T) {
			body := strings.Replace(x.body, "ONE", one, 1)
			args := x.args
			if len(args) == 0 || args[0] != "-image" {
				args = append([]string{"-image", "app=:9"}, args...)
			}
			var stdout, stderr bytes.Buffer
			err := run(args, strings.NewReader(body), &stdout, &stderr)
			said := stderr.String()
			if err != nil {
				said += err.Error()
			}
			for _, want := range x.says {
				assert.Contains(t, said, want)
			}
			if x.old == "" {
				require.Error(t, err)
				assert.Empty(t, stdout.String())
				return
			}
			require.NoError(t, err, said)
			require.Equal(t, 1, strings.Count(body, x.old))
			assert.Equal(t, strings.Replace(body, x.old, x.now, 1), stdout.String())
			patched++
		})
	}
	t.Logf("%d patched, the others refused with their places", patched)
	assert.Equal(t, 24, patched)
}

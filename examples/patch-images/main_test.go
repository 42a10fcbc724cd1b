package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const shop = `# shop
Parameters:
  Tag: {Type: String, Default: '7'}
Resources:
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      ContainerDefinitions:
        - Name: backend
          Image: !Sub '${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/backend:v1' # keep
        - Name: proxy
          Image: nginx:1.25
        - Name: worker
          Image: !Sub 'host.example/worker:${Tag}'
`

func start(t *testing.T, stdin string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, told bytes.Buffer
	err = run(args, strings.NewReader(stdin), &out, &told)
	return out.String(), told.String(), err
}

func TestPatch(t *testing.T) {
	out, told, err := start(t, shop, "-image", "backend=:v2", "-image", "nginx=public.ecr.aws/nginx/nginx:1.27")
	require.NoError(t, err)
	want := strings.NewReplacer("backend:v1", "backend:v2", "nginx:1.25", "public.ecr.aws/nginx/nginx:1.27").Replace(shop)
	assert.Equal(t, want, out)
	assert.Contains(t, told, "line 10: /Resources/Task/Properties/ContainerDefinitions/0/Image")

	file, to := filepath.Join(t.TempDir(), "app.yaml"), filepath.Join(t.TempDir(), "out.yaml")
	require.NoError(t, os.WriteFile(file, []byte(shop), 0o600))
	out, _, err = start(t, "", "-template", file, "-image", "backend=:v2", "-o", to)
	require.NoError(t, err)
	assert.Empty(t, out)
	b, err := os.ReadFile(to)
	require.NoError(t, err)
	assert.Equal(t, strings.Replace(shop, "backend:v1", "backend:v2", 1), string(b))
}

func TestDiff(t *testing.T) {
	out, _, err := start(t, shop, "-image", "backend=:v2", "-image", "proxy=nginx:1", "-diff")
	require.NoError(t, err)
	assert.Equal(t, `--- template
+++ template
@@ -10,1 +10,1 @@
-          Image: !Sub '${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/backend:v1' # keep
+          Image: !Sub '${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/backend:v2' # keep
@@ -12,1 +12,1 @@
-          Image: nginx:1.25
+          Image: nginx:1
`, out)
	out, _, err = start(t, "{Resources: {A: {Type: 'AWS::Lambda::Function', Properties: {Code: {ImageUri: 'a:1'}}}, B: {Type: 'AWS::Lambda::Function', Properties: {Code: {ImageUri: 'b:1'}}}}}", "-image", "a=:2", "-image", "b=:2", "-diff")
	require.NoError(t, err)
	assert.Equal(t, 2, strings.Count(out, "\\ No newline at end of file"))
	assert.Equal(t, 1, strings.Count(out, "@@ -1,1 +1,1 @@"))
}

func TestElsewhere(t *testing.T) {
	out, told, err := start(t, shop, "-image", "worker=:8", "-image", "backend=:v2")
	assert.ErrorIs(t, err, errUnchanged)
	assert.Empty(t, out, "nothing is written")
	assert.Contains(t, told, "set parameter Tag to 8")

	_, told, err = start(t, shop, "-image", "typo=:8")
	assert.ErrorIs(t, err, errUnchanged)
	assert.Contains(t, told, "no container or repository typo")

	out, _, err = start(t, shop, "-image", "worker=:8", "-parameter", "Tag=8")
	require.NoError(t, err, "it has that tag")
	assert.Equal(t, shop, out)
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"-image", "x"}, {"-nope"}, {"-image", "a=b", "file"}, {"-image", "a=:b", "-diff", "-o", "x"}} {
		_, _, err := start(t, shop, args...)
		assert.ErrorIs(t, err, errUsage, "%q", args)
	}
	_, _, err := start(t, "a: b", "-image", "a=:b")
	assert.ErrorContains(t, err, "not a CloudFormation template")
	_, _, err = start(t, "", "-template", filepath.Join(t.TempDir(), "none"), "-image", "a=:b")
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestList(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "bad.yaml")
	require.NoError(t, os.WriteFile(good, []byte(shop), 0o600))
	require.NoError(t, os.WriteFile(bad, []byte("a: [\n"), 0o600))
	out, _, err := start(t, "", "-list", "-json", good, bad)
	assert.ErrorContains(t, err, "bad.yaml")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 2)
	var first, second listed
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &first))
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &second))
	assert.Nil(t, first.Error)
	require.Len(t, first.Exprs, 3)
	e := first.Exprs[1]
	assert.Equal(t, "nginx:1.25", shop[e.Start:e.End])
	assert.Equal(t, []any{"Task", 1, "/Resources/Task/Properties/ContainerDefinitions/1/Image", "literal", "nginx:1.25", "nginx:1.25"},
		[]any{e.Resource, *e.Container, e.Path, e.Kind, e.Raw, *e.Value})
	assert.NotNil(t, second.Error)
	assert.Empty(t, second.Exprs)
	assert.Contains(t, lines[1], `"exprs":[]`)

	out, _, err = start(t, shop, "-list")
	require.NoError(t, err)
	assert.Contains(t, out, "-:12:18: Task literal: nginx:1.25\n")
}

func TestAmbiguousAndAdvice(t *testing.T) {
	two := `Parameters: {Tag: {Type: String, Default: v1, AllowedValues: [v1, v2]}, N: {Type: Number, Default: 1}}
Mappings: {M: {us-east-1: {img: 'host.example/m:1'}}}
Resources:
  Blue: {Type: 'AWS::ECS::TaskDefinition', Properties: {ContainerDefinitions: [{Name: app, Image: 'host.example/blue:v1'}, {Name: tagged, Image: !Sub 'host.example/x:${Tag}'}]}}
  Green: {Type: 'AWS::ECS::TaskDefinition', Properties: {ContainerDefinitions: [{Name: app, Image: 'host.example/green:v1'}, {Name: cron, Image: !Sub 'host.example/y:${Tag}'}]}}
  Other: {Type: 'AWS::ECS::TaskDefinition', Properties: {ContainerDefinitions: [{Name: n, Image: !Sub 'host.example/n:${N}'}, {Name: m, Image: !FindInMap [M, !Ref 'AWS::Region', img]}]}}
`
	for name, test := range map[string]struct {
		args []string
		told string // "" where it is patched
		want string
	}{
		"twice":               {[]string{"-image", "app=:v2"}, "container app is in Blue and Green: name it as Blue.app or Green.app", ""},
		"one of them":         {[]string{"-image", "Green.app=:v2"}, "", "host.example/green:v2"},
		"both":                {[]string{"-image", "Green.app=:v2", "-image", "Blue.app=:v3"}, "", "host.example/blue:v3"},
		"parameter":           {[]string{"-image", "tagged=:v2"}, "that changes Green.cron too", ""},
		"value not allowed":   {[]string{"-image", "tagged=:v9"}, "parameter Tag does not take v9: its AllowedValues are v1, v2", ""},
		"number":              {[]string{"-image", "n=:v9"}, "parameter N does not take v9: it is a Number", ""},
		"digest":              {[]string{"-image", "tagged=@sha256:0000000000000000000000000000000000000000000000000000000000000000"}, "a digest follows", ""},
		"mapping":             {[]string{"-image", "m=:2"}, "give -region", ""},
		"mapping, the region": {[]string{"-image", "m=:2", "-region", "us-east-1"}, "set mapping /Mappings/M/us-east-1/img to host.example/m:2", ""},
		"no such name":        {[]string{"-image", "typo=:2"}, "name one of app, tagged, cron, n, m", ""},
	} {
		t.Run(name, func(t *testing.T) {
			out, told, err := start(t, two, test.args...)
			if test.told != "" {
				assert.ErrorIs(t, err, errUnchanged)
				assert.Contains(t, told, test.told)
				assert.Empty(t, out)
				return
			}
			require.NoError(t, err, told)
			assert.Contains(t, out, test.want)
		})
	}
	loop := `Transform: AWS::LanguageExtensions
Resources:
  Fn::ForEach::T:
    - N
    - [web, api]
    - Td${N}: {Type: 'AWS::ECS::TaskDefinition', Properties: {ContainerDefinitions: [{Name: !Ref N, Image: !Sub 'host.example/${N}:v1'}]}}
`
	_, told, err := start(t, loop, "-image", "web=:v2")
	assert.ErrorIs(t, err, errUnchanged)
	assert.Contains(t, told, "name one of Fn::ForEach::T/Td${N}")
	out, _, err := start(t, loop, "-image", "Fn::ForEach::T/Td${N}=:v2")
	require.NoError(t, err)
	assert.Contains(t, out, "host.example/${N}:v2")
}

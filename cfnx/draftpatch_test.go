package cfnx_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/cfnx/template"
)

const registry = "123456789012.dkr.ecr.us-east-1.amazonaws.com/"

// only takes one reference to another and keeps those of keep; what is in
// neither does not exist.
func only(from, to string, keep ...string) func(context.Context, string) (string, error) {
	return func(_ context.Context, ref string) (string, error) {
		if ref == from {
			return to, nil
		}
		for _, k := range append(keep, to) {
			if ref == k {
				return ref, nil
			}
		}
		return "", nil
	}
}

// Where an image may come from: it is changed, or it is told what to change
// instead; never is a draft half made.
func TestDraftPatchesImagesWhereverTheyComeFrom(t *testing.T) {
	t.Parallel()
	task := func(image string) string {
		return "Resources:\n  Repo: {Type: AWS::ECR::Repository}\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n        - Name: app\n          Image: " + image + "\n"
	}
	v1, v2 := registry+"app:v1", registry+"app:v2"
	for name, test := range map[string]struct {
		head, image string
		parameters  []cfnx.Parameter
		recorded    string
		from, to    string // v1 and v2 unless they are given
		want        string // in the new template
		parameter   string // NAME=VALUE of the update
		place       string // of the problem
		err         error
		literal     string // a source of the expression that a reference is written for
	}{
		"literal":             {image: v1, want: "Image: " + v2},
		"sub":                 {image: `!Sub "${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/app:v1"`, want: "amazonaws.com/app:v2"},
		"join":                {image: `!Join ["", [!Ref "AWS::AccountId", ".dkr.ecr.us-east-1.amazonaws.com/app:", v1]]`, want: `app:", v2]]`},
		"parameter":           {head: "Parameters: {Tag: {Type: String, Default: v0}}\n", image: `!Sub "` + registry + `app:${Tag}"`, parameters: []cfnx.Parameter{{Key: "Tag", Value: "v1"}}, parameter: "Tag=v2"},
		"default":             {head: "Parameters: {Tag: {Type: String, Default: v1}}\n", image: `!Sub "` + registry + `app:${Tag}"`, parameter: "Tag=v2"},
		"mapping":             {head: "Mappings: {Ver: {app: {tag: v1}}}\n", image: `!Sub ["` + registry + `app:${T}", {T: !FindInMap [Ver, app, tag]}]`, want: "{Ver: {app: {tag: v2}}}"},
		"if, the branch":      {head: "Conditions: {New: !Equals [a, a]}\n", image: `!If [New, "` + v1 + `", "gone.example/x:1"]`, want: `!If [New, "` + v2 + `", "gone.example/x:1"]`},
		"if, the other":       {head: "Conditions: {New: !Not [!Equals [a, a]]}\n", image: `!If [New, "gone.example/x:1", "` + v1 + `"]`, want: `"gone.example/x:1", "` + v2 + `"]`},
		"repository, Sub":     {image: `!Sub "${Repo.RepositoryUri}:v1"`, from: registry + "web-repo-1a2b:v1", to: registry + "web-repo-1a2b:v2", want: `!Sub "${Repo.RepositoryUri}:v2"`},
		"repository, GetAtt":  {image: `!Join [":", [!GetAtt Repo.RepositoryUri, v1]]`, from: registry + "web-repo-1a2b:v1", to: registry + "web-repo-1a2b:v2", want: `[!GetAtt Repo.RepositoryUri, v2]`},
		"repository, Ref":     {image: `!Sub "` + registry + `${Repo}:v1"`, from: registry + "web-repo-1a2b:v1", to: registry + "web-repo-1a2b:v2", want: "${Repo}:v2"},
		"another repository":  {image: `!Sub "${Repo.RepositoryUri}:v1"`, from: registry + "web-repo-1a2b:v1", to: v2, want: "Image: '" + v2, literal: "resource Repo"},
		"import":              {image: `!Sub ["` + registry + `app:${T}", {T: !ImportValue app-tag}]`, recorded: v1, want: "Image: '" + v2, literal: "export app-tag"},
		"import that is fine": {image: `!ImportValue sidecar`, recorded: "quay.io/side:7", want: "!ImportValue sidecar"},
		"import, not known":   {image: `!ImportValue sidecar`, place: "export sidecar", err: template.ErrUnresolved},
		"ssm parameter":       {head: "Parameters: {Tag: {Type: 'AWS::SSM::Parameter::Value<String>'}}\n", image: `!Sub "` + registry + `app:${Tag}"`, parameters: []cfnx.Parameter{{Key: "Tag", Value: "/app/tag", Resolved: "v2"}}, recorded: v1, want: "Image: '" + v2, literal: "ssm /app/tag"},
		"dynamic reference":   {image: `!Sub "` + registry + `app:{{resolve:ssm:/app/tag}}"`, recorded: v1, want: "Image: '" + v2, literal: "ssm /app/tag"},
		"NoEcho":              {head: "Parameters: {Image: {Type: String, NoEcho: true, Default: x:1}}\n", image: "!Ref Image", parameters: []cfnx.Parameter{{Key: "Image", Value: "****"}}, recorded: v1, parameter: "Image=" + v2},
		"gone, no substitute": {image: "gone.example/x:1", place: "/Resources/Task/Properties/ContainerDefinitions/0/Image", err: template.ErrNoSuchImage},
		"macro":               {image: "x:1\n          Fn::Transform: {Name: AWS::Include}", recorded: v1, place: "macro", err: template.ErrMacro},
		"loop that is fine": {head: "Transform: AWS::LanguageExtensions\n", image: "quay.io/side:7\n  Fn::ForEach::L:\n    - N\n    - [Ta]\n    - ${N}sk: {Type: AWS::ECS::TaskDefinition, Properties: {ContainerDefinitions: [{Name: app, Image: !Sub '" + registry + "${N}:v1'}]}}",
			recorded: "quay.io/side:7", want: "${N}:v1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := v1, v2
			if test.from != "" {
				from, to = test.from, test.to
			}
			image := test.image
			body := test.head + task(image)
			if name == "macro" {
				body = strings.Replace(body, "          Image: x:1\n          Fn::Transform", "          Fn::Transform", 1)
			}
			d, err := flat(body, test.parameters...).NewDraft(t.Context(), nil)
			require.NoError(t, err)
			d.Recorded = func(_ *cfnx.Stack, id string) map[string]string {
				if id != "Task" || test.recorded == "" {
					return nil
				}
				return map[string]string{"app": test.recorded}
			}
			root := d.Tree.Root
			_, err = d.PatchImages(t.Context(), only(from, to, "quay.io/side:7"))
			if test.err != nil {
				require.ErrorIs(t, err, test.err)
				require.ErrorAs(t, err, new(*cfnx.DraftError))
				e, ok := errors.AsType[*cfnx.DraftError](err)
				require.True(t, ok)
				require.Len(t, e.Problems, 1)
				p := e.Problems[0]
				assert.Equal(t, []string{"web", "Task", "app", "Image"}, []string{p.Stack, p.Resource, p.Container, p.Property})
				assert.Contains(t, err.Error(), test.place)
				assert.True(t, d.Empty(), "the draft is as it was")
				data, err := json.Marshal(p)
				require.NoError(t, err)
				assert.NotContains(t, string(data), `"Err"`)
				return
			}
			require.NoError(t, err)
			assert.Contains(t, string(d.Template(root.ID)), test.want)
			if literals := d.Literals(); test.literal != "" {
				require.Len(t, literals, 1)
				assert.Equal(t, []string{"web", "Task", "app", "Image", "template"}, []string{literals[0].Stack, literals[0].Resource, literals[0].Container, literals[0].Property, literals[0].Where})
				var sources []string
				for _, x := range literals[0].Sources {
					sources = append(sources, x.String())
				}
				assert.Contains(t, sources, test.literal)
			} else {
				assert.Empty(t, literals)
			}
			if test.parameter != "" {
				name, value, _ := strings.Cut(test.parameter, "=")
				assert.Equal(t, map[string]string{name: value}, d.Parameters)
				assert.Empty(t, d.Changed())
			}
			again, err := d.PatchImages(t.Context(), only(from, to, "quay.io/side:7"))
			require.NoError(t, err)
			assert.Empty(t, again, "a second time nothing is left to do")
		})
	}
}

// One parameter cannot give two images each its own tag: that is an error,
// whatever the order, and not the last one's value.
func TestOneParameterWithTwoWishes(t *testing.T) {
	t.Parallel()
	body := `Parameters: {Tag: {Type: String}}
Mappings: {V: {all: {tag: v1}}}
Resources:
  Task: {Type: AWS::ECS::TaskDefinition, Properties: {ContainerDefinitions: [{Name: a, Image: !Sub "host.example/a:${Tag}"}, {Name: b, Image: !Sub "host.example/b:${Tag}"}]}}
  Other: {Type: AWS::ECS::TaskDefinition, Properties: {ContainerDefinitions: [{Name: c, Image: !Join [":", [host.example/c, !FindInMap [V, all, tag]]]}, {Name: d, Image: !Join [":", [host.example/d, !FindInMap [V, all, tag]]]}]}}
`
	patch := func(to map[string]string) (*cfnx.Draft, error) {
		d, err := flat(body, cfnx.Parameter{Key: "Tag", Value: "v1"}).NewDraft(t.Context(), nil)
		require.NoError(t, err)
		_, err = d.PatchImages(t.Context(), func(_ context.Context, ref string) (string, error) {
			for was, is := range to {
				if ref == was {
					return is, nil
				}
			}
			return ref, nil
		})
		return d, err
	}
	for _, to := range []map[string]string{
		{"host.example/a:v1": "host.example/a:v2", "host.example/b:v1": "host.example/b:v3"},
		{"host.example/a:v1": "host.example/a:v2"}, // b stays
		{"host.example/b:v1": "host.example/b:v2"}, // a stays
		{"host.example/c:v1": "host.example/c:v2"},
		{"host.example/c:v1": "host.example/c:v2", "host.example/d:v1": "host.example/d:v3"},
	} {
		d, err := patch(to)
		require.ErrorIs(t, err, cfnx.ErrConflict, "%v", to)
		assert.True(t, d.Empty())
	}
	d, err := patch(map[string]string{"host.example/a:v1": "host.example/a:v2", "host.example/b:v1": "host.example/b:v2", "host.example/c:v1": "host.example/c:v2", "host.example/d:v1": "host.example/d:v2"})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"Tag": "v2"}, d.Parameters)
	assert.Contains(t, string(d.Template(d.Tree.Root.ID)), "{V: {all: {tag: v2}}}")
}

// A nested stack's parameter is changed where its parent hands it down.
func TestChildParameterIsChangedInTheParent(t *testing.T) {
	t.Parallel()
	child := `Parameters: {Tag: {Type: String}}
Resources: {Task: {Type: AWS::ECS::TaskDefinition, Properties: {ContainerDefinitions: [{Name: app, Image: !Sub "host.example/app:${Tag}"}]}}}
`
	for name, test := range map[string]struct {
		handed, head, more, want, parameter, child string
	}{
		"text":    {handed: "v1", want: "Tag: v2"},
		"ref":     {handed: "!Ref Tag", head: "Parameters: {Tag: {Type: String, Default: v1}}\n", parameter: "Tag=v2"},
		"sub":     {handed: `!Sub "${Major}1"`, head: "Parameters: {Major: {Type: String, Default: v}}\n", want: `!Sub "${Major}2"`},
		"join":    {handed: `!Join ["", [v, "1"]]`, want: `[v, "2"]`},
		"mapping": {handed: `!FindInMap [V, app, tag]`, head: "Mappings: {V: {app: {tag: v1}}}\n", want: "{tag: v2}"},
		"if":      {handed: `!If [Yes, v1, v0]`, head: "Conditions: {Yes: !Equals [a, a]}\n", want: "!If [Yes, v2, v0]"},
		"getatt":  {handed: "!GetAtt Ver.Outputs.Tag", child: "Image: 'host.example/app:v2'"},
		"import":  {handed: "!ImportValue app-tag", child: "Image: 'host.example/app:v2'"},
		"shared":  {handed: "!Ref Tag", head: "Parameters: {Tag: {Type: String, Default: v1}}\n", more: "  Note: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Ref Tag}}\n", child: "Image: 'host.example/app:v2'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := test.head + "Resources:\n  App: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: https://b.s3.us-east-1.amazonaws.com/app.yaml, Parameters: {Tag: " + test.handed + "}}}\n" + test.more
			tree := nested(t, root, child, "Tag", "v1")
			d, err := tree.NewDraft(t.Context(), nil)
			require.NoError(t, err)
			_, err = d.PatchImages(t.Context(), only("host.example/app:v1", "host.example/app:v2"))
			require.NoError(t, err)
			assert.Contains(t, string(d.Template(tree.Root.ID)), test.want)
			if test.child != "" {
				assert.Contains(t, string(d.Template(tree.Root.Children[0].ID)), test.child)
				assert.Equal(t, []*cfnx.Stack{tree.Root.Children[0]}, d.Changed(), "nothing else moves")
				assert.Empty(t, d.Parameters)
				assert.Len(t, d.Literals(), 1)
			}
			if test.parameter != "" {
				assert.Equal(t, map[string]string{"Tag": "v2"}, d.Parameters)
			}
			require.NoError(t, d.Check())
		})
	}
}

// nested is a tree of a root and its child App.
func nested(t *testing.T, root, child string, parameters ...string) *cfnx.Tree {
	t.Helper()
	r := flat(root)
	c := &cfnx.Stack{ID: "arn:aws:cloudformation:us-east-1:123456789012:stack/web-App/2", Name: "web-App", LogicalID: "App", ParentID: r.Root.ID, Status: r.Root.Status, Template: []byte(child)}
	for i := 0; i+1 < len(parameters); i += 2 {
		c.Parameters = append(c.Parameters, cfnx.Parameter{Key: parameters[i], Value: parameters[i+1]})
	}
	r.Root.Children = []*cfnx.Stack{c}
	data, err := json.Marshal(r)
	require.NoError(t, err)
	tree := &cfnx.Tree{}
	require.NoError(t, json.Unmarshal(data, tree))
	return tree
}

func TestCarryReadsExpressions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ head, count, want, parameter, place string }{
		"text":           {count: "2", want: "DesiredCount: 6"},
		"same":           {count: "6", want: "DesiredCount: 6"},
		"none":           {count: "", want: "AWS::ECS::Service"},
		"ref":            {head: "Parameters: {N: {Type: Number, Default: 2}}\n", count: "!Ref N", parameter: "6"},
		"if, true":       {head: "Conditions: {Big: !Equals [a, a]}\n", count: "!If [Big, 4, 2]", want: "!If [Big, 6, 2]"},
		"if, false":      {head: "Parameters: {Env: {Type: String, Default: dev}}\nConditions: {Big: !Equals [!Ref Env, prod]}\n", count: "!If [Big, 4, 2]", want: "!If [Big, 4, 6]"},
		"if in if":       {head: "Conditions: {A: !Or [!Equals [a, b], !Condition B], B: !And [!Equals [a, a], !Equals [b, b]]}\n", count: "!If [A, !If [B, 3, 4], 5]", want: "!If [A, !If [B, 6, 4], 5]"},
		"if, NoValue":    {head: "Conditions: {Big: !Equals [a, a]}\n", count: "!If [Big, !Ref AWS::NoValue, 2]", want: "!If [Big, !Ref AWS::NoValue, 2]"},
		"mapping":        {head: "Mappings: {N: {prod: {n: 2}}}\n", count: "!FindInMap [N, prod, n]", want: "{n: 6}"},
		"if of mapping":  {head: "Mappings: {N: {prod: {n: 2}}}\nConditions: {Big: !Equals [a, a]}\n", count: "!If [Big, !FindInMap [N, prod, n], 1]", want: "{n: 6}"},
		"import":         {count: "!ImportValue count", want: "DesiredCount: 6"},
		"ssm":            {head: "Parameters: {N: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /n}}\n", count: "!Ref N", want: "DesiredCount: 6"},
		"condition open": {head: "Conditions: {Big: !Equals [!ImportValue x, a]}\n", count: "!If [Big, 4, 2]", place: "export x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := test.head + "Resources:\n  Service: {Type: AWS::ECS::Service, Properties: {ServiceName: s, DesiredCount: " + test.count + "}}\n"
			if test.count == "" {
				body = strings.Replace(body, ", DesiredCount: ", "", 1)
			}
			d, err := flat(body).NewDraft(t.Context(), nil)
			require.NoError(t, err)
			_, err = d.Carry(d.Tree.Root, "Service", "DesiredCount", "6")
			if test.place != "" {
				e, ok := errors.AsType[*cfnx.DraftError](err)
				require.True(t, ok, err)
				assert.Equal(t, []string{"web", "Service", "DesiredCount", "6"}, []string{e.Problems[0].Stack, e.Problems[0].Resource, e.Problems[0].Property, e.Problems[0].To})
				assert.ErrorContains(t, err, test.place)
				assert.True(t, d.Empty())
				return
			}
			require.NoError(t, err)
			assert.Contains(t, strings.ReplaceAll(string(d.Template(d.Tree.Root.ID)), "'6'", "6"), test.want)
			if test.parameter != "" {
				assert.Equal(t, map[string]string{"N": test.parameter}, d.Parameters)
			}
		})
	}
}

func TestCheckOfADraft(t *testing.T) {
	t.Parallel()
	task := "  Task: {Type: AWS::ECS::TaskDefinition, Properties: {ContainerDefinitions: [{Name: app, Image: host.example/app:v1}]}}\n"
	change := func(t *testing.T, tree *cfnx.Tree) *cfnx.Draft {
		d, err := tree.NewDraft(t.Context(), nil)
		require.NoError(t, err)
		_, err = d.PatchImages(t.Context(), only("host.example/app:v1", "host.example/app:v2"))
		require.NoError(t, err)
		return d
	}
	big := "Resources:\n" + task + "# " + strings.Repeat("x", 60_000) + "\n"
	d := change(t, flat(big))
	require.ErrorContains(t, d.Check(), "must be in S3: name a place in ApplyOptions.TemplateURL")
	require.NoError(t, d.Check(func(o *cfnx.ApplyOptions) { o.TemplateURL = "https://b.s3.amazonaws.com/x" }, nil))

	root := "Resources:\n  App: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: PLACE}}\n"
	child := "Resources:\n" + task
	at := func(u string) *cfnx.Draft { return change(t, nested(t, strings.Replace(root, "PLACE", u, 1), child)) }
	require.NoError(t, at("https://b.s3.us-east-1.amazonaws.com/app.yaml").Check())
	require.ErrorContains(t, at("!ImportValue place").Check(), "template URL of nested stack App cannot be read")
	require.ErrorContains(t, at("https://nowhere.example/app.yaml").Check(), "is no object in S3")
	require.ErrorIs(t, change(t, nested(t, "Transform: AWS::LanguageExtensions\n"+strings.Replace(root, "PLACE", "https://b.s3.us-east-1.amazonaws.com/app.yaml", 1), child)).Check(), template.ErrMacro)
	// A nested stack that is not changed may be anywhere.
	d, err := nested(t, strings.Replace(root, "PLACE", "!ImportValue place", 1)+strings.Replace(task, "Task", "Own", 1), strings.Replace(child, "v1", "v2", 1)).NewDraft(t.Context(), nil)
	require.NoError(t, err)
	_, err = d.PatchImages(t.Context(), only("host.example/app:v1", "host.example/app:v2"))
	require.NoError(t, err)
	require.NoError(t, d.Check())
}

// Characters that CloudFormation does not hand out would be gone from the stack
// too: a draft that would write them is refused unless the author's text is given.
func TestLostCharactersAreNotWritten(t *testing.T) {
	t.Parallel()
	author := "Description: Größe\nResources:\n  Task: {Type: AWS::ECS::TaskDefinition, Properties: {ContainerDefinitions: [{Name: app, Image: host.example/app:v1}]}}\n"
	lost := strings.NewReplacer("ö", "?", "ß", "?").Replace(author)
	patched := func(d *cfnx.Draft) *cfnx.Draft {
		_, err := d.PatchImages(t.Context(), only("host.example/app:v1", "host.example/app:v2"))
		require.NoError(t, err)
		return d
	}
	d, err := flat(lost).NewDraft(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, d.Check(), "what is not changed is not written")
	err = patched(d).Check()
	require.ErrorIs(t, err, template.ErrMangled)
	require.ErrorContains(t, err, "Draft.Original")
	require.Error(t, d.Original(d.Tree.Root, []byte(author)), "too late")

	d, err = flat(lost).NewDraft(t.Context(), nil)
	require.NoError(t, err)
	require.Error(t, d.Original(d.Tree.Root, []byte(strings.Replace(author, "v1", "v0", 1))), "another version")
	require.NoError(t, d.Original(d.Tree.Root, []byte(author)))
	require.NoError(t, patched(d).Check())
	require.Equal(t, strings.Replace(author, "v1", "v2", 1), string(d.Template(d.Tree.Root.ID)))

	// A parameter alone writes no text.
	tag := strings.Replace(lost, "Image: host.example/app:v1", "Image: !Sub 'host.example/app:${Tag}'", 1)
	d, err = flat("Parameters: {Tag: {Type: String}}\n"+tag, cfnx.Parameter{Key: "Tag", Value: "v1"}).NewDraft(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, patched(d).Check())
	require.Equal(t, map[string]string{"Tag": "v2"}, d.Parameters)
}

// Letters that CloudFormation has lost are a problem where they mean something:
// not in comments, which nobody gets back from it.
func TestLostLettersThatMeanSomething(t *testing.T) {
	t.Parallel()
	body := func(comment, value string) string {
		return "# " + comment + " gr??er\nResources:\n  Task: # l?uft \n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n        - Name: app\n          Image: host.example/app:v1 # f?r alle\n          Command: [\"a # " + value + "\"]\n          Environment:\n            - Name: TEXT\n              Value: |\n                # " + value + "\n"
	}
	for name, test := range map[string]struct {
		body string
		lost bool
	}{
		"comments":    {body("f?r", "fine"), false},
		"a value":     {body("fuer", "Gr??e"), true},
		"description": {"Description: Gr??e aus K?ln\n" + body("x", "y"), true},
		"JSON":        {`{"Resources":{"Task":{"Type":"AWS::ECS::TaskDefinition","Properties":{"ContainerDefinitions":[{"Name":"app","Image":"host.example/app:v1","User":"# Gr??e"}]}}}}`, true},
	} {
		d, err := flat(test.body).NewDraft(t.Context(), nil)
		require.NoError(t, err, name)
		_, err = d.PatchImages(t.Context(), only("host.example/app:v1", "host.example/app:v2"))
		require.NoError(t, err, name)
		if err = d.Check(); test.lost {
			require.ErrorIs(t, err, template.ErrMangled, name)
			require.NoError(t, d.UseTemplate(t.Context(), nil, d.Tree.Root, []byte(strings.NewReplacer("Gr??e", "Grüße", "K?ln", "Köln", "gr??er", "größer", "f?r", "für", "l?uft", "läuft", ":v1", ":v2").Replace(test.body)), nil))
		}
		require.NoError(t, d.Check(), name)
	}
}

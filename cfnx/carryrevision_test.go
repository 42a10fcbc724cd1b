package cfnx_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/cfnx/template"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// Every property that a difference can be of is carried alone, and what the draft
// renders then is what serves.
func TestCarryRevisionCarriesEveryProperty(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.push("wide", "v1", rescuetest.Runs())
		s.push("side", "1", rescuetest.Runs())
		s.create("web", wide, "Tag", "v1", "Hush", "very secret")
		arn := *s.service("wide", "web").TaskDefinition
		recorded := s.revision(arn)
		for name, change := range changes() {
			td := s.revision(arn)
			change(td, &td.ContainerDefinitions[0])
			d := s.draft("web")
			root := d.Tree.Root
			carried, err := d.CarryRevision(root, "Service", td, recorded)
			require.NoError(t, err, name)
			var got []string
			for _, x := range carried {
				got = append(got, strings.TrimPrefix(x.Container+"."+x.Property+" "+x.Kind, "."))
				assert.NotEmpty(t, x.Where, name)
			}
			assert.Equal(t, name, strings.Join(got, ", "))
			if name == "" {
				assert.True(t, d.Empty(), "an image is none of them")
				continue
			}
			assert.False(t, d.Empty(), name)
			left, err := d.ServiceDifferences(root, "Service", td, recorded)
			require.NoError(t, err)
			for _, x := range left { // only that it is another template than the recorded one's
				assert.Equal(t, "not-known", x.Kind, name)
			}
			require.NoError(t, d.Check(), name)
		}
	})
}

// The draft is applied, and the revision that the stack then has is the one that
// served, in all that was asked.
func TestCarriedRevisionIsWhatTheStackDeploys(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"flow": wide, "block": strings.NewReplacer(
		"[{ContainerPort: 8080}, {ContainerPort: 9090, Protocol: udp}]", "\n          - ContainerPort: 8080\n          # a comment\n          - {ContainerPort: 9090, Protocol: udp}",
		`[serve, "--port", 8080]`, "\n          - serve # this\n          - --port\n          - 8080",
		"{Command: [CMD, \"true\"], Interval: 10, Retries: 3}", "\n            Command:\n            - CMD\n            - \"true\"\n            Interval: 10",
	).Replace(wide)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.push("wide", "v1", rescuetest.Runs())
				s.push("side", "1", rescuetest.Runs())
				s.create("web", body, "Tag", "v1", "Hush", "very secret")
				was := s.revision(*s.service("wide", "web").TaskDefinition)
				td := s.revision(*was.TaskDefinitionArn)
				for want, change := range changes() {
					switch want { // what the account has no role, volume or mode for, or what contradicts another
					case "side. not-serving", "web.DependsOn.side.Condition other-value", "web.MountPoints./data not-serving", "web.Environment.QUEUE_URL not-serving",
						"web.Command other-value", "web.PortMappings.8080 not-serving", "TaskRoleArn other-value", "ExecutionRoleArn not-serving", "NetworkMode other-value",
						"RequiresCompatibilities other-value", "proxy. not-rendered", "", "web.Essential not-rendered", "web.Secrets.KEY other-value", "web.LogConfiguration.Options.awslogs-group other-value", "web.LogConfiguration.LogDriver other-value", "web.HealthCheck.Command other-value":
					default:
						change(td, &td.ContainerDefinitions[0])
					}
				}
				td.ContainerDefinitions[0].Command = []string{"serve", "--quick"}
				d := s.draft("web")
				_, err := d.CarryRevision(d.Tree.Root, "Task", td, was)
				require.NoError(t, err)
				_, err = d.Apply(t.Context(), s.cfn, s.s3)
				require.NoError(t, err, string(d.Template(d.Tree.Root.ID)))
				is := s.revision(*s.service("wide", "web").TaskDefinition)
				require.NotEqual(t, *was.TaskDefinitionArn, *is.TaskDefinitionArn)
				// Both as revisions, by what the library itself does not do.
				td.TaskDefinitionArn, td.Revision, td.RegisteredAt, td.RegisteredBy, td.RequiresAttributes = is.TaskDefinitionArn, is.Revision, is.RegisteredAt, is.RegisteredBy, is.RequiresAttributes
				td.ContainerDefinitions[0].HealthCheck.Interval = nil // 30, which ECS fills in
				want, err := json.Marshal(td)
				require.NoError(t, err)
				got, err := json.Marshal(is)
				require.NoError(t, err)
				assert.JSONEq(t, string(want), string(got))
			})
		})
	}
}

const stuckTask = `
Parameters: {Level: {Type: String, Default: info}, Cpu: {Type: String, Default: "256"}, Mode: {Type: String, Default: a}, Key: {Type: String, NoEcho: true, Default: k}}
Mappings: {Size: {prod: {mem: 512, other: 512}}}
Conditions: {Live: !Equals [!Ref Mode, a], Remote: !Equals [!ImportValue x, a]}
Resources:
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Cpu: !Ref Cpu
      Memory: !FindInMap [Size, prod, mem]
      ContainerDefinitions:
        - !If
          - Live
          - Name: app
            Image: x:1
            Environment: !If [Live, [{Name: LEVEL, Value: !Ref Level}, {Name: URL, Value: !Sub "https://${AWS::Region}.example/v1"}, {Name: PASSWORD, Value: !Ref Key}, {Name: OLD_PASSWORD, Value: written-out}], []]
            HealthCheck: !Ref AWS::NoValue
          - !Ref AWS::NoValue
        - Name: side
          Image: y:1
          Environment: [{Name: LEVEL, Value: !Ref Level}]
          Secrets: !If [Remote, [], !Ref AWS::NoValue]
  Service: {Type: AWS::ECS::Service, Properties: {TaskDefinition: !Ref Task}}
  Other: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub "q-${Level}"}}
`

func revisionOf(cpu, memory string, containers ...any) map[string]any {
	return map[string]any{"cpu": cpu, "memory": memory, "containerDefinitions": containers}
}

func pairs(kv ...string) []any {
	out := []any{}
	for i := 0; i < len(kv); i += 2 {
		out = append(out, map[string]any{"name": kv[i], "value": kv[i+1]})
	}
	return out
}

// Where the value comes from decides where it is written.
func TestCarryRevisionWritesWhereNothingElseReads(t *testing.T) {
	t.Parallel()
	app := func(level, url string, more ...string) map[string]any {
		return map[string]any{"name": "app", "environment": pairs(append([]string{"LEVEL", level, "URL", url, "PASSWORD", "k", "OLD_PASSWORD", "written-out"}, more...)...)}
	}
	side := func(level string) map[string]any {
		return map[string]any{"name": "side", "environment": pairs("LEVEL", level)}
	}
	const url = "https://us-east-1.example/v1"
	recorded := revisionOf("256", "512", app("info", url), side("info"))
	sum := sha256.Sum256([]byte("smtp"))
	for name, test := range map[string]struct {
		serving    map[string]any
		where      []string
		want       []string // in the template
		parameters map[string]string
		place, why string
	}{
		"nothing":                  {serving: recorded},
		"a parameter of its own":   {serving: revisionOf("512", "512", app("info", url), side("info")), where: []string{"Cpu parameter Cpu"}, parameters: map[string]string{"Cpu": "512"}},
		"a mapping of its own":     {serving: revisionOf("256", "1024", app("info", url), side("info")), where: []string{"Memory mapping"}, want: []string{"mem: '1024', other: 512"}},
		"the text of a Sub":        {serving: revisionOf("256", "512", app("info", "https://us-east-1.example/v2"), side("info")), where: []string{"Environment.URL template"}, want: []string{`!Sub "https://${AWS::Region}.example/v2"`}},
		"a parameter others read":  {serving: revisionOf("256", "512", app("debug", url), side("info")), where: []string{"Environment.LEVEL template"}, want: []string{"{Name: LEVEL, Value: \"debug\"}", "Name: side", "q-${Level}", "Environment: [{Name: LEVEL, Value: !Ref Level}]"}},
		"two wishes":               {serving: revisionOf("256", "512", app("debug", url), side("warn")), where: []string{"Environment.LEVEL template", "Environment.LEVEL template"}, want: []string{"{Name: LEVEL, Value: \"debug\"}", "{Name: LEVEL, Value: \"warn\"}"}},
		"added behind a condition": {serving: revisionOf("256", "512", app("info", url, "SMTP", "smtp"), side("info")), where: []string{"Environment.SMTP template"}, want: []string{`Value: written-out}, {"Name": "SMTP", "Value": "smtp"}], []]`}},
		"its digest":               {serving: revisionOf("256", "512", app("info", url), map[string]any{"name": "side", "environment": append(pairs("LEVEL", "info"), map[string]any{"name": "SMTP", "valueSha256": hex.EncodeToString(sum[:])})}), where: []string{"Environment.SMTP template"}, want: []string{"stackrescue-withheld-"}},
		"removed":                  {serving: revisionOf("256", "512", map[string]any{"name": "app", "environment": app("info", url)["environment"].([]any)[1:]}, side("info")), where: []string{"Environment.LEVEL template"}, want: []string{`[{"Ref": "AWS::NoValue"}, {Name: URL`}},
		"a health check": {serving: revisionOf("256", "512", func() map[string]any {
			a := app("info", url)
			a["healthCheck"] = map[string]any{"command": []string{"CMD", "x"}, "interval": 7}
			return a
		}(), side("info")), where: []string{"HealthCheck.Command template", "HealthCheck.Interval template"}, want: []string{`HealthCheck: {"Command": ["CMD", "x"], "Interval": 7}`}},
		"a container less": {serving: revisionOf("256", "512", app("info", url)), where: []string{" template"}, want: []string{"- {\"Ref\": \"AWS::NoValue\"}"}},
		"a password":       {serving: revisionOf("256", "512", app("info", url, "DB_PASSWORD", "hunter2"), side("info")), why: "looks like a password"},
		"a hidden parameter": {serving: revisionOf("256", "512", func() map[string]any {
			a := app("info", url)
			a["environment"].([]any)[2] = map[string]any{"name": "PASSWORD", "value": "other"}
			return a
		}(), side("info")), why: "does not belong into a template", place: "parameter Key"},
		"a password written out": {serving: revisionOf("256", "512", func() map[string]any {
			a := app("info", url)
			a["environment"].([]any)[3] = map[string]any{"name": "OLD_PASSWORD", "value": "other"}
			return a
		}(), side("info")), where: []string{"Environment.OLD_PASSWORD template"}, want: []string{"{Name: OLD_PASSWORD, Value: other}"}},
		"a condition nobody knows":  {serving: revisionOf("256", "512", app("info", url), map[string]any{"name": "side", "environment": pairs("LEVEL", "info"), "secrets": []any{map[string]any{"name": "S", "valueFrom": "arn:x"}}}), why: "condition Remote is not known", place: "condition Remote"},
		"a revision of other texts": {serving: revisionOf("256", "512", app("info", url), side("info")), why: "is not the one that the recorded revision was rendered from"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tree := flat(stuckTask, cfnx.Parameter{Key: "Level", Value: "info"}, cfnx.Parameter{Key: "Cpu", Value: "256"}, cfnx.Parameter{Key: "Mode", Value: "a"}, cfnx.Parameter{Key: "Key", Value: "****"})
			d, err := tree.NewDraft(t.Context(), nil)
			require.NoError(t, err)
			was := recorded
			if name == "a revision of other texts" {
				was = revisionOf("128", "512", app("info", url), side("info"))
			}
			carried, err := d.CarryRevision(tree.Root, "Service", test.serving, was)
			if test.why != "" {
				require.ErrorAs(t, err, new(*cfnx.DraftError))
				assert.ErrorContains(t, err, test.why)
				assert.ErrorContains(t, err, test.place)
				assert.ErrorContains(t, err, "Task")
				assert.NotContains(t, err.Error(), "hunter2")
				assert.True(t, d.Empty(), "the draft is as it was")
				return
			}
			require.NoError(t, err)
			var where []string
			for _, x := range carried {
				where = append(where, x.Property+" "+x.Where)
			}
			assert.Equal(t, test.where, where)
			for _, w := range test.want {
				assert.Contains(t, string(d.Template(tree.Root.ID)), w)
			}
			if test.parameters != nil {
				assert.Equal(t, test.parameters, d.Parameters)
				assert.Empty(t, d.Changed())
			}
			again, err := d.CarryRevision(tree.Root, "Service", test.serving, nil)
			if err == nil {
				assert.Empty(t, again)
			} else { // without the recorded revision the hidden parameter is not known
				assert.ErrorContains(t, err, "parameter Key")
			}
		})
	}
}

// A draft with a value of which only the digest is known is no update.
func TestWithheldValueIsNotApplied(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.push("wide", "v1", rescuetest.Runs())
		s.push("side", "1", rescuetest.Runs())
		s.create("web", wide, "Tag", "v1", "Hush", "h")
		d := s.draft("web")
		td := s.revision(*s.service("wide", "web").TaskDefinition)
		text, err := json.Marshal(td)
		require.NoError(t, err)
		var m map[string]any
		require.NoError(t, json.Unmarshal(text, &m))
		c := m["ContainerDefinitions"].([]any)[0].(map[string]any)
		c["Environment"] = append(c["Environment"].([]any), map[string]any{"Name": "NEW", "valueSha256": strings.Repeat("ab", 32)})
		_, err = d.CarryRevision(d.Tree.Root, "Service", m, td)
		require.NoError(t, err)
		require.NoError(t, d.Check(), "it can be made")
		_, err = d.Apply(t.Context(), s.cfn, s.s3)
		e, ok := errors.AsType[*cfnx.DraftError](err)
		require.True(t, ok, "%v", err)
		require.ErrorIs(t, err, template.ErrUnresolved)
		assert.Contains(t, e.Error(), "only the digest")
		time.Sleep(time.Minute)
		assert.Equal(t, "CREATE_COMPLETE", string(s.tree("web").Root.Status))
	})
}

// One parameter, or one entry of a mapping, that feeds two consumers with
// different wishes is an error whoever comes first, and the draft stays as it was.
func TestTwoWishesForOneValue(t *testing.T) {
	t.Parallel()
	service := func(name, count string) string {
		return "  " + name + ": {Type: AWS::ECS::Service, Properties: {DesiredCount: " + count + "}}\n"
	}
	for name, body := range map[string]string{
		"parameter": "Parameters: {N: {Type: Number, Default: 1}}\nResources:\n" + service("A", "!Ref N") + service("B", "!Ref N"),
		"mapping":   "Mappings: {M: {a: {n: 1}}}\nResources:\n" + service("A", "!FindInMap [M, a, n]") + service("B", "!FindInMap [M, a, n]"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, wishes := range [][2]string{{"3", "5"}, {"3", "1"}, {"1", "3"}, {"3", "3"}} {
				d, err := flat(body).NewDraft(t.Context(), nil)
				require.NoError(t, err)
				_, err = d.Carry(d.Tree.Root, "A", "DesiredCount", wishes[0])
				require.NoError(t, err)
				before, parameters := string(d.Template(d.Tree.Root.ID)), len(d.Parameters)
				_, err = d.Carry(d.Tree.Root, "B", "DesiredCount", wishes[1])
				if wishes[0] == wishes[1] {
					require.NoError(t, err)
					continue
				}
				require.ErrorIs(t, err, cfnx.ErrConflict, "%v", wishes)
				assert.Equal(t, before, string(d.Template(d.Tree.Root.ID)))
				assert.Len(t, d.Parameters, parameters)
			}
		})
	}
}

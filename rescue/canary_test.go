package rescue_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// canary is a value that must not be seen anywhere.
const canary = "zx7Canary"

// canaries are lines of a log, each with its own canary at §.
var canaries = []string{
	"dial postgres://app:§@db.internal:5432/shop: refused", `{"level":"error","db":{"password":"§","host":"db"}}`, "DB_PASSWORD=§", "--api-token § --port 80",
	`level=error secret="§ two words" n=1`, "Authorization: Bearer §abcdefghijk12345", "Cookie: sid=§; theme=dark", "https://hooks.slack.com/services/T0/B0/§aaaaaaaa",
	`{\"password\":\"§\"}`, "config: {Host:db Password:§ Port:1}", "PASSWORD '§'", "x-api-key: §", "mysql -uapp -p§ shop", "pass\u200bword=§", "\x1b]0;password=§\apassword",
	"AKIA" + "Y5KXJ6L422XG4DEM §"[:16], "-----BEGIN " + "PRIVATE KEY-----", "MIIE§MIIE", "§MIIE==", "-----END " + "PRIVATE KEY-----",
	"::error::forged", "see ##[error]forged", "\x1b[2J\x1b[Hcleared", "\u202etxet", "line one\rline two", "| a | `b` | @acme/oncall <img src=x> [l](http://e)",
}

// A value that somebody would call a secret is in no output and in no file,
// wherever in the account it was.
func TestNoSecretLeaves(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	inSite(t, func(t *testing.T, s *site) {
		env := with("Environment: [{Name: DB_PASSWORD, Value: " + canary + "Env}, {Name: PORT, Value: '8080'}]")
		edits := append([]string{"\nResources:", "\nParameters:\n  AdminPassword: {Type: String, Default: " + canary + "Param}\nOutputs:\n  ClientSecret: {Value: " + canary + "Output}\nResources:"}, env...)
		old := s.push("v1")
		s.create(web("v1", edits...))
		s.deleteImage(old)
		s.pushProgram("v2", func(c *simtype.Container) {
			if s.mended {
				c.SetHealthy(true)
				return
			}
			for i, line := range canaries {
				c.Print(strings.ReplaceAll(line, "§", fmt.Sprintf("%s%02d", canary, i)))
			}
			c.Print("FATAL: cannot reach postgres://app:" + canary + "Fatal@db.internal/shop")
			c.After(5*time.Second, func() { c.Exit(1) })
		})
		s.change(web("v2", edits...)) // by a change set: what was attempted is evidence, too
		var events strings.Builder
		options := func(o *rescue.Options) {
			o.Evidence = dir
			o.Observe = func(e rescue.Event) { fmt.Fprintln(&events, e) }
		}
		d := s.diagnose(options)
		require.Contains(t, d.Causes.String(), "FATAL: cannot reach postgres://app:[redacted]@db.internal/shop")
		for _, direction := range []rescue.Direction{rescue.Serve, rescue.Forward, rescue.Hold, rescue.Back} {
			p, err := rescue.MakePlan(d, rescue.Choices{Direction: direction})
			if err != nil {
				clean(t, "refusal", err.Error())
				continue
			}
			clean(t, "plan", p.String())
			clean(t, "plan as JSON", marshal(t, p))
		}
		clean(t, "diagnosis", d.String())
		clean(t, "diagnosis as JSON", marshal(t, d))
		p, err := rescue.MakePlan(d, rescue.Choices{Direction: rescue.Serve})
		require.NoError(t, err)
		r, err := s.run(p, options) // nothing was mended: it fails, and says why
		require.Error(t, err)
		clean(t, "error", err.Error())
		clean(t, "report", r.String())
		clean(t, "report as JSON", marshal(t, r))
		s.mended = true
		if p, err = rescue.MakePlan(s.diagnose(options), rescue.Choices{Direction: rescue.Serve}); err == nil {
			r, err = s.run(p, options)
			require.NoError(t, err, r)
			clean(t, "report", r.String()+marshal(t, r))
		}
		clean(t, "progress", events.String())
	})
	var files []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	}))
	require.NotEmpty(t, files)
	logs, err := filepath.Glob(filepath.Join(dir, "logs", "*.log"))
	require.NoError(t, err)
	require.NotEmpty(t, logs, "logs are text as well")
	for _, f := range append(files, logs...) {
		if filepath.Base(f) == "logs" {
			continue
		}
		data, err := os.ReadFile(f)
		require.NoError(t, err)
		clean(t, filepath.Base(f), string(data))
		if !strings.HasPrefix(filepath.Base(f), "capture-") {
			continue
		}
		for _, readable := range []string{"Type: AWS::ECS::TaskDefinition", "Value: '8080'", "DB_PASSWORD", "8080"} {
			require.Contains(t, string(data), readable, "templates stay readable")
		}
		var b rescue.Bundle
		require.NoError(t, json.Unmarshal(data, &b))
		require.Contains(t, string(b.Tree.Root.Template), "AWS::ECS::Service")
	}
}

func clean(t *testing.T, sink, text string) {
	t.Helper()
	if i := strings.Index(text, canary); i >= 0 {
		t.Errorf("%s: %q", sink, text[max(0, i-60):min(len(text), i+40)])
	}
	if strings.Contains(text, "Y5KXJ6L422XG4DEM") {
		t.Errorf("%s: an access key", sink)
	}
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

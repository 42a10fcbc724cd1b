package ecsx_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecsx"
)

// TestClassifyFieldTexts holds classes, next steps and excerpts against a list of
// stopped tasks that people chose them for.
func TestClassifyFieldTexts(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(filepath.Join("..", "..", "shared", "field", "ecsx", "stopped-texts.jsonl"))
	if err != nil {
		t.Skip("the list is not here: ", err)
	}
	classes, texts, quoted, logs, unknown := 0, 0, 0, 0, 0
	for line := range strings.Lines(string(b)) {
		var row struct {
			Kind, NextMentionsOneOf, Reason, StopCode, ExcerptContains string
			Classes, Log                                               []string
			Containers                                                 []struct {
				Name, Reason string
				ExitCode     *int
				Unhealthy    bool
				Log          []string
			}
		}
		require.NoError(t, json.Unmarshal([]byte(line), &row))
		task := ecsx.StoppedTask{Group: "service:web", StopCode: types.TaskStopCode(row.StopCode), Reason: row.Reason}
		add := func(c ecsx.StoppedContainer, log []string) {
			for _, l := range log {
				c.Log.Lines = append(c.Log.Lines, ecsx.Line{Message: l})
			}
			task.Containers = append(task.Containers, c)
		}
		if row.Kind == "excerpt" {
			logs++
			task.StopCode = types.TaskStopCodeEssentialContainerExited
			add(ecsx.StoppedContainer{Name: "web", Essential: true, ExitCode: new(1)}, row.Log)
			if e := task.Classify().Excerpt; strings.Contains(e, row.ExcerptContains) && !strings.Contains(e, "\x1b") {
				quoted++
			} else {
				t.Logf("quoted %q, want %q", e, row.ExcerptContains)
			}
			continue
		}
		texts++
		for _, c := range row.Containers {
			add(ecsx.StoppedContainer{Name: c.Name, Essential: true, ExitCode: c.ExitCode, Reason: c.Reason, Unhealthy: c.Unhealthy}, c.Log)
		}
		c := task.Classify()
		if c.Class == "unknown" {
			unknown++
		}
		if slices.Contains(row.Classes, string(c.Class)) && slices.ContainsFunc(strings.Split(row.NextMentionsOneOf, "|"), func(w string) bool { return strings.Contains(strings.ToLower(c.Next), strings.ToLower(w)) }) {
			classes++
		} else {
			t.Logf("%s with %q, want %v with %s: %s", c.Class, c.Next, row.Classes, row.NextMentionsOneOf, row.Reason)
		}
	}
	t.Logf("%d of %d texts, %d of them unknown; %d of %d logs", classes, texts, unknown, quoted, logs)
	require.GreaterOrEqual(t, classes, texts-2)
	require.GreaterOrEqual(t, quoted, logs-1)
}

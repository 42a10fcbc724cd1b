package report_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/migrate/toolcmd"
	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/report"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// night is the incident and its rescue, as the folder of evidence has it.
func night(t *testing.T, dir string) report.Input {
	t.Helper()
	var in report.Input
	synctest.Test(t, func(t *testing.T) {
		inc, err := rescuetest.ExpiredRollbackImage(t.Context())
		require.NoError(t, err)
		options := func(o *rescue.Options) {
			o.Evidence, o.Now = dir, inc.Cloud.Now
			o.Confirm = func(rescue.Step) bool { return true }
		}
		d, err := rescue.Diagnose(t.Context(), inc.Cloud.Config(), inc.Stack, options)
		require.NoError(t, err)
		p, err := rescue.MakePlan(d, rescue.Choices{Direction: rescue.Forward, Freeze: true, Migration: &rescue.Migration{Tool: toolcmd.Alembic(), Verify: [][]string{{"check-schema"}}}})
		require.NoError(t, err)
		f := &report.Folder{Path: dir}
		require.NoError(t, f.SavePlan(p))
		require.NoError(t, f.SavePlan(p), "again")
		r, err := rescue.Run(t.Context(), inc.Cloud.Config(), p, options)
		require.NoError(t, err)
		require.NoError(t, f.SaveReport(r))
		_, err = rescue.Diagnose(t.Context(), inc.Cloud.Config(), inc.Stack, options)
		require.NoError(t, err)
		in, err = f.Read()
		require.NoError(t, err)
		require.Equal(t, p.Hash, in.Plan.Hash)
		require.Len(t, in.Steps, 9) // two of them begun
	})
	in.By, in.Program = "arn:aws:sts::123456789012:assumed-role/oncall/dana", "rescue-stack test"
	return in
}

func html(t *testing.T, s *report.Story) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, s.HTML(&b))
	text := b.String()
	if dir := os.Getenv("STACKRESCUE_PAGES"); dir != "" { // for whoever wants to look at them
		require.NoError(t, os.WriteFile(filepath.Join(dir, strings.ReplaceAll(t.Name(), "/", "-")+".html"), []byte(text), 0o600))
	}
	return text
}

var (
	ids   = regexp.MustCompile(`\bid="([^"]+)"`)
	links = regexp.MustCompile(`\b(?:href|for)="#?([^"]+)"`)
)

// whole checks what must hold of every page.
func whole(t *testing.T, page string) {
	t.Helper()
	require.LessOrEqual(t, len(page), 400<<10)
	for _, bad := range []string{"<script", "javascript:", "<img", "<iframe", "src=", "@import", "url(http", "ZgotmplZ", "<no value>", "%!"} {
		require.NotContains(t, page, bad)
	}
	require.NotRegexp(t, `(?:href|action|xlink)="(?:https?:|//)`, page)
	require.Contains(t, page, `default-src 'none'`)
	known := map[string]bool{}
	for _, m := range ids.FindAllStringSubmatch(page, -1) {
		require.False(t, known[m[1]], "id %s is there twice", m[1])
		known[m[1]] = true
	}
	for _, m := range links.FindAllStringSubmatch(page, -1) {
		require.True(t, known[m[1]], "nothing has the id %s", m[1])
	}
	require.Equal(t, 1, strings.Count(page, "<h1>"))
	require.Equal(t, strings.Count(page, "<section"), strings.Count(page, "</section>"))
	require.Equal(t, strings.Count(page, "<details"), strings.Count(page, "</details>"))
}

func TestTheNightAsItIsTold(t *testing.T) {
	t.Parallel()
	in := night(t, t.TempDir())
	s := report.Tell(in)
	require.Equal(t, "rescue", string(s.Kind))
	require.Len(t, s.Users, 1)
	var states []string
	for _, i := range s.Users[0].Intervals {
		states = append(states, i.State)
		require.True(t, i.To.After(i.From))
	}
	// The step that brings the stack back in line takes users down once more: two
	// looks, before and after, do not see it.
	require.Equal(t, []string{"served", "not-served", "served", "not-served", "served"}, states)
	second := s.Users[0].Intervals[3]
	require.InDelta(t, 40, second.To.Sub(second.From).Seconds(), 5)
	require.Regexp(t, `^It is over\. Users were without service for [12]\d min`, s.Headline)
	require.Len(t, s.Causes, 3)
	require.Contains(t, s.Causes[0].Proof[len(s.Causes[0].Proof)-1].Line, `relation "plans" already exists`)
	for _, c := range s.Causes {
		require.NotZero(t, c.Event, c.Question)
		require.NotEmpty(t, c.Proof, c.Question)
	}
	require.GreaterOrEqual(t, len(s.Owed), 4)
	page := html(t, s)
	whole(t, page)
	for _, want := range []string{"✓ RESCUED", "not served", "What was done", "Is the next rollback safe?", "Still owed", "Key moments", "assumed-role/oncall/dana", "prefers-color-scheme", "@media print", "Skip to the events"} {
		require.Contains(t, page, want)
	}
	var text strings.Builder
	require.NoError(t, s.Text(&text, report.TextOptions{Width: 80}))
	lines := strings.Split(strings.TrimRight(text.String(), "\n"), "\n")
	for _, l := range lines {
		require.LessOrEqual(t, len([]rune(l)), 80, l)
	}
	require.Contains(t, strings.Join(lines[len(lines)-8:], "\n"), "RESULT  RESCUED")
	require.NotContains(t, text.String(), "CALLS")
	var verbose, md strings.Builder
	require.NoError(t, s.Text(&verbose, report.TextOptions{Verbose: true}))
	require.Contains(t, verbose.String(), "CALLS")
	require.NoError(t, s.Markdown(&md))
	require.Contains(t, md.String(), "## Stack prod: rescued")
	data, err := json.Marshal(s)
	require.NoError(t, err)
	var back report.Story
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, s.Headline, back.Headline)
}

func TestPagesOfADiagnosisAPlanAndARefusal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inc, err := rescuetest.ExpiredRollbackImage(t.Context())
		require.NoError(t, err)
		d, err := rescue.Diagnose(t.Context(), inc.Cloud.Config(), inc.Stack)
		require.NoError(t, err)
		c := rescue.Choices{Direction: rescue.Forward, Freeze: true, Mended: []string{"prod/backend"}}
		p, err := rescue.MakePlan(d, c)
		require.NoError(t, err)
		_, refused := rescue.MakePlan(d, rescue.Choices{Direction: rescue.Back})
		require.Error(t, refused)
		for name, test := range map[string]struct {
			in   report.Input
			kind string
			has  []string
		}{
			"diagnosis": {report.Input{Diagnosis: d}, "diagnosis", []string{"✗ STUCK", "Evidence expires", "<b>First:</b> Evidence first"}},
			"plan":      {report.Input{Diagnosis: d, Plan: p}, "plan", []string{"→ PLAN", "The plan", "at most"}},
			"compared":  {report.Input{Diagnosis: d, Proposals: d.Compare(c)}, "diagnosis", []string{"Ways out", "(proposed)", "no way back:"}},
			"refusal":   {report.Input{Diagnosis: d, Refused: refused, Proposals: d.Compare(c)}, "refusal", []string{"✗ REFUSED", "Why there is no plan", "What to do instead", "Ways out"}},
		} {
			s := report.Tell(test.in)
			require.Equal(t, test.kind, string(s.Kind), name)
			page := html(t, s)
			if dir := os.Getenv("STACKRESCUE_PAGES"); dir != "" {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name+".html"), []byte(page), 0o600))
			}
			whole(t, page)
			for _, want := range append(test.has, "Timeline") {
				require.Contains(t, page, want, name)
			}
			for _, write := range []func() error{func() error { return s.Text(&strings.Builder{}, report.TextOptions{Width: 60}) }, func() error { return s.Markdown(&strings.Builder{}) }, func() error { return s.Annotations(&strings.Builder{}) }} {
				require.NoError(t, write())
			}
		}
	})
}

// stress is an incident of 18 stacks, 420 tasks and more than 2,000 events, in
// which nothing that somebody else wrote is harmless.
func stress(hostile string) *rescue.Bundle {
	at := time.Date(2026, 11, 26, 20, 0, 0, 0, time.UTC)
	root := &cfnx.Stack{ID: "arn:aws:cloudformation:eu-west-1:1:stack/prod/1", Name: "prod", Status: cfntypes.StackStatusUpdateRollbackFailed}
	b := &rescue.Bundle{Version: 2, At: at.Add(3 * time.Hour), Account: "123456789012", Region: "eu-west-1", Tree: &cfnx.Tree{Root: root}}
	event := func(s *cfnx.Stack, id, physical, kind string, n int, status cfntypes.ResourceStatus, reason string) {
		s.Events = append([]cfnx.Event{{ID: fmt.Sprintf("%s-%s-%d", s.Name, id, n), Time: at.Add(time.Duration(n) * 5 * time.Second), StackID: s.ID, StackName: s.Name, LogicalID: id, PhysicalID: physical, Type: kind, Status: status, Reason: reason}}, s.Events...)
	}
	event(root, "prod", root.ID, "AWS::CloudFormation::Stack", 0, "UPDATE_IN_PROGRESS", "User Initiated")
	for i := range 17 {
		s := &cfnx.Stack{ID: fmt.Sprintf("arn:aws:cloudformation:eu-west-1:1:stack/prod-S%d-ABCDEFGHIJKL/1", i), Name: fmt.Sprintf("prod-S%d-ABCDEFGHIJKL", i), Status: "UPDATE_COMPLETE"}
		root.Children = append(root.Children, s)
		event(s, s.Name, s.ID, "AWS::CloudFormation::Stack", 1, "UPDATE_IN_PROGRESS", "")
		for n := range 124 {
			status := cfntypes.ResourceStatus("UPDATE_COMPLETE")
			if n%7 == 3 {
				status = "UPDATE_FAILED"
			}
			event(s, fmt.Sprintf("Resource%c%c", 'A'+n%26, 'A'+n/26), "x", "AWS::S3::Bucket", 2+n*17, status, fmt.Sprintf("%s %d", hostile, n))
		}
		end := cfntypes.ResourceStatus("UPDATE_COMPLETE")
		if i < 3 {
			end = "UPDATE_ROLLBACK_FAILED"
		}
		event(s, s.Name, s.ID, "AWS::CloudFormation::Stack", 2150, end, "")
	}
	event(root, "prod", root.ID, "AWS::CloudFormation::Stack", 2155, "UPDATE_ROLLBACK_FAILED", hostile)
	for i := range 420 {
		stopped := at.Add(time.Duration(i) * 20 * time.Second)
		x := ecsx.StoppedTask{ARN: fmt.Sprintf("arn:aws:ecs:eu-west-1:1:task/prod/%032x", i), TaskDefinition: fmt.Sprintf("arn:aws:ecs:eu-west-1:1:task-definition/web:%d", i%12), Group: "service:web", CreatedAt: stopped.Add(-time.Minute), StoppedAt: stopped, Reason: hostile, Cause: ecsx.Cause{Class: "application", Summary: hostile, Container: "web"}}
		c := ecsx.StoppedContainer{Name: "web"}
		for n := range 60 {
			c.Log.Lines = append(c.Log.Lines, ecsx.Line{Time: stopped, Message: fmt.Sprintf("%s line %d of task %d", hostile, n, i)})
		}
		x.Containers = []ecsx.StoppedContainer{c}
		b.Tasks = append(b.Tasks, x)
	}
	b.Services = []rescue.ServiceFacts{{StackID: root.ID, LogicalID: "Web", Service: ecsx.Service{Cluster: "prod", Name: "web"}, Status: "ACTIVE", Desired: 2, Events: []string{"20:10:00 (service web) has stopped 2 running tasks", "20:00:10 (service web) has reached a steady state."}}}
	return b
}

func TestLargeAndHostileIncident(t *testing.T) {
	t.Parallel()
	const hostile = "</pre><script>alert(1)</script><img src=x onerror=y>&amp;{{.}}`b` [l](http://e) @acme ##[error]x \x1b[2J\u202e password=zx7Canary"
	s := report.Tell(report.Input{Captures: []*rescue.Bundle{stress(hostile)}, By: hostile, Evidence: hostile})
	require.Greater(t, len(s.Events), 2000)
	page := html(t, s)
	whole(t, strings.ReplaceAll(page, "src=x onerror", ""))
	t.Logf("%d events: %d bytes", len(s.Events), len(page))
	require.Contains(t, page, "events in")
	require.Less(t, strings.Count(page, "<rect")+strings.Count(page, "<text"), 1600)
	var text, md, notes strings.Builder
	require.NoError(t, s.Text(&text, report.TextOptions{Width: 100, Verbose: true}))
	require.NoError(t, s.Markdown(&md))
	require.NoError(t, s.Annotations(&notes))
	require.LessOrEqual(t, md.Len(), 1<<20)
	data, err := json.Marshal(s)
	require.NoError(t, err)
	for sink, out := range map[string]string{"html": page, "text": text.String(), "markdown": md.String(), "annotations": notes.String(), "json": string(data)} {
		for _, bad := range []string{"zx7Canary", "##[", "\x1b", "\u202e"} {
			require.NotContains(t, out, bad, sink)
		}
	}
	for _, bad := range []string{"<script", "<img", "](http://e)", " @acme"} {
		// What is fenced is inert.
		require.NotContains(t, regexp.MustCompile("(?s)\n(`{3,})text\n.*?\n`{3,}\n").ReplaceAllString(md.String(), ""), bad)
	}
	require.LessOrEqual(t, strings.Count(notes.String(), "\n"), 10)
}

func TestEmptyInputsAreTold(t *testing.T) {
	t.Parallel()
	for _, in := range []report.Input{{}, {Diagnosis: &rescue.Diagnosis{}}, {Report: &rescue.Report{}}, {Plan: &rescue.Plan{}}, {Guard: &report.Guard{}}, {Captures: []*rescue.Bundle{nil, {}}}} {
		s := report.Tell(in)
		whole(t, html(t, s))
		require.NoError(t, s.Text(&strings.Builder{}, report.TextOptions{}))
		require.NoError(t, s.Markdown(&strings.Builder{}))
		require.NoError(t, s.Annotations(&strings.Builder{}))
	}
}

func TestGuardPage(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 26, 22, 0, 0, 0, time.UTC)
	s := report.Tell(report.Input{At: at, Guard: &report.Guard{Account: "123456789012", Region: "eu-west-1", At: at, Stacks: []report.GuardStack{
		{Stack: "shop", Verdict: "ok", Columns: map[string]string{"images": "3 of 3", "secrets": "2 of 2"}},
		{Stack: "billing", Verdict: "at-risk", Until: at.Add(5 * 24 * time.Hour), Columns: map[string]string{"images": "3 of 3"}, Findings: []report.GuardFinding{{What: "rule 1 takes image web:v41 on 1 Dec", Proof: "rule 1 (any, 7 days after push: expire)", Means: "a rollback after that fails", When: at.Add(5 * 24 * time.Hour), Commands: []string{"ecr-guard propose -stack billing"}}}},
		{Stack: "prod", Verdict: "broken", Columns: map[string]string{"images": "1 of 3"}, Findings: []report.GuardFinding{{What: "image backend:v1 is gone", Proof: "ecr:DescribeImages: ImageNotFoundException password=zx7Canary"}}},
		{Stack: "data", Verdict: "unknown", Unknown: []string{"secrets: access denied"}},
	}}})
	require.Equal(t, "BROKEN", s.Word)
	require.Equal(t, "prod", s.Guard.Stacks[0].Stack)
	page := html(t, s)
	whole(t, page)
	for _, want := range []string{"image backend:v1 is gone", "Until when a rollback works", "works until 1 Dec", "fails now", "not known"} {
		require.Contains(t, page, want)
	}
	require.NotContains(t, page, "zx7Canary")
	var text, md strings.Builder
	require.NoError(t, s.Text(&text, report.TextOptions{}))
	require.Contains(t, text.String(), "RESULT  BROKEN\n        A rollback would succeed in 1 of 4 stacks.")
	require.NoError(t, s.Markdown(&md))
	require.Contains(t, md.String(), "<code>prod</code>")
}

// A journal whose last line was cut off is read up to there; one that is broken
// in the middle is an error.
func TestJournal(t *testing.T) {
	t.Parallel()
	folder := &report.Folder{Path: t.TempDir()}
	file := filepath.Join(folder.Path, "journal.jsonl")
	require.NoError(t, os.WriteFile(file, []byte(`{"version":1,"id":"1-freeze"}`+"\n"+`{"version":1,"id":"2-`), 0o600))
	all, err := folder.Journal()
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.NoError(t, os.WriteFile(file, []byte(`{"version":1,"id":"1-freeze"}`+"\nx\n"+`{"version":1,"id":"2-stamp"}`+"\n"), 0o600))
	_, err = folder.Journal()
	require.ErrorContains(t, err, "line 2")
	_, err = (&report.Folder{Path: folder.Path + "x"}).Journal()
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = (&report.Folder{Path: t.TempDir()}).Read()
	require.ErrorIs(t, err, os.ErrNotExist)
}

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// try runs the program and returns what it wrote and its exit code.
func try(ctx context.Context, a *app, stdin string, args ...string) (out, errs string, code int) {
	var stdout, stderr strings.Builder
	a.stdin, a.stdout, a.stderr = strings.NewReader(stdin), &stdout, &stderr
	if a.env == nil {
		a.env = func(string) string { return "" }
	}
	code = a.main(ctx, args)
	return stdout.String(), stderr.String(), code
}

// incident is a program on an account in which it happened.
func incident(t *testing.T) (*app, *rescuetest.Incident) {
	t.Helper()
	in, err := rescuetest.ExpiredRollbackImage(t.Context())
	require.NoError(t, err)
	return &app{account: func(_ context.Context, s *settings) (*account, error) {
		return &account{cfg: in.Cloud.Config(), now: in.Cloud.Now, options: func(o *rescue.Options) { o.Now = in.Cloud.Now }}, nil
	}}, in
}

// forward are the flags of the operator of the incident.
var forward = []string{"-direction", "forward", "-freeze", "-migration", "alembic", "-verify", "check-schema"}

func TestDemo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		page := filepath.Join(t.TempDir(), "page.html")
		out, errs, code := try(t.Context(), &app{}, "", "-demo", "-html", page)
		require.Equal(t, 0, code, errs)
		for _, want := range []string{
			"WHY THE UPDATE FAILED\n", `relation "plans" already exists`, "WHY ECS COULD NOT GO BACK\n", "expire 7 days after push", "WHY CLOUDFORMATION COULD NOT GO BACK\n",
			"Users were without service for ", "OUTPUTS PUT BACK\n", "SecretArn = arn:aws:secretsmanager:", "A ROLLBACK FROM HERE WOULD SUCCEED\n", "STILL OWED\n", "RESULT  RESCUED",
		} {
			require.Contains(t, out, want)
		}
		require.Less(t, strings.Index(out, "STILL OWED"), strings.LastIndex(out, "RESULT  RESCUED"), "the result is last")
		require.NotContains(t, out, "CALLS")
		_, last, _ := strings.Cut(out[strings.LastIndex(out, "\nUSERS\n"):], "USERS\n")
		last, _, _ = strings.Cut(last, "\n\n")
		require.Equal(t, 1, strings.Count(last, "not served"), "a deployment that starts tasks before it stops others is no outage: %s", last)
		require.Contains(t, errs, "6-savepoint: done")
		data, err := os.ReadFile(page)
		require.NoError(t, err)
		require.Less(t, len(data), 400<<10)
	})
}

func TestJSONIsOneObjectPerLineAndNothingElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out, errs, code := try(t.Context(), &app{}, "", "-demo", "-json", "-evidence", t.TempDir())
		require.Equal(t, 0, code)
		require.Empty(t, errs)
		var last map[string]json.RawMessage
		for _, line := range objects(t, out) {
			last = line
		}
		require.JSONEq(t, `"rescued"`, string(last["result"]))
		for _, k := range []string{"steps", "outputs", "calls", "causes", "stacks"} {
			require.Contains(t, last, k)
		}
		// Refusals and errors are objects, too.
		for _, args := range [][]string{{"-demo", "-json", "-direction", "back"}, {"-json", "-stack"}, {"-json", "-stack", "x", "-direction", "up"}} {
			out, errs, code = try(t.Context(), &app{}, "", args...)
			lines := objects(t, out)
			if len(lines) == 0 {
				require.Equal(t, 2, code, errs) // a flag without its value is not parsed far enough to know
				continue
			}
			require.Contains(t, lines[len(lines)-1], "error")
			require.Contains(t, string(lines[len(lines)-1]["error"]), fmt.Sprintf(`"exit":%d`, code))
		}
	})
}

func objects(t *testing.T, out string) (all []map[string]json.RawMessage) {
	t.Helper()
	lines := bufio.NewScanner(strings.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var v map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(lines.Bytes(), &v), lines.Text())
		require.NotEmpty(t, v["version"], lines.Text())
		all = append(all, v)
	}
	require.NoError(t, lines.Err())
	return all
}

// A plan is saved, reviewed and run by somebody else; run again it finds what was
// done.
func TestPlanIsReviewedAndRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, in := incident(t)
		dir := t.TempDir()
		file, evidence := filepath.Join(dir, "plan.json"), filepath.Join(dir, "incident")
		out, errs, code := try(t.Context(), a, "", append([]string{"plan", "-stack", in.Stack, "-out", file, "-evidence", evidence}, forward...)...)
		require.Equal(t, 0, code, errs)
		require.Contains(t, out, "5-unlock")
		require.Contains(t, out, "rescue-stack run "+file)
		for _, c := range in.Cloud.Calls() {
			require.False(t, c.Mutates() && c.At.After(in.Cloud.Now().Add(-time.Minute)), c.Action)
		}
		// No answer is no.
		_, errs, code = try(t.Context(), a, "yes\nno\n", "run", file, "-stack", in.Stack, "-evidence", evidence)
		require.Equal(t, 8, code, errs)
		require.Contains(t, errs, "type yes")
		require.Contains(t, errs, "exit 8: not-confirmed")
		// The one who runs it again goes on from there.
		out, errs, code = try(t.Context(), a, "", "run", "-yes", file, "-stack", in.Stack, "-evidence", evidence)
		require.Equal(t, 0, code, errs)
		require.Contains(t, out, "RESULT  RESCUED")
		require.Contains(t, out, "arn:aws:iam::123456789012:user/")
		// And the folder tells all of it, without a call.
		in.Cloud.ForgetCalls()
		out, errs, code = try(t.Context(), a, "", "report", evidence, "-html", filepath.Join(dir, "page.html"))
		require.Equal(t, 0, code, errs)
		require.Contains(t, out, "RESULT  RESCUED")
		_, errs, code = try(t.Context(), a, "", "explain", evidence)
		require.Equal(t, 0, code, errs)
		require.Empty(t, in.Cloud.Calls())
		// A plan that somebody has edited is not run.
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(data), `"force": false`, `"force": true`, 1)+" "), 0o600))
		edited := strings.Replace(string(data), "stack prod", "stack prod2", 1)
		require.NoError(t, os.WriteFile(file, []byte(edited), 0o600))
		_, errs, code = try(t.Context(), a, "", "run", "-yes", file, "-stack", in.Stack)
		require.Equal(t, 10, code, errs)
	})
}

func TestDirectionsAreComparedWhenNoneIsGiven(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, in := incident(t)
		summary := filepath.Join(t.TempDir(), "summary.md")
		out, errs, code := try(t.Context(), a, "", "plan", "-stack", in.Stack, "-freeze")
		require.Equal(t, 0, code, errs)
		require.Contains(t, out, "record or run the migration")
		require.NotContains(t, out, "* hold", "users wait, and it deploys nothing to them")
		out, errs, code = try(t.Context(), a, "", "plan", "-stack", in.Stack, "-freeze", "-mended", "prod/backend", "-markdown", summary)
		require.Equal(t, 0, code, errs)
		for _, want := range []string{"WAYS OUT", "serve", "* forward", "hold", "back", "because:", "RESULT"} {
			require.Contains(t, out, want)
		}
		data, err := os.ReadFile(summary)
		require.NoError(t, err)
		require.Contains(t, string(data), "### Ways out")
		// A service that the stack does not have is refused with those that it has.
		_, errs, code = try(t.Context(), a, "", "plan", "-stack", in.Stack, "-direction", "forward", "-prove", "prod/bakcend")
		require.Equal(t, 10, code, errs)
		require.Contains(t, errs, "no service prod/bakcend")
		require.Contains(t, errs, "prod/backend")
		_, errs, code = try(t.Context(), a, "", "-stack", in.Stack)
		require.Equal(t, 10, code, errs)
		require.Contains(t, errs, "-direction")
		// A refusal is reported, too.
		out, errs, code = try(t.Context(), a, "", "plan", "-stack", in.Stack, "-direction", "back", "-markdown", summary)
		require.Equal(t, 10, code, errs)
		require.Contains(t, out, "WHY THERE IS NO PLAN")
		data, err = os.ReadFile(summary)
		require.NoError(t, err)
		require.Contains(t, string(data), "### Why there is no plan")
	})
}

// Whoever interrupts is answered, and told what AWS goes on doing.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, in := incident(t)
		evidence := t.TempDir()
		args := append([]string{"-stack", in.Stack, "-yes", "-evidence", evidence}, forward...)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var stdout strings.Builder
		stderr := &tap{at: "redeploy: in progress", then: cancel}
		a.stdin, a.stdout, a.stderr, a.env = strings.NewReader(""), &stdout, stderr, func(string) string { return "" }
		require.Equal(t, 130, a.main(ctx, args), stderr.String())
		require.Contains(t, stderr.String(), "ECS goes on with the deployment; run the same command again")
		require.Contains(t, stdout.String(), "RESULT  NOT RESCUED")
		out, errs, code := try(t.Context(), a, "", append(args, "-wait")...)
		require.Equal(t, 0, code, errs+out)
		require.Contains(t, out, "RESULT  RESCUED")
		// A question that nobody answers can be interrupted.
		a, in = incident(t)
		r, w := io.Pipe()
		defer func() { require.NoError(t, w.Close()) }()
		ctx, cancel = context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		stderr = &tap{}
		a.stdin, a.stdout, a.stderr, a.env = r, &stdout, stderr, func(string) string { return "" }
		require.Equal(t, 130, a.main(ctx, append([]string{"-stack", in.Stack}, forward...)), stderr.String())
		require.Contains(t, stderr.String(), "nothing is under way in AWS")
	})
}

// tap is what was written, and does something once a text is in it.
type tap struct {
	text strings.Builder
	at   string
	then func()
}

func (t *tap) String() string { return t.text.String() }

func (t *tap) Write(p []byte) (int, error) {
	n, err := t.text.Write(p)
	if t.at != "" && strings.Contains(t.String(), t.at) {
		t.then()
	}
	return n, err
}

func TestUsageIsCheckedBeforeTheFirstCall(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"": "-stack NAME", "-demo -stack x": "-demo has a stack of its own", "-demo extra": "extra", "-stack x -migration flyway": "one of alembic", "-stack x -direction up": "one of serve, forward, hold, back",
		"-stack x -until end": "one of freeze", "-stack x -progress dots": "one of auto, live, plain, quiet", "stop -stack x": "one of diagnose, plan, run", "run": "needs one argument", "run a b": "needs one argument",
		"-stack x -out f": "-out belongs to", "plan -stack x -out f": "-out and -policy need a direction", "-stack x -policy f": "-policy belongs to", "-stack x -limit unlock=never": "-limit unlock=never: one of", "-stack x -limit deploy=2h": "one of freeze", "plan -stack x -policy f": "-out and -policy need a direction", "-stack x -verify y": "-verify and -migration-service belong to", "-stack x -assert a=maybe": "one of served", "-stack x -revision y": "want CLUSTER/SERVICE", "-stack x -no": "not defined", "-stack x -ledger no-such-file": "no such file", "-stack x -template prod=no-such-file": "no such file", "-stack x -template y": "want STACK=FILE",
	} {
		a := &app{account: func(context.Context, *settings) (*account, error) {
			t.Error("opened for ", args)
			return nil, errors.New("no")
		}}
		_, errs, code := try(t.Context(), a, "", strings.Fields(args)...)
		require.Equal(t, 2, code, args)
		require.Contains(t, errs, want, args)
	}
	_, errs, code := try(t.Context(), &app{}, "", "-help")
	require.Equal(t, 0, code)
	require.Contains(t, errs, "rescue-stack report FOLDER")
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	codes := map[error]int{
		nil: 0, errors.New("step failed"): 1, errNoCredentials: 5, errNoRegion: 2, rescue.ErrHealthy: 3, rescue.ErrNoStack: 4, rescue.ErrNoAccess: 5, rescue.ErrBusy: 6, rescue.ErrNotRescuable: 7,
		rescue.ErrDeclined: 8, rescue.ErrPartly: 9, rescue.ErrDirection: 10, rescue.ErrUnknown: 10, rescue.ErrPlan: 10, rescue.ErrNoEvidence: 10, rescue.ErrChanged: 11, rescue.ErrUnfinished: 12,
	}
	for err, want := range codes {
		if err != nil {
			err = &rescue.Error{Err: err}
		}
		code, word := exitCode(t.Context(), err)
		require.Equal(t, want, code, err)
		require.NotEmpty(t, word)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, _ := exitCode(ctx, fmt.Errorf("step: %w", ctx.Err()))
	require.Equal(t, 130, code)
}

func TestNoCredentialsAndNoRegion(t *testing.T) {
	for _, k := range []string{"AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		t.Setenv(k, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	_, errs, code := try(t.Context(), &app{}, "", "diagnose", "-stack", "x")
	require.Equal(t, 2, code, errs)
	require.Contains(t, errs, "no region")
	_, errs, code = try(t.Context(), &app{}, "", "diagnose", "-stack", "x", "-region", "eu-west-1")
	require.Equal(t, 5, code, errs)
	require.Contains(t, errs, "no credentials")
	require.NotContains(t, errs, "SDK 2") // the SDK's own log lines
}

func TestInGitHubActions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		summary := filepath.Join(t.TempDir(), "summary.md")
		env := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": summary}
		out, errs, code := try(t.Context(), &app{env: func(k string) string { return env[k] }, terminal: true, width: func() int { return 80 }}, "", "-demo")
		require.Equal(t, 0, code, errs)
		require.Equal(t, strings.Count(out, "::group::"), strings.Count(out, "::endgroup::"))
		require.Equal(t, 7, strings.Count(out, "::group::["))
		require.Contains(t, out, "::notice title=stack prod%3A rescued::It is over.")
		require.NotContains(t, out, "\x1b")
		data, err := os.ReadFile(summary)
		require.NoError(t, err)
		require.Contains(t, string(data), "## Stack prod: rescued")
	})
}

// On a terminal there is a status line, no line is wider, and not much time
// passes without one.
func TestOnATerminal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, in := incident(t)
		a.terminal, a.width = true, func() int { return 80 }
		out, errs, code := try(t.Context(), a, "", append([]string{"-stack", in.Stack, "-yes"}, forward...)...)
		require.Equal(t, 0, code, errs)
		require.Contains(t, errs, "\r~ [4 of 7] redeploy service prod/backend: waiting for")
		require.Contains(t, errs, "usually 1 to 8 min")
		require.NotContains(t, errs, "\x1b[J")
		for _, text := range []string{out, errs} {
			for line := range strings.SplitSeq(text, "\n") {
				for part := range strings.SplitSeq(line, "\r") {
					part = strings.ReplaceAll(part, "\x1b[K", "")
					require.LessOrEqual(t, len([]rune(part)), 80, part)
				}
			}
		}
		// Elsewhere the same is a line, at least every 30 s.
		a, in = incident(t)
		_, errs, code = try(t.Context(), a, "", append([]string{"-stack", in.Stack, "-yes"}, forward...)...)
		require.Equal(t, 0, code, errs)
		require.Regexp(t, `stamp alembic in container backend: waiting for \d+ s, usually 2 to 6 min, at most 10 min`, errs)
		var last time.Time
		for line := range strings.SplitSeq(errs, "\n") {
			at, err := time.Parse("15:04:05-07:00", strings.SplitN(line, " ", 2)[0])
			if err != nil {
				continue
			}
			require.False(t, !last.IsZero() && at.Sub(last) > 31*time.Second, line)
			last = at
		}
		require.NotContains(t, errs, "\x1b")
	})
}

func TestAskTakesOnlyYes(t *testing.T) {
	t.Parallel()
	s := rescue.Step{ID: "1-unlock", Subject: "stack prod", Risk: "irreversible", Why: "password=hunter2\x1b[2J"}
	for in, want := range map[string]bool{"yes\n": true, "y\n": false, "": false} {
		var out strings.Builder
		require.Equal(t, want, newAnswers(t.Context(), strings.NewReader(in)).ask(t.Context(), &out, s), in)
		require.Contains(t, out.String(), "risk: irreversible")
		require.NotContains(t, out.String(), "hunter2")
		require.NotContains(t, out.String(), "\x1b")
	}
}

package rescue_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// failing is stuck with an image whose tasks print a line and exit.
func (s *site) failing(line string, code int, edits ...string) {
	s.t.Helper()
	old := s.push("v1")
	s.create(web("v1", edits...))
	s.deleteImage(old)
	s.pushProgram("v2", func(c *simtype.Container) {
		if s.mended {
			c.SetHealthy(true)
			return
		}
		c.Print(line)
		c.After(5*time.Second, func() { c.Exit(code) })
	})
	require.Equal(s.t, cfntypes.StackStatusUpdateRollbackFailed, s.update(web("v2", edits...)))
}

// What the failed revision brings along is there again at its next start: it is refused
// with what would address it, in every direction that would start it, and done where
// the operator says that it has been mended. What somebody may have mended without a
// trace is warned of.
func TestARedeployThatWouldFailAsBefore(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		line    string
		code    int
		edits   []string
		refuses string // "" for a warning
		next    string
	}{
		"a setting it does not have":  {line: "KeyError: 'SMTP_HOST'", code: 1, refuses: "does not have the setting that they miss, SMTP_HOST", next: "give the revision the setting SMTP_HOST"},
		"in other words":              {line: "Error: environment variable SMTP_HOST is required", code: 1, refuses: "SMTP_HOST", next: "-mended prod/web"},
		"a setting it has":            {line: "KeyError: 'SMTP_HOST'", code: 1, edits: with(`Environment: [{Name: SMTP_HOST, Value: a}]`)},
		"a command that is not there": {line: "exec: no such file", code: 127, refuses: "what their image is", next: "-mended prod/web"},
		"a migration half-way":        {line: `alembic: relation "plans" already exists`, code: 1, refuses: "writes to the database again", next: "-migration"},
		"a schema that may fit now":   {line: `panic: relation "posts_v2" does not exist`, code: 2},
		"somebody who did not answer": {line: "FATAL: price service unreachable", code: 1},
		"a key of data":               {line: "KeyError: 'USD'", code: 1},
		"a word in capitals":          {line: "FATAL ERROR: QUEUE is closed", code: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSite(t, func(t *testing.T, s *site) {
				s.failing(test.line, test.code, test.edits...)
				d := s.diagnose()
				for _, direction := range []rescue.Direction{rescue.Forward, rescue.Serve} {
					c := rescue.Choices{Direction: direction}
					if test.refuses != "" {
						s.refuses(c, rescue.ErrDirection, test.refuses)
						_, err := rescue.MakePlan(d, c)
						var e *rescue.Error
						require.ErrorAs(t, err, &e)
						require.Contains(t, e.Next, test.next)
						continue
					}
					p, err := rescue.MakePlan(d, c)
					require.NoError(t, err)
					require.Contains(t, p.String(), "have failed before, and no step of this plan does anything about it")
				}
				_, err := rescue.MakePlan(d, rescue.Choices{Direction: rescue.Forward, Mended: []string{"prod/wbe"}})
				require.ErrorIs(t, err, rescue.ErrDirection)
				require.ErrorContains(t, err, `"prod/wbe"`)
				var e *rescue.Error
				require.ErrorAs(t, err, &e)
				require.Contains(t, e.Next, "prod.Web, prod/web")
				s.mended = true
				for _, name := range []string{"prod/web", "prod.Web"} {
					p, err := rescue.MakePlan(d, rescue.Choices{Direction: rescue.Forward, Mended: []string{name}})
					require.NoError(t, err)
					require.Contains(t, p.String(), "as the operator says, what failed has been mended: "+name)
					require.NotContains(t, p.String(), "have failed before, and no step")
				}
				p, err := rescue.MakePlan(d, rescue.Choices{Direction: rescue.Forward, Mended: []string{"prod/web"}})
				require.NoError(t, err)
				r, err := s.run(throughJSON(t, p, nil))
				require.NoError(t, err, r)
				require.Equal(t, rescue.Result("rescued"), r.Result)
			})
		})
	}
}

// Neighbours: a tag that was pushed again starts another image, a named revision is the
// operator's word, and one service that is refused leaves the others served.
func TestWhatElseMends(t *testing.T) {
	t.Parallel()
	inSite(t, func(t *testing.T, s *site) {
		s.failing("KeyError: 'SMTP_HOST'", 1)
		p, err := rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Serve, Revisions: map[string]string{"prod/web": "web:2"}})
		require.NoError(t, err)
		require.Equal(t, []string{"web:2"}, redeploys(p))
		_, err = s.cloud.PushImage("app", "mended", func(c *simtype.Container) { c.SetHealthy(true) }, "v2")
		require.NoError(t, err)
		p, err = rescue.MakePlan(s.diagnose(), rescue.Choices{Direction: rescue.Forward})
		require.NoError(t, err)
		r, err := s.run(p)
		require.NoError(t, err, r)
		require.Equal(t, rescue.Result("rescued"), r.Result)
	})
}

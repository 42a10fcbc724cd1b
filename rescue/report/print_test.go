package report_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/report"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// On paper is what was concluded and what failed: some pages of 2,000 events, not
// fifty. It is printed where a browser is at hand, and samples are larger.
func TestPrintedPages(t *testing.T) {
	t.Parallel()
	page := html(t, report.Tell(report.Input{Captures: []*rescue.Bundle{stress("it failed")}}))
	css := page[strings.Index(page, "@media print"):strings.Index(page, "</style>")]
	require.Contains(t, css, ".ev tbody tr:not(:has(>.bad)){display:none}")
	browser := findBrowser(t)
	if browser == "" {
		return
	}
	dir := t.TempDir()
	in, out := filepath.Join(dir, "page.html"), filepath.Join(dir, "page.pdf")
	require.NoError(t, os.WriteFile(in, []byte(page), 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir="+dir, "--no-pdf-header-footer", "--print-to-pdf="+out, (&url.URL{Scheme: "file", Path: in}).String())
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, string(text))
	pdf, err := os.ReadFile(out)
	require.NoError(t, err)
	pages := len(regexp.MustCompile(`/Type ?/Page\b`).FindAll(pdf, -1))
	t.Logf("%d pages", pages)
	require.True(t, pages > 0 && pages <= 15, pages)
}

// findBrowser is Chromium, where pages are looked at with it; else "".
func findBrowser(t *testing.T) string {
	t.Helper()
	if sample.Wide() {
		for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
			if path, err := exec.LookPath(name); err == nil {
				return path
			}
		}
	}
	t.Log("not looked at: that takes Chromium and STACKRESCUE_SAMPLE=2")
	return ""
}

var title = regexp.MustCompile(`<title>is outside: ([^<]*)</title>`)

// outside makes what is beyond the right edge of a page, as wide as the fragment says,
// its title.
const outside = `<script>
const width = Number(location.hash.slice(1)), found = []
document.body.style.width = width + "px"
const edge = document.body.getBoundingClientRect().left + width + 2
for (const e of document.body.querySelectorAll("*"))
  if (!e.closest("svg") && e.getClientRects().length && e.getBoundingClientRect().right > edge) found.push(e.tagName + " " + e.textContent.slice(0, 40).replaceAll("<", ""))
for (const e of document.body.querySelectorAll("p,li,pre,h1,h2,h3"))
  if (e.scrollWidth > e.clientWidth + 1 && e.clientWidth) found.push(e.tagName + " " + e.textContent.slice(0, 40).replaceAll("<", ""))
document.title = "is outside: " + (found.slice(0, 3).join("; ") || "none")
</script>`

// No page is wider than the screen, be it a phone's: commands and names without a
// space are broken.
func TestPagesFitTheScreen(t *testing.T) {
	t.Parallel()
	browser := findBrowser(t)
	if browser == "" {
		return
	}
	synctest.Test(t, func(t *testing.T) {
		in, err := rescuetest.ExpiredRollbackImage(t.Context())
		require.NoError(t, err)
		d, err := rescue.Diagnose(t.Context(), in.Cloud.Config(), in.Stack)
		require.NoError(t, err)
		proposals := d.Compare(rescue.Choices{Freeze: true, Mended: []string{"prod/backend"}})
		for name, page := range map[string]string{
			"diagnosis": html(t, report.Tell(report.Input{Diagnosis: d, Proposals: proposals})),
			"plan":      html(t, report.Tell(report.Input{Diagnosis: d, Plan: proposals[1].Plan})),
			"stress":    html(t, report.Tell(report.Input{Captures: []*rescue.Bundle{stress("it failed")}})),
		} {
			page = strings.Replace(page, "default-src 'none'", "default-src 'unsafe-inline'", 1) // for the script
			page += outside
			dir := t.TempDir()
			file := filepath.Join(dir, "page.html")
			require.NoError(t, os.WriteFile(file, []byte(page), 0o600))
			for _, width := range []int{1240, 720, 328} { // a browser's window is not as narrow as a phone: the page is
				out, err := exec.Command(browser, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir="+dir, fmt.Sprintf("--window-size=%d,900", width+40), "--dump-dom", (&url.URL{Scheme: "file", Path: file, Fragment: fmt.Sprint(width)}).String()).Output()
				require.NoError(t, err)
				m := title.FindSubmatch(out)
				require.NotNil(t, m, "%s at %d", name, width)
				require.Equal(t, "none", string(m[1]), "%s at %d: what is beyond the edge", name, width)
			}
		}
	})
}

package report_test

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/report"
)

// On paper is what was concluded and what failed: some pages of 2,000 events, not
// fifty. It is printed where a browser is at hand, and samples are larger.
func TestPrintedPages(t *testing.T) {
	t.Parallel()
	page := html(t, report.Tell(report.Input{Captures: []*rescue.Bundle{stress("it failed")}}))
	css := page[strings.Index(page, "@media print"):strings.Index(page, "</style>")]
	require.Contains(t, css, ".ev tbody tr:not(:has(>.bad)){display:none}")
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	if browser == "" || !sample.Wide() {
		t.Log("not printed: that takes Chromium and STACKRESCUE_SAMPLE=2")
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

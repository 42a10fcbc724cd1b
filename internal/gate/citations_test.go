package gate

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	citationRE = regexp.MustCompile(`docs/(aws/[a-z]+|migrate)\.md(?: ([A-Za-z0-9][A-Za-z0-9_./*-]*))?`)
	elsewhere  = regexp.MustCompile(`(?:^|[^/\w])(?:reference|recordings)/(?:[a-z]+\.md|cloudformation|logs|secretsmanager|ssm|sts|placebo)`)
	numbered   = regexp.MustCompile(`^[0-9]+(\.[0-9]+)*$`)
)

// TestCitations resolves every citation of a document of this repository: the
// file, the section, and for recordings the file among those that are listed.
func TestCitations(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	docs := map[string]string{}
	n := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == ".git" || d.Name() == "node_modules" {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) != ".go" || filepath.Base(path) == "citations_test.go" {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for i, line := range strings.Split(string(data), "\n") {
			if elsewhere.MatchString(line) && !strings.HasSuffix(path, "_test.go") {
				t.Errorf("%s:%d cites what is not in the repository: %s", path, i+1, strings.TrimSpace(line))
			}
			for _, m := range citationRE.FindAllStringSubmatch(line, -1) {
				n++
				name := filepath.Join("docs", filepath.FromSlash(m[1])+".md")
				text, ok := docs[name]
				if !ok {
					data, err := os.ReadFile(filepath.Join(root, name))
					require.NoError(t, err, "%s:%d", path, i+1)
					text = string(data)
					docs[name] = text
				}
				if what := strings.TrimRight(m[2], "."); what != "" && !resolves(text, what) {
					t.Errorf("%s:%d cites %s %s, which is not there", path, i+1, name, what)
				}
			}
		}
		return nil
	}))
	t.Logf("%d citations", n)
	require.Greater(t, n, 100)
}

// resolves finds a section by its number, an item of a numbered list in it, or a
// listed file; a "*" at the end stands for any of several.
func resolves(text, what string) bool {
	if !numbered.MatchString(what) {
		if stem, some := strings.CutSuffix(what, "*"); some {
			return strings.Contains(text, "\n- "+stem)
		}
		return !strings.ContainsAny(what, "/_") || strings.Contains(text, "\n- "+what+"\n")
	}
	if section(text, what) != "" || strings.Contains(text, "\n"+what+" ") {
		return true
	}
	i := strings.LastIndexByte(what, '.')
	if i < 0 {
		return false
	}
	return strings.Contains(section(text, what[:i]), "\n"+what[i+1:]+". ")
}

// section is the text from a heading with the number to the next heading.
func section(text, number string) string {
	for _, level := range []string{"\n## ", "\n### "} {
		if i := strings.Index(text, level+number+" "); i >= 0 {
			rest := text[i+1:]
			if end := strings.Index(rest, "\n##"); end >= 0 {
				return rest[:end]
			}
			return rest
		}
	}
	return ""
}

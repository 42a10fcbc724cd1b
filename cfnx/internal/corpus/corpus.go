// Package corpus finds the templates that tests run against and that are not
// part of the repository.
package corpus

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stackrescue/stackrescue/internal/sample"
)

// Dir returns the folder of the corpus joined with elem: STACKRESCUE_CORPUS,
// or shared/corpus beside the module. Where it is absent the test is skipped,
// or fails if STACKRESCUE_NO_SKIP is 1.
func Dir(t testing.TB, elem ...string) string {
	t.Helper()
	dir := os.Getenv("STACKRESCUE_CORPUS")
	if dir == "" {
		dir = filepath.Join(root(t), "..", "shared", "corpus")
	}
	dir = filepath.Join(append([]string{dir}, elem...)...)
	if _, err := os.Stat(dir); err != nil {
		Missing(t, "the corpus is not here, set STACKRESCUE_CORPUS: "+err.Error())
	}
	return dir
}

// Missing skips a test that lacks what it needs, or fails it where
// STACKRESCUE_NO_SKIP is 1.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("STACKRESCUE_NO_SKIP") == "1" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// Files returns the content of every file below Dir(elem...), by its path
// relative to there, with slashes.
func Files(t testing.TB, elem ...string) map[string][]byte {
	t.Helper()
	dir := Dir(t, elem...)
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		out[filepath.ToSlash(rel)] = b
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Some returns about one in n of [Files], more or all where a larger sample is asked
// for (package sample).
func Some(t testing.TB, n int, elem ...string) map[string][]byte {
	t.Helper()
	all := Files(t, elem...)
	names := sample.Of(t, slices.Sorted(maps.Keys(all)), (len(all)+n-1)/n, filepath.Ext)
	maps.DeleteFunc(all, func(name string, _ []byte) bool { return !slices.Contains(names, name) })
	return all
}

// root returns the module's folder: the one above the test that has go.mod.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for up := dir; ; up = filepath.Dir(up) {
		if _, err := os.Stat(filepath.Join(up, "go.mod")); err == nil {
			return up
		}
		if up == filepath.Dir(up) {
			t.Fatal("no go.mod above " + dir)
		}
	}
}

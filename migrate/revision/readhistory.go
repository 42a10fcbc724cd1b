package revision

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// files are how the migrations of a tool are called.
//
// Source: https://github.com/golang-migrate/migrate/blob/v4.19.1/source/parse.go,
// https://github.com/pressly/goose/blob/v3.27.3/numeric.go,
// https://github.com/rails/rails/blob/v6.1.7/activerecord/lib/active_record/migration.rb
var files = map[string]*regexp.Regexp{
	golangMigrate.name: regexp.MustCompile(`^([0-9]+)_.*\.up\..+$`),
	goose.name:         regexp.MustCompile(`^([0-9]+)_.*\.(?:sql|go)$`),
	rails.name:         regexp.MustCompile(`^([0-9]+)_[_a-z0-9]*(?:\.[_a-z0-9]*)?\.rb$`),
}

// ReadHistory reads which migrations an image brings from the files of the
// tool: "golang-migrate", "goose", "rails", "alembic" or "django". fsys is the
// directory of the migrations; for Django it is one above the apps, whose names
// are those of the directories that hold "migrations".
//
// Alembic's and Django's files are programs: what is read are the plain
// assignments that their tools write, and a file that computes its revision is
// an error. Two files of one version are an error, too.
func ReadHistory(fsys fs.FS, toolName string) (History, error) {
	if fsys == nil {
		return nil, fmt.Errorf("migrations of %s: no directory: %w", toolName, fs.ErrInvalid)
	}
	var all []Migration
	var err error
	switch t, _ := named(toolName); t.name {
	case alembic.name:
		all, err = alembicFiles(fsys)
	case django.name:
		all, err = djangoFiles(fsys)
	case golangMigrate.name, goose.name, rails.name:
		all, err = numbered(fsys, files[t.name])
	default:
		return nil, fmt.Errorf("the files of %q are not known", toolName)
	}
	if err == nil {
		err = distinct(all)
	}
	if err != nil {
		return nil, fmt.Errorf("migrations of %s: %w", toolName, err)
	}
	return sorted(all)
}

func distinct(all []Migration) error {
	seen := map[string]string{}
	for _, m := range all {
		if other, ok := seen[m.Version]; ok {
			return fmt.Errorf("%s and %s are both %s", other, m.File, m.Version)
		}
		seen[m.Version] = m.File
	}
	return nil
}

// numbered reads migrations whose names begin with a number, in a line.
func numbered(fsys fs.FS, name *regexp.Regexp) ([]Migration, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, err
	}
	var out []Migration
	for _, e := range entries {
		m := name.FindStringSubmatch(e.Name())
		if m == nil || e.IsDir() || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		if v := number(m[1]); v != "0" {
			out = append(out, Migration{Version: v, File: e.Name()})
		}
	}
	slices.SortFunc(out, func(a, b Migration) int {
		return cmp.Or(numeric(a.Version, b.Version), strings.Compare(a.File, b.File))
	})
	for i := 1; i < len(out); i++ {
		if out[i].Version != out[i-1].Version {
			out[i].Parents = []string{out[i-1].Version}
		}
	}
	return out, nil
}

var (
	alembicRevision = regexp.MustCompile(`(?m)^revision\s*(?::[^=\n]+)?=\s*["']([^"'\n]+)["']`)
	alembicDown     = regexp.MustCompile(`(?m)^down_revision\s*(?::[^=\n]+)?=\s*(None\b|["'][^"'\n]+["']|\([^)]*\)|\[[^\]]*\])`)
	quoted          = regexp.MustCompile(`["']([^"'\n]+)["']`)
)

// alembicFiles reads the assignments that "alembic revision" writes.
//
// Source: https://alembic.sqlalchemy.org/en/latest/tutorial.html#create-a-migration-script
func alembicFiles(fsys fs.FS) ([]Migration, error) {
	var out []Migration
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".py" || path.Base(name) == "__init__.py" || path.Base(name) == "env.py" {
			return err
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		revision, down := alembicRevision.FindSubmatch(text), alembicDown.FindSubmatch(text)
		if revision == nil || down == nil {
			return fmt.Errorf("%s has no plain revision and down_revision", name)
		}
		m := Migration{Version: string(revision[1]), File: name}
		for _, q := range quoted.FindAllSubmatch(down[1], -1) {
			m.Parents = append(m.Parents, string(q[1]))
		}
		out = append(out, m)
		return nil
	})
	return out, err
}

var djangoDependencies = regexp.MustCompile(`(?s)\bdependencies\s*=\s*\[(.*?)\]`)

// djangoFiles reads the migrations of all apps. Those that others depend on in
// another app are not followed: an app is stamped by itself.
//
// Source: https://docs.djangoproject.com/en/3.2/topics/migrations/#migration-files
func djangoFiles(fsys fs.FS) ([]Migration, error) {
	var out []Migration
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		dir := path.Dir(name)
		if err != nil || d.IsDir() || path.Ext(name) != ".py" || path.Base(name) == "__init__.py" || path.Base(dir) != "migrations" {
			return err
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		app := path.Base(path.Dir(dir))
		if app == "." {
			return fmt.Errorf("%s has no app: name the directory above the apps", name)
		}
		m := Migration{Version: app + "." + strings.TrimSuffix(path.Base(name), ".py"), File: name}
		own := regexp.MustCompile(`\(\s*["']` + regexp.QuoteMeta(app) + `["']\s*,\s*["']([^"'\n]+)["']\s*,?\s*\)`)
		if deps := djangoDependencies.FindSubmatch(text); deps != nil {
			for _, d := range own.FindAllSubmatch(deps[1], -1) {
				m.Parents = append(m.Parents, app+"."+string(d[1]))
			}
		}
		out = append(out, m)
		return nil
	})
	return out, err
}

package gate

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/stackrescue/stackrescue"

// packages are all packages of this module.
func packages(t *testing.T) []listed {
	t.Helper()
	return list(t, "ImportPath,Imports,Deps", "./...")
}

// services are the AWS services whose clients a package may bring with it; a
// package that is not listed, nor below one that is, may bring none of AWS.
var services = map[string][]string{
	"ecsx":                       {"ecs", "cloudwatchlogs"},
	"cfnx":                       {"cloudformation", "s3"},
	"cfnx/template":              nil,
	"ecrx":                       {"ecr"},
	"migrate":                    nil,
	"migrate/dynamolease":        {"dynamodb"},
	"rescue":                     {"cloudformation", "cloudwatchlogs", "ecr", "ecs", "elasticloadbalancingv2", "s3", "secretsmanager", "sts"},
	"internal/awsretry":          {},
	"rescue/rescuetest":          {"*"},
	"internal/sim":               {"*"},
	"internal/clients":           {"*"},
	"examples/rescue-stack":      {"*"},
	"examples/simulated-cloud":   {"*"},
	"examples/ecr-guard":         {"*"},
	"examples/continue-rollback": {"*"},
	"examples/deploy-guard":      {"*"},
	"examples/force-deploy":      {"*"},
	"examples/run-task":          {"*"},
	"examples/stopped-logs":      {"*"},
	"examples/restore-outputs":   {"*"},
	"examples/embed/stackstub":   {"*"}, // answers for the embedders' tests
}

// budget finds the entry for a package or for the nearest one above it.
func budget(rel string) (allowed []string, aws bool) {
	for at := rel; ; at = at[:max(strings.LastIndexByte(at, '/'), 0)] {
		if a, ok := services[at]; ok {
			return a, a != nil
		}
		if at == "" {
			return nil, false
		}
	}
}

// below are the packages that a package of the library may import of this
// module, besides those below internal/ that hold no simulator: what is not
// listed may import none.
var below = map[string][]string{
	"ecsx":                {},
	"cfnx":                {"cfnx/template"},
	"cfnx/template":       {"cfnx/internal/expr", "cfnx/internal/options", "cfnx/internal/tree"},
	"ecrx":                {},
	"migrate":             {},
	"migrate/toolcmd":     {"migrate"},
	"migrate/revision":    {"migrate"},
	"migrate/pglease":     {"migrate"},
	"migrate/mylease":     {"migrate"},
	"migrate/dynamolease": {"migrate"},
	"migrate/migratetest": {"migrate"},
	"rescue":              {"ecsx", "cfnx", "cfnx/template", "ecrx", "migrate", "migrate/toolcmd", "migrate/revision"},
}

// TestDependencies holds every package to its budget and to the direction of
// imports: an embedder of one verb does not compile the clients of all.
func TestDependencies(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		rel := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		allowed, aws := budget(rel)
		n, ours := 0, 0
		for _, d := range p.Deps {
			switch {
			case strings.HasPrefix(d, "github.com/aws/"):
				n++
				if !aws && n == 1 {
					t.Errorf("%s depends on %s: its budget is no package of AWS", rel, d)
				}
				if name, ok := strings.CutPrefix(d, "github.com/aws/aws-sdk-go-v2/service/"); ok && !strings.HasPrefix(name, "internal/") {
					name, _, _ = strings.Cut(name, "/")
					if !slices.Contains(allowed, name) && !slices.Contains(allowed, "*") {
						t.Errorf("%s depends on the client of %s: its budget is %v", rel, name, allowed)
					}
				}
			case strings.HasPrefix(d, module+"/"):
				ours++
				library := !strings.HasPrefix(rel, "internal/") && !strings.HasPrefix(rel, "examples/") && !strings.HasPrefix(rel, "rescue/rescuetest")
				if library && (strings.Contains(d, "/internal/sim") || strings.Contains(d, "/rescuetest")) {
					t.Errorf("%s depends on %s: no simulator in a library package", rel, d)
				}
				for _, verbs := range []string{"ecsx", "cfnx", "ecrx", "migrate", "rescue"} {
					if (strings.HasPrefix(rel, "internal/sim") || rel == "rescue/rescuetest") && d == module+"/"+verbs {
						t.Errorf("%s depends on %s: the simulator shares no code with the library that it judges", rel, d)
					}
				}
			}
		}
		if may, ok := below[rel]; ok {
			for _, d := range p.Imports {
				d, mine := strings.CutPrefix(d, module+"/")
				if mine && !strings.HasPrefix(d, "internal/") && !strings.HasPrefix(d, rel+"/internal/") && !slices.Contains(may, d) {
					t.Errorf("%s imports %s: it may import %v", rel, d, may)
				}
			}
		}
		if !strings.HasPrefix(rel, "internal/") && !strings.HasPrefix(rel, "examples/") {
			t.Logf("%-32s %3d packages, %3d of AWS, %2d of this module", rel, len(p.Deps), n, ours)
		}
	}
}

// TestMigrateImportsNoDriver: what runs in an application's start brings neither
// a driver of a database nor a package of AWS with it, nor anything else that is
// not of the Go project or of this module.
func TestMigrateImportsNoDriver(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, p := range packages(t) {
		rel := strings.TrimPrefix(p.ImportPath, module+"/")
		if rel != "migrate" && !strings.HasPrefix(rel, "migrate/") {
			continue
		}
		seen++
		for _, d := range p.Deps {
			first, _, _ := strings.Cut(d, "/")
			ours := strings.HasPrefix(d, module+"/")
			standard := !strings.Contains(first, ".") || strings.HasPrefix(d, "vendor/") || strings.HasPrefix(d, "golang.org/x/")
			aws := rel == "migrate/dynamolease" && strings.HasPrefix(d, "github.com/aws/")
			test := rel == "migrate/migratetest" && (strings.HasPrefix(d, "github.com/stretchr/") || strings.HasPrefix(d, "github.com/davecgh/") || strings.HasPrefix(d, "github.com/pmezard/") || strings.HasPrefix(d, "gopkg.in/"))
			if !ours && !standard && !aws && !test {
				t.Errorf("%s depends on %s", rel, d)
			}
		}
	}
	require.GreaterOrEqual(t, seen, 7)
}

// TestDigestAlgorithms: package reference knows the digests of an algorithm only in
// a program that has it, which every test program does and a small one may not.
func TestDigestAlgorithms(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if slices.Contains(p.Imports, "github.com/distribution/reference") {
			require.Contains(t, p.Imports, "crypto/sha256", p.ImportPath)
		}
	}
}

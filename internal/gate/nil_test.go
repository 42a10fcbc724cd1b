package gate

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/cfnx/template"
	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/dynamolease"
	"github.com/stackrescue/stackrescue/migrate/mylease"
	"github.com/stackrescue/stackrescue/migrate/pglease"
	"github.com/stackrescue/stackrescue/migrate/revision"
	"github.com/stackrescue/stackrescue/migrate/toolcmd"
	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// functions are all exported functions of these packages, and those of their
// methods that make calls or compute.
var functions = map[string]any{
	"ecsx.TaskSpec.AdoptTask":       ecsx.TaskSpec.AdoptTask,
	"ecsx.ClonedFrom":               ecsx.ClonedFrom,
	"ecsx.StoppedTask.Classify":     ecsx.StoppedTask.Classify,
	"ecsx.Deployment.Continue":      ecsx.Deployment.Continue,
	"ecsx.DependsOnMigration":       ecsx.DependsOnMigration,
	"ecsx.Folder":                   ecsx.Folder,
	"ecsx.ForceDeployLatest":        ecsx.ForceDeployLatest,
	"ecsx.GroupFailures":            ecsx.GroupFailures,
	"ecsx.JSONLines":                ecsx.JSONLines,
	"ecsx.Limit":                    ecsx.Limit,
	"ecsx.ParseService":             ecsx.ParseService,
	"ecsx.PlacementOf":              ecsx.PlacementOf,
	"ecsx.Deployment.RollBack":      ecsx.Deployment.RollBack,
	"ecsx.Service.Preflight":        ecsx.Service.Preflight,
	"ecsx.Deployment.Rollouts":      ecsx.Deployment.Rollouts,
	"ecsx.RootCause":                ecsx.RootCause,
	"ecsx.TaskSpec.RunTask":         ecsx.TaskSpec.RunTask,
	"ecsx.TaskSpec.RunTasks":        ecsx.TaskSpec.RunTasks,
	"ecsx.StoppedTasks":             ecsx.StoppedTasks,
	"ecsx.TaskDefinitionImages":     ecsx.TaskDefinitionImages,
	"ecsx.Uses":                     ecsx.Uses,
	"ecsx.Deployment.WaitRollout":   ecsx.Deployment.WaitRollout,
	"ecsx.WaitRollouts":             ecsx.WaitRollouts,
	"ecsx.WaitStoppedTaskLogs":      ecsx.WaitStoppedTaskLogs,
	"ecsx.TaskSpec.WaitTask":        ecsx.TaskSpec.WaitTask,
	"cfnx.Draft.Apply":              (*cfnx.Draft).Apply,
	"cfnx.ContinueRollbackSkipping": cfnx.ContinueRollbackSkipping,
	"cfnx.Tree.NewDraft":            (*cfnx.Tree).NewDraft,
	"cfnx.PatchTemplateImages":      cfnx.PatchTemplateImages,
	"cfnx.Tree.PlanSkips":           (*cfnx.Tree).PlanSkips,
	"cfnx.Tree.Record":              (*cfnx.Tree).Record,
	"cfnx.RestoreOutputs":           cfnx.RestoreOutputs,
	"cfnx.SkipMinimal":              cfnx.SkipMinimal,
	"cfnx.SkipOnly":                 cfnx.SkipOnly,
	"cfnx.SkipTypes":                cfnx.SkipTypes,
	"cfnx.Snapshot":                 cfnx.Snapshot,
	"cfnx.Stack.TemplateObject":     (*cfnx.Stack).TemplateObject,
	"cfnx.Uses":                     cfnx.Uses,
	"cfnx.Wait":                     cfnx.Wait,
	"template.AddEntries":           template.AddEntries,
	"template.ByContainer":          template.ByContainer,
	"template.ByRepository":         template.ByRepository,
	"template.ByResolver":           template.ByResolver,
	"template.FindImages":           template.FindImages,
	"template.FirstOf":              template.FirstOf,
	"template.PatchImages":          template.PatchImages,
	"template.SetText":              template.SetText,
	"template.SetValues":            template.SetValues,
	"ecrx.Audit":                    ecrx.Audit,
	"ecrx.Check":                    ecrx.Check,
	"ecrx.Policy.Evaluate":          (*ecrx.Policy).Evaluate,
	"ecrx.Image.Explain":            ecrx.Image.Explain,
	"ecrx.Repository.Freeze":        ecrx.Repository.Freeze,
	"ecrx.Repository.Images":        ecrx.Repository.Images,
	"ecrx.InUse":                    ecrx.InUse,
	"ecrx.Policy.Lint":              (*ecrx.Policy).Lint,
	"ecrx.Parse":                    ecrx.Parse,
	"ecrx.ParseImages":              ecrx.ParseImages,
	"ecrx.ParsePolicy":              ecrx.ParsePolicy,
	"ecrx.Image.Pin":                ecrx.Image.Pin,
	"ecrx.Policy.Propose":           (*ecrx.Policy).Propose,
	"ecrx.Image.ReconcilePins":      ecrx.Image.ReconcilePins,
	"ecrx.Refs":                     ecrx.Refs,
	"ecrx.Image.Resolve":            ecrx.Image.Resolve,
	"ecrx.Resolver":                 ecrx.Resolver,
	"ecrx.Image.RestoreTag":         ecrx.Image.RestoreTag,
	"ecrx.Frozen.Thaw":              (*ecrx.Frozen).Thaw,
	"ecrx.Repository.Unarchive":     ecrx.Repository.Unarchive,
	"ecrx.Image.Unpin":              ecrx.Image.Unpin,
	"migrate.FileStore":             migrate.FileStore,
	"migrate.Forget":                migrate.Forget,
	"migrate.Func":                  migrate.Func,
	"migrate.Handback":              migrate.Handback,
	"migrate.Lead":                  migrate.Lead,
	"migrate.New":                   migrate.New,
	"migrate.OneOff":                migrate.OneOff,
	"migrate.ReadHandback":          migrate.ReadHandback[string],
	"migrate.ReportProgress":        migrate.ReportProgress,
	"migrate.ReportedState":         migrate.ReportedState,
	"migrate.Status":                migrate.Status,
	"pglease.ApplicationName":       pglease.ApplicationName,
	"pglease.Create":                pglease.Create,
	"pglease.Guard":                 pglease.Guard,
	"pglease.Limits":                pglease.Limits,
	"pglease.Raise":                 pglease.Raise,
	"pglease.Session":               pglease.Session,
	"pglease.Table":                 pglease.Table,
	"mylease.Create":                mylease.Create,
	"mylease.Guard":                 mylease.Guard,
	"mylease.Raise":                 mylease.Raise,
	"mylease.Table":                 mylease.Table,
	"dynamolease.New":               dynamolease.New,
	"dynamolease.TableInput":        dynamolease.TableInput,
	"revision.EndSession":           revision.EndSession,
	"revision.Inspect":              revision.Inspect,
	"revision.Probe":                revision.Probe,
	"revision.ReadHistory":          revision.ReadHistory,
	"revision.Stamp":                revision.Stamp,
	"toolcmd.Alembic":               toolcmd.Alembic,
	"toolcmd.Inspect":               toolcmd.Inspect,
	"toolcmd.Local":                 toolcmd.Local,
	"toolcmd.ProbeCommand":          toolcmd.ProbeCommand,
	"toolcmd.Stamp":                 toolcmd.Stamp,
	"rescue.Diagnose":               rescue.Diagnose,
	"rescue.Diagnosis.Compare":      (*rescue.Diagnosis).Compare,
	"rescue.Bundle.Explain":         (*rescue.Bundle).Explain,
	"rescue.Finish":                 rescue.Finish,
	"rescue.Guard":                  rescue.Guard,
	"rescue.MakePlan":               rescue.MakePlan,
	"rescue.OpenBundle":             rescue.OpenBundle,
	"rescue.Patience":               rescue.Patience,
	"rescue.ReadActions":            rescue.ReadActions,
	"rescue.Run":                    rescue.Run,
	"rescue.ShareReads":             rescue.ShareReads,
}

// dirs are the packages of functions.
var dirs = map[string]string{"ecsx": "ecsx", "cfnx": "cfnx", "template": "cfnx/template", "ecrx": "ecrx", "migrate": "migrate", "toolcmd": "migrate/toolcmd", "pglease": "migrate/pglease", "mylease": "migrate/mylease", "dynamolease": "migrate/dynamolease", "revision": "migrate/revision", "rescue": "rescue"}

// TestNil calls every exported function with nothing but clients: zero values,
// nil options, resolvers, skippers, sinks, trees. Each has a documented default
// or returns an error; none panics.
func TestNil(t *testing.T) {
	t.Parallel()
	for name, f := range functions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				cloud := rescuetest.New()
				cfg := cloud.Config()
				clients := []any{cloudformation.NewFromConfig(cfg), ecs.NewFromConfig(cfg), ecr.NewFromConfig(cfg), cloudwatchlogs.NewFromConfig(cfg), s3.NewFromConfig(cfg)}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				v := reflect.ValueOf(f)
				typ := v.Type()
				var args []reflect.Value
				for i := range typ.NumIn() {
					in := typ.In(i)
					if typ.IsVariadic() && i == typ.NumIn()-1 {
						in = in.Elem()
					}
					arg := reflect.New(in).Elem()
					switch {
					case in == reflect.TypeFor[context.Context]():
						arg.Set(reflect.ValueOf(ctx))
					case in == reflect.TypeOf(cfg):
						arg.Set(reflect.ValueOf(cfg))
					case in.Kind() == reflect.Interface:
						for _, c := range clients {
							if reflect.TypeOf(c).Implements(in) && in.NumMethod() > 0 {
								arg.Set(reflect.ValueOf(c))
							}
						}
					}
					args = append(args, arg)
				}
				defer func() {
					if p := recover(); p != nil {
						t.Errorf("%s panics: %v", name, p)
					}
				}()
				for _, out := range v.Call(args) {
					consume(out)
					if s, ok := out.Interface().(migrate.Store); ok && !strings.HasPrefix(name, "migrate.") {
						_, err := s.Read(ctx, "k")
						require.ErrorIs(t, err, migrate.ErrStore)
						_, err = s.Acquire(ctx, "k", migrate.Claim{Owner: "o", Lease: time.Minute})
						require.ErrorIs(t, err, migrate.ErrStore)
					}
				}
			})
		})
	}
}

// TestNilHandles holds that what is missing is returned as an error that a caller can
// branch on.
func TestNilHandles(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	for name, err := range map[string]error{
		"pglease.Create": pglease.Create(ctx, nil),
		"pglease.Guard":  pglease.Guard(ctx, nil, "k", 1),
		"pglease.Raise":  pglease.Raise(ctx, nil, "k", 1),
		"mylease.Create": mylease.Create(ctx, nil),
		"mylease.Guard":  mylease.Guard(ctx, nil, "k", 1),
		"mylease.Raise":  mylease.Raise(ctx, nil, "k", 1),
		"migrate.Lead":   migrate.Lead(ctx, nil, "k", nil),
		"zero Runner":    second((&migrate.Runner{}).Run(ctx)),
		"nil Runner":     second((*migrate.Runner)(nil).Run(ctx)),
		"migrate.New":    second(migrate.New(nil, "k", nil, nil)),
	} {
		require.ErrorIs(t, err, migrate.ErrStore, name)
	}
	require.ErrorIs(t, second(migrate.OneOff(ctx, nil, nil)), migrate.ErrProbe)
	for name, err := range map[string]error{
		"Inspect":    second(revision.Inspect(ctx, nil)),
		"Stamp":      second(revision.Stamp(ctx, nil, revision.Change{To: "1"})),
		"EndSession": second(revision.EndSession(ctx, nil, 1)),
	} {
		require.ErrorIs(t, err, revision.ErrEngine, name)
	}
	for _, tree := range []*cfnx.Tree{nil, {}} {
		require.ErrorContains(t, second(tree.Record(ctx, nil)), "tree is empty")
	}
	require.ErrorIs(t, second(revision.Probe(nil, nil)(ctx)), migrate.ErrProbe)
	require.ErrorIs(t, second(revision.ReadHistory(nil, "goose")), fs.ErrInvalid)
	for _, r := range []*migrate.Runner{nil, {}} {
		require.Equal(t, "idle", r.Health().Phase)
		require.NotNil(t, r.Handler())
	}
}

// second is the error of a function that returns two values.
func second[T any](_ T, err error) error { return err }

// consume ranges over what a function returned as a sequence.
func consume(v reflect.Value) {
	if v.Kind() == reflect.Func && !v.IsNil() && v.Type().NumIn() == 1 && v.Type().In(0).Kind() == reflect.Func && v.Type().NumOut() == 0 {
		n := 0
		yield := reflect.MakeFunc(v.Type().In(0), func([]reflect.Value) []reflect.Value {
			n++
			return []reflect.Value{reflect.ValueOf(n < 10)}
		})
		v.Call([]reflect.Value{yield})
	}
}

// TestNilHasEveryFunction fails when a function is exported that TestNil does
// not call.
func TestNilHasEveryFunction(t *testing.T) {
	t.Parallel()
	for pkg, dir := range dirs {
		files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(dir), "*.go"))
		require.NoError(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			for _, d := range f.Decls {
				if d, ok := d.(*ast.FuncDecl); ok && d.Recv == nil && d.Name.IsExported() {
					name := fmt.Sprintf("%s.%s", pkg, d.Name.Name)
					if functions[name] == nil {
						t.Errorf("%s is not in the table of TestNil", name)
					}
				}
			}
		}
	}
}

package gate

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/ecrx"
	"github.com/stackrescue/stackrescue/ecsx"
	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/revision"
	"github.com/stackrescue/stackrescue/rescue"
)

// persisted are the types whose JSON a user keeps or another program reads:
// results, events and files. What can be reached from them is walked.
var persisted = []any{
	ecsx.StoppedTask{}, ecsx.Cursor{}, ecsx.Deployment{}, ecsx.Rollout{}, ecsx.TaskSpec{},
	cfnx.Tree{}, cfnx.Ledger{}, cfnx.Causes{}, cfnx.Continued{}, cfnx.Applied{}, cfnx.Deploy{}, cfnx.Deletion{}, cfnx.Difference{}, cfnx.Round{}, cfnx.Progress{},
	ecrx.Frozen{}, ecrx.AuditReport{}, ecrx.Status{}, ecrx.Explanation{}, ecrx.Proposal{}, ecrx.Reconciled{},
	migrate.Progress{}, migrate.Health{}, migrate.Result{},
	revision.Inspection{}, revision.Stamped{},
	rescue.Bundle{}, rescue.Diagnosis{}, rescue.Plan{}, rescue.Report{}, rescue.StepResult{}, rescue.Event{},
}

// versioned are those of them that stand alone in a file or a line, and say
// which version of their format they are.
var versioned = []any{
	ecsx.Cursor{}, cfnx.Ledger{}, ecrx.Frozen{}, ecrx.AuditReport{},
	rescue.Bundle{}, rescue.Diagnosis{}, rescue.Plan{}, rescue.Report{}, rescue.StepResult{}, rescue.Event{},
}

var (
	lowerCamel = regexp.MustCompile(`^[a-z][a-zA-Z0-9]*$`)
	marshaler  = reflect.TypeFor[json.Marshaler]()
	duration   = reflect.TypeFor[time.Duration]()
	instant    = reflect.TypeFor[time.Time]()
)

// unexportedState are fields that JSON does not see and that nothing but the
// package's own shortcuts depends on, each with why.
var unexportedState = map[string]string{
	"ecsx.StoppedTask.region":       "read off the ARN where it is needed",
	"ecsx.StoppedTask.unread":       "keeps the cursor from marking it",
	"ecsx.StoppedTask.last":         "orders what is known from logs only",
	"ecsx.StoppedTask.lastLine":     "tells crash loops apart before their logs are read",
	"ecsx.StoppedContainer.settled": "used while the log is read",
	"ecsx.StoppedContainer.runtime": "used while the log is looked for",
	"ecsx.StoppedContainer.from":    "used while the log is read",
	"ecsx.StoppedContainer.to":      "used while the log is read",
	"ecsx.Log.retry":                "keeps the cursor from marking it",
	"cfnx.Stack.parent":             "linked again when a tree is read",
	"ecrx.Status.err":               "Reason has it as text",
	"ecrx.AuditReport.read":         "for a check beside the audit, in the same process",
	"revision.Statement.args":       "Args in the driver's types",
	"rescue.Diagnosis.bundle":       "MakePlan refuses a diagnosis without it",
}

// TestFormats walks every type that is reachable from a persisted one.
func TestFormats(t *testing.T) {
	t.Parallel()
	w := walker{t: t, seen: map[reflect.Type]bool{}}
	for _, v := range persisted {
		w.walk(reflect.TypeOf(v), reflect.TypeOf(v).String())
	}
	for _, v := range versioned {
		f, ok := reflect.TypeOf(v).FieldByName("Version")
		if !ok || f.Tag.Get("json") != "version" {
			t.Errorf("%T does not say its version", v)
		}
	}
	require.Greater(t, len(w.seen), 60)
}

type walker struct {
	t    *testing.T
	seen map[reflect.Type]bool
}

func (w *walker) walk(typ reflect.Type, path string) {
	switch typ.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		w.walk(typ.Elem(), path)
		return
	case reflect.Map:
		w.walk(typ.Elem(), path)
		return
	case reflect.Interface, reflect.Func, reflect.Chan:
		w.t.Errorf("%s is of type %s, which JSON does not keep", path, typ)
		return
	}
	if typ == duration {
		w.t.Errorf("%s is a duration: nanoseconds without a unit", path)
	}
	if typ.Kind() != reflect.Struct || typ == instant || w.seen[typ] {
		return
	}
	w.seen[typ] = true
	if strings.HasPrefix(typ.PkgPath(), "github.com/aws/") {
		w.t.Errorf("%s is the SDK's %s: its fields' names would be the format's", path, typ)
		return
	}
	own := typ.Implements(marshaler) || reflect.PointerTo(typ).Implements(marshaler)
	for i := range typ.NumField() {
		f := typ.Field(i)
		name := fmt.Sprintf("%s.%s", typ, f.Name)
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case !f.IsExported() && !f.Anonymous:
			if unexportedState[name] == "" && !own {
				w.t.Errorf("%s is not in the JSON: say why in unexportedState", name)
			}
		case f.Anonymous && tag == "":
			w.walk(f.Type, name)
		case tag == "-":
			if !own {
				w.t.Errorf("%s is left out of the JSON", name)
			}
		case !lowerCamel.MatchString(tag):
			w.t.Errorf("%s has the key %q", name, tag)
		default:
			w.walk(f.Type, name)
		}
	}
}

// TestFormatsRoundTrip fills every persisted type, writes it and reads it.
func TestFormatsRoundTrip(t *testing.T) {
	t.Parallel()
	for _, v := range persisted {
		typ := reflect.TypeOf(v)
		t.Run(typ.String(), func(t *testing.T) {
			t.Parallel()
			in := reflect.New(typ)
			filler{}.fill(in.Elem(), 4)
			if b, is := in.Interface().(*rescue.Bundle); is {
				b.Version = 2 // a later one is refused
			}
			data, err := json.Marshal(in.Interface())
			require.NoError(t, err)
			out := reflect.New(typ)
			require.NoError(t, json.Unmarshal(data, out.Interface()), string(data))
			again, err := json.Marshal(out.Interface())
			require.NoError(t, err)
			require.JSONEq(t, string(data), string(again))
			// What was read is complete: reading it once more changes nothing. What
			// was filled lacks only what reading links, such as a tree's parents.
			last := reflect.New(typ)
			require.NoError(t, json.Unmarshal(again, last.Interface()))
			require.Equal(t, out.Interface(), last.Interface())
			if _, links := in.Interface().(json.Unmarshaler); !links {
				require.Equal(t, in.Interface(), out.Interface())
			}
		})
	}
}

// filler gives every exported field a value of its own.
type filler struct{}

func (f filler) fill(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		if depth > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			f.fill(v.Elem(), depth-1)
		}
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			v.SetBytes([]byte(`{"key":"value"}`))
			return
		}
		if depth > 1 || depth > 0 && v.Type().Elem().Kind() != reflect.Pointer {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			f.fill(v.Index(0), depth-1)
		}
	case reflect.Map:
		if depth > 0 {
			v.Set(reflect.MakeMap(v.Type()))
			k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			f.fill(k, 0)
			f.fill(e, depth-1)
			v.SetMapIndex(k, e)
		}
	case reflect.Struct:
		if v.Type() == instant {
			v.Set(reflect.ValueOf(time.Date(2026, 11, 26, 1, 2, 3, 4000, time.UTC)))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				f.fill(v.Field(i), depth)
			}
		}
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(3)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(3)
	case reflect.Float64:
		v.SetFloat(1.5)
	}
}

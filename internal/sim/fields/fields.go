// Package fields decides what the simulated cloud does with each member of an
// operation's input: it simulates it, ignores it for a stated reason, or
// refuses the call by the member's name. Nothing is dropped in silence.
package fields

import (
	_ "embed"
	"fmt"
	"net/http"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stackrescue/stackrescue/internal/sim/op"
)

//go:embed fields.txt
var text string

// Kind is what is done with a member.
type Kind byte

// The kinds, as fields.txt writes them; Undecided members are not listed.
const (
	Simulated Kind = '+'
	Inert     Kind = '~'
	Refused   Kind = '!'
	Undecided Kind = '?'
)

// A Decision is one member's.
type Decision struct {
	Kind Kind
	// Why is why an Inert or Refused member is.
	Why string
	// Values are the only ones that are simulated, nil for all.
	Values []string
}

var table = sync.OnceValues(func() (map[string]map[string]Decision, error) { return parse(text) })

func parse(text string) (map[string]map[string]Decision, error) {
	t := map[string]map[string]Decision{}
	var members map[string]Decision
	for n, line := range strings.Split(text, "\n") {
		switch {
		case strings.TrimSpace(line) == "" || line[0] == '#':
		case line[0] != ' ':
			members = map[string]Decision{}
			t[line] = members
		default:
			rest := strings.TrimLeft(line, " ")
			d := Decision{Kind: Kind(rest[0])}
			list := rest[1:]
			if d.Kind != Simulated {
				list, d.Why, _ = strings.Cut(list, ":")
				d.Why = strings.TrimSpace(d.Why)
			}
			if members == nil || d.Kind != Simulated && (d.Why == "" || d.Kind != Inert && d.Kind != Refused) {
				return nil, fmt.Errorf("fields.txt:%d: cannot read %q", n+1, line)
			}
			for _, m := range strings.Fields(list) {
				d := d
				name, values, some := strings.Cut(m, "=")
				if some {
					d.Values = strings.Split(values, ",")
				}
				members[name] = d
			}
		}
	}
	return t, nil
}

// Of is the decision about a member of an SDK structure.
func Of(t reflect.Type, member string) Decision {
	decisions, err := table()
	if err != nil {
		return Decision{Kind: Undecided, Why: err.Error()}
	}
	if d, ok := decisions[Name(t)][member]; ok {
		return d
	}
	return Decision{Kind: Undecided, Why: "nobody has decided"}
}

// Name is how fields.txt names an SDK structure.
func Name(t reflect.Type) string {
	if dir, last := path.Split(t.PkgPath()); last == "types" || last == "document" {
		return path.Base(dir) + "/" + t.Name()
	}
	return path.Base(t.PkgPath()) + "." + t.Name()
}

// Check refuses an input, a pointer to an SDK structure, that sets a member
// which is not simulated. A member with its zero value, or a pointer to false,
// asks for nothing.
func Check(in any) error {
	return check(reflect.ValueOf(in), "")
}

// NotSimulated is the code of the error that Check returns.
const NotSimulated = "NotSimulated"

func check(v reflect.Value, at string) error {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return check(v.Elem(), at)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return nil
		}
		for i := range v.Len() {
			if err := check(v.Index(i), at); err != nil {
				return err
			}
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() || !strings.Contains(v.Type().PkgPath(), "/service/") {
			return nil
		}
		if at == "" {
			at = strings.TrimSuffix(Name(v.Type()), "Input")
		}
		for f, x := range v.Fields() {
			if !f.IsExported() || f.Name == "ResultMetadata" || !asks(x) {
				continue
			}
			d := Of(v.Type(), f.Name)
			if d.Kind == Refused || d.Kind == Undecided || d.Values != nil && !d.accepts(x) {
				return refusal(at+"."+f.Name, d, x)
			}
			if err := checkEnum(v.Type(), f.Name, x); err != nil {
				return err
			}
			if err := check(x, at+"."+f.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkEnum refuses a value that its enumeration does not have, in the words in
// which AWS's services do (docs/aws/recordings.md logs): a typing error, or a value that
// is newer than the SDK.
func checkEnum(in reflect.Type, member string, x reflect.Value) error {
	if x.Kind() != reflect.String {
		return nil
	}
	m := x.MethodByName("Values")
	if !m.IsValid() {
		return nil
	}
	var all []string
	values := m.Call(nil)[0]
	for i := range values.Len() {
		if values.Index(i).String() == x.String() {
			return nil
		}
		all = append(all, values.Index(i).String())
	}
	service, _, _ := strings.Cut(strings.ReplaceAll(Name(in), "/", "."), ".")
	code := "InvalidParameterException"
	switch service {
	case "cloudformation", "elasticloadbalancingv2", "sts":
		code = "ValidationError"
	case "ssm", "secretsmanager", "cloudwatchlogs":
		code = "ValidationException"
	case "s3":
		code = "InvalidArgument"
	}
	slices.Sort(all)
	name := strings.ToLower(member[:1]) + member[1:]
	return op.WithStatus(http.StatusBadRequest, op.Error(code, fmt.Sprintf("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must satisfy enum value set: [%s]", x.String(), name, strings.Join(all, ", "))))
}

func refusal(at string, d Decision, x reflect.Value) error {
	why := d.Why
	if d.Values != nil {
		why = fmt.Sprintf("%v is not simulated, only %s", reflect.Indirect(x), strings.Join(d.Values, " and "))
	}
	return op.Error(NotSimulated, "the simulated cloud refuses "+at+": "+why)
}

func (d Decision) accepts(x reflect.Value) bool {
	s := fmt.Sprint(reflect.Indirect(x).Interface())
	for _, v := range d.Values {
		if v == s {
			return true
		}
	}
	return false
}

// asks reports whether a member was set to something.
func asks(x reflect.Value) bool {
	switch x.Kind() {
	case reflect.Pointer:
		return !x.IsNil() && (x.Elem().Kind() != reflect.Bool || x.Elem().Bool())
	case reflect.Slice, reflect.Map:
		return x.Len() > 0
	}
	return !x.IsZero()
}

// Unknown lists what fields.txt mentions and none of the types has.
func Unknown(types []reflect.Type) (names []string) {
	known := map[string]reflect.Type{}
	for _, t := range types {
		known[Name(t)] = t
	}
	decisions, err := table()
	if err != nil {
		return []string{err.Error()}
	}
	for name, members := range decisions {
		t, ok := known[name]
		if !ok {
			names = append(names, name)
			continue
		}
		for member := range members {
			if _, ok := t.FieldByName(member); !ok {
				names = append(names, name+"."+member)
			}
		}
	}
	return names
}

package rescue

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/stackrescue/stackrescue/cfnx"
)

// renderedRevision is what the savepoint makes of a service whose own revision cannot
// be written into the template: that revision, with the template's values where Lost
// says.
type renderedRevision struct {
	StackID   string `json:"stackId"`
	LogicalID string `json:"logicalId"`
	// From is the revision that is kept, Lost what the template decides in place of
	// it, without values.
	From string            `json:"from"`
	Lost []cfnx.Difference `json:"lost"`
	// Again starts it once more although it has failed before: the operator says that
	// the cause has been mended.
	Again bool `json:"again,omitempty"`
}

func (x *renderedRevision) key() string { return recordedKey(x.StackID, x.LogicalID) }

func (x *renderedRevision) complete() bool {
	return x != nil && x.StackID != "" && x.LogicalID != "" && x.From != "" && len(x.Lost) > 0
}

// decided says what the template decides in place of a revision.
func decided(revision, has string, l cfnx.Difference) string {
	if l.Kind == "not-serving" {
		return fmt.Sprintf("the template decides, and sets what %s %s not: %s", short(revision), has, l)
	}
	return fmt.Sprintf("the template decides, and what %s %s is lost on purpose: %s", short(revision), has, l)
}

// uncarried finds the fewest differences which the template has to decide so that the
// draft can carry the others, and carries them. It returns the revision by that, the
// differences that are lost and those that are carried. failed is why the draft cannot
// carry all, and is returned where that cannot be helped: something is not known.
func uncarried(d *cfnx.Draft, stack *cfnx.Stack, logicalID string, serving, recorded any, failed error) (document map[string]any, lost, carried []cfnx.Difference, err error) {
	all, err := d.ServiceDifferences(stack, logicalID, serving, recorded)
	if err != nil {
		return nil, nil, nil, err
	}
	for err = failed; err != nil; {
		e, ok := errors.AsType[*cfnx.DraftError](err)
		if !ok {
			return nil, nil, nil, err
		}
		more := false
		for _, x := range all {
			stands := slices.ContainsFunc(e.Problems, func(p cfnx.Problem) bool {
				return p.Resource == x.Resource && p.Container == x.Container && strings.EqualFold(p.Property, x.Property)
			})
			if stands && !slices.ContainsFunc(lost, func(y cfnx.Difference) bool { return y.Container == x.Container && y.Property == x.Property }) {
				lost, more = append(lost, x), true
			}
		}
		if !more {
			return nil, nil, nil, failed
		}
		if document, err = d.RenderRevision(stack, logicalID, serving, recorded, lost); err != nil {
			return nil, nil, nil, failed
		}
		if err := registrable(document); err != nil {
			return nil, nil, nil, failed
		}
		carried, err = d.CarryRevision(stack, logicalID, document, recorded)
	}
	return document, lost, carried, nil
}

// registrable reports whether a revision can be registered with what ECS takes.
func registrable(document map[string]any) error {
	_, err := registration(document)
	return err
}

// registration is the input that registers a revision.
func registration(document map[string]any) (*ecs.RegisterTaskDefinitionInput, error) {
	in := &ecs.RegisterTaskDefinitionInput{}
	if err := fill(reflect.ValueOf(in).Elem(), document); err != nil {
		return nil, err
	}
	if len(in.ContainerDefinitions) == 0 {
		return nil, errors.New("it has no container")
	}
	for _, c := range in.ContainerDefinitions {
		if aws.ToString(c.Name) == "" || aws.ToString(c.Image) == "" {
			return nil, errors.New("a container has no name or no image")
		}
	}
	return in, nil
}

// written are members of a revision that ECS writes itself
// (docs/aws/ecs.md 1.5), and the digest in the place of a value.
var written = []string{"taskdefinitionarn", "revision", "status", "requiresattributes", "compatibilities", "registeredat", "registeredby", "deregisteredat", "deleterequestedat", "valuesha256"}

// fill gives a structure of the SDK what a document has: names in any case, numbers
// and truth also as texts, as templates write them.
func fill(to reflect.Value, v any) error {
	if v == nil {
		return nil
	}
	wrong := func() error { return fmt.Errorf("%v is no %s", reflect.TypeOf(v), to.Type()) }
	switch to.Kind() {
	case reflect.Pointer:
		to.Set(reflect.New(to.Type().Elem()))
		return fill(to.Elem(), v)
	case reflect.Struct:
		m, ok := v.(map[string]any)
		if !ok {
			return wrong()
		}
		for k, x := range m {
			f := to.FieldByNameFunc(func(name string) bool { return strings.EqualFold(name, k) })
			switch {
			case !f.IsValid() || !f.CanSet():
				if x != nil && !slices.Contains(written, strings.ToLower(k)) {
					return fmt.Errorf("%s: ECS registers no such setting", k)
				}
			default:
				if err := fill(f, x); err != nil {
					return fmt.Errorf("%s: %w", k, err)
				}
			}
		}
	case reflect.Slice:
		list, ok := v.([]any)
		if !ok {
			return wrong()
		}
		to.Set(reflect.MakeSlice(to.Type(), len(list), len(list)))
		for i, x := range list {
			if err := fill(to.Index(i), x); err != nil {
				return err
			}
		}
	case reflect.Map:
		m, ok := v.(map[string]any)
		if !ok {
			return wrong()
		}
		to.Set(reflect.MakeMapWithSize(to.Type(), len(m)))
		for k, x := range m {
			e := reflect.New(to.Type().Elem()).Elem()
			if err := fill(e, x); err != nil {
				return fmt.Errorf("%s: %w", k, err)
			}
			to.SetMapIndex(reflect.ValueOf(k).Convert(to.Type().Key()), e)
		}
	default:
		return fillScalar(to, v, wrong)
	}
	return nil
}

func fillScalar(to reflect.Value, v any, wrong func() error) error {
	switch v.(type) {
	case map[string]any, []any:
		return wrong()
	}
	text := fmt.Sprint(v)
	switch to.Kind() {
	case reflect.String:
		to.SetString(text)
	case reflect.Bool:
		is, err := strconv.ParseBool(text)
		if err != nil {
			return wrong()
		}
		to.SetBool(is)
	case reflect.Int32, reflect.Int64, reflect.Int:
		n, err := strconv.ParseInt(text, 10, to.Type().Bits())
		if err != nil {
			return wrong()
		}
		to.SetInt(n)
	case reflect.Float32, reflect.Float64:
		n, err := strconv.ParseFloat(text, to.Type().Bits())
		if err != nil {
			return wrong()
		}
		to.SetFloat(n)
	default:
		return wrong()
	}
	return nil
}

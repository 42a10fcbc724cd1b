package ecsx

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Difference is one field in which two task definitions differ. It holds no
// value: values of an environment may be secret.
type Difference struct {
	// Container is the container's name, "" for a field of the task.
	Container string `json:"container,omitempty"`
	// Field is where the difference is, such as "environment FEATURE",
	// "healthCheck.interval" or "cpu".
	Field string `json:"field"`
	// Change is "added", "removed" or "changed": what the second definition has,
	// compared with the first.
	Change string `json:"change"`
}

// How the second of two values differs from the first.
const (
	added   = "added"
	removed = "removed"
	changed = "changed"
)

// String is such as "container web: environment FEATURE added".
func (d Difference) String() string {
	if d.Container == "" {
		return d.Field + " " + d.Change
	}
	return "container " + d.Container + ": " + d.Field + " " + d.Change
}

// Diff lists the settings in which two task definitions differ, images apart:
// those of the task first, then those of each container. Lists whose entries have a name, such as
// environment and secrets, are compared by name, whatever their order. What ECS
// itself writes into a registered revision (its number, status, attributes and
// times) does not count, nor do the family and tags. An absent value equals the
// zero value and, where ECS documents a default, that default. It is pure; nil
// is an empty definition.
func Diff(from, to *types.TaskDefinition) []Difference {
	if from == nil {
		from = &types.TaskDefinition{}
	}
	if to == nil {
		to = &types.TaskDefinition{}
	}
	var d differ
	d.structs("", reflect.ValueOf(*from), reflect.ValueOf(*to), notSettings)
	old := map[string]types.ContainerDefinition{}
	for _, c := range from.ContainerDefinitions {
		old[aws.ToString(c.Name)] = c
	}
	seen := map[string]bool{}
	for _, c := range to.ContainerDefinitions {
		name := aws.ToString(c.Name)
		seen[name] = true
		o, ok := old[name]
		d.container = name
		if !ok {
			d.add("container", added)
			continue
		}
		d.structs("", reflect.ValueOf(normal(o)), reflect.ValueOf(normal(c)), notCompared)
	}
	for _, c := range from.ContainerDefinitions {
		if d.container = aws.ToString(c.Name); !seen[d.container] {
			d.add("container", removed)
		}
	}
	return d.out
}

// notSettings are the fields of a task definition that ECS writes itself, and
// those that identify a revision and do not configure it
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskDefinition.html).
var notSettings = []string{
	"ContainerDefinitions", "TaskDefinitionArn", "Family", "Revision", "Status", "RequiresAttributes", "Compatibilities",
	"RegisteredAt", "RegisteredBy", "DeregisteredAt", "DeleteRequestedAt",
}

// notCompared are the fields of a container that are compared elsewhere.
var notCompared = []string{"Name", "Image"}

// normal fills in the defaults that ECS documents for what was left out, so
// that a revision which says them is equal to one which does not.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
func normal(c types.ContainerDefinition) types.ContainerDefinition {
	if c.Essential == nil {
		c.Essential = aws.Bool(true)
	}
	if h := c.HealthCheck; h != nil {
		x := *h
		x.Interval, x.Timeout, x.Retries = orInt(h.Interval, 30), orInt(h.Timeout, 5), orInt(h.Retries, 3)
		c.HealthCheck = &x
	}
	c.PortMappings = slices.Clone(c.PortMappings)
	for i := range c.PortMappings {
		if c.PortMappings[i].Protocol == "" {
			c.PortMappings[i].Protocol = types.TransportProtocolTcp
		}
	}
	return c
}

func orInt(v *int32, or int32) *int32 {
	if v == nil {
		return aws.Int32(or)
	}
	return v
}

type differ struct {
	container string
	out       []Difference
}

func (d *differ) add(field string, c string) {
	d.out = append(d.out, Difference{d.container, field, c})
}

// structs compares two structs of one type field by field.
func (d *differ) structs(prefix string, a, b reflect.Value, except []string) {
	for i := range a.NumField() {
		f := a.Type().Field(i)
		if !f.IsExported() || slices.Contains(except, f.Name) {
			continue
		}
		name := strings.ToLower(f.Name[:1]) + f.Name[1:]
		if prefix != "" {
			name = prefix + "." + name
		}
		d.values(name, a.Field(i), b.Field(i))
	}
}

func (d *differ) values(field string, a, b reflect.Value) {
	for a.Kind() == reflect.Pointer {
		// An absent scalar equals its zero value; an absent object is one.
		if a.Type().Elem().Kind() == reflect.Struct && (a.IsNil() || b.IsNil()) {
			if a.IsNil() != b.IsNil() {
				d.add(field, change(a.IsNil(), b.IsNil()))
			}
			return
		}
		a, b = orZero(a), orZero(b)
	}
	switch a.Kind() {
	case reflect.Struct:
		d.structs(field, a, b, nil)
	case reflect.Map:
		d.entries(field, mapEntries(a), mapEntries(b))
	case reflect.Slice:
		if x, ok := byName(a); ok {
			if y, ok := byName(b); ok {
				d.entries(field, x, y)
				return
			}
		}
		if a.Len()+b.Len() > 0 && !reflect.DeepEqual(a.Interface(), b.Interface()) {
			d.add(field, change(a.Len() == 0, b.Len() == 0))
		}
	default:
		if !reflect.DeepEqual(a.Interface(), b.Interface()) {
			d.add(field, change(a.IsZero(), b.IsZero()))
		}
	}
}

func orZero(p reflect.Value) reflect.Value {
	if p.IsNil() {
		return reflect.Zero(p.Type().Elem())
	}
	return p.Elem()
}

func change(fromNone, toNone bool) string {
	switch {
	case fromNone:
		return added
	case toNone:
		return removed
	}
	return changed
}

// entries compares what has a name on both sides.
func (d *differ) entries(field string, a, b map[string]reflect.Value) {
	var names []string
	for k := range a {
		names = append(names, k)
	}
	for k := range b {
		if _, both := a[k]; !both {
			names = append(names, k)
		}
	}
	slices.Sort(names)
	for _, k := range names {
		x, inA := a[k]
		y, inB := b[k]
		switch {
		case !inA || !inB:
			d.add(field+" "+k, change(!inA, !inB))
		case !reflect.DeepEqual(x.Interface(), y.Interface()):
			d.add(field+" "+k, changed)
		}
	}
}

func mapEntries(m reflect.Value) map[string]reflect.Value {
	out := map[string]reflect.Value{}
	for it := m.MapRange(); it.Next(); {
		out[it.Key().String()] = it.Value()
	}
	return out
}

// byName returns the entries of a list by what names them; false where they have
// no name, or one twice, so that their order may matter.
func byName(list reflect.Value) (map[string]reflect.Value, bool) {
	t := list.Type().Elem()
	if t.Kind() != reflect.Struct {
		return nil, false
	}
	out := map[string]reflect.Value{}
	for i := range list.Len() {
		k, ok := nameOf(list.Index(i).Interface())
		if !ok {
			return nil, false
		}
		if _, twice := out[k]; twice {
			return nil, false
		}
		out[k] = list.Index(i)
	}
	return out, true
}

// nameOf is what identifies an entry of a list in a task definition.
func nameOf(entry any) (string, bool) {
	switch e := entry.(type) {
	case types.KeyValuePair:
		return aws.ToString(e.Name), true
	case types.Secret:
		return aws.ToString(e.Name), true
	case types.Volume:
		return aws.ToString(e.Name), true
	case types.MountPoint:
		return aws.ToString(e.ContainerPath), true
	case types.PortMapping:
		return strconv.Itoa(int(aws.ToInt32(e.ContainerPort))) + "/" + string(e.Protocol), true
	case types.Ulimit:
		return string(e.Name), true
	case types.SystemControl:
		return aws.ToString(e.Namespace), true
	case types.HostEntry:
		return aws.ToString(e.Hostname), true
	case types.ContainerDependency:
		return aws.ToString(e.ContainerName), true
	case types.ResourceRequirement:
		return string(e.Type), true
	case types.EnvironmentFile:
		return aws.ToString(e.Value), true
	}
	return "", false
}

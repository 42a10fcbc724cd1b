package cfnx

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/template"
)

// taskProperties are the properties of a task definition, flat: each by its
// container and path, in lower case, with its value as text or unknown.
type taskProperties map[propertyKey]property

type propertyKey struct{ container, path string }

type property struct {
	name  string // the path as it is written
	value any    // string or unknown
}

// taskDocument reads a task definition as encoding/json writes it.
func taskDocument(v any) (taskProperties, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var doc any
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	if err := d.Decode(&doc); err != nil {
		return nil, err
	}
	t := taskProperties{}
	t.add(doc)
	return t, nil
}

// readOnlyTask are members that ECS adds, that name the revision, or that do not
// change what runs.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskDefinition.html
var readOnlyTask = map[string]bool{
	"taskdefinitionarn": true, "revision": true, "status": true, "requiresattributes": true, "compatibilities": true,
	"registeredat": true, "registeredby": true, "deregisteredat": true, "deleterequestedat": true, "family": true, "tags": true,
}

// listKeys are the members by which items of a list are told apart; a list that
// is not here is one value, in its order.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-ecs-taskdefinition-containerdefinition.html
var listKeys = map[string][]string{
	"environment": {"name"}, "secrets": {"name"}, "secretoptions": {"name"}, "ulimits": {"name"}, "volumes": {"name"},
	"portmappings": {"containerport", "containerportrange", "protocol"}, "mountpoints": {"containerpath"}, "volumesfrom": {"sourcecontainer"},
	"extrahosts": {"hostname"}, "systemcontrols": {"namespace"}, "resourcerequirements": {"type"}, "dependson": {"containername"},
	"environmentfiles": {"value"}, "placementconstraints": {"type", "expression"}, "devices": {"hostpath"}, "tmpfs": {"containerpath"},
	"inferenceaccelerators": {"devicename"}, "proxyconfigurationproperties": {"name"},
}

// freeMaps have keys of the user's own, which keep their case.
var freeMaps = map[string]bool{"dockerlabels": true, "options": true, "driveropts": true, "labels": true}

// aliases are members that CloudFormation and ECS name differently.
var aliases = map[string]string{"proxyconfiguration.properties": "proxyconfiguration.proxyconfigurationproperties"}

// defaults are values that ECS fills in, or that mean the same as none, by the
// end of the path.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
var defaults = map[string]string{
	"essential": "true", "cpu": "0", "protocol": "tcp", "healthcheck.interval": "30", "healthcheck.timeout": "5", "healthcheck.retries": "3",
	"healthcheck.startperiod": "0", "networkmode": "bridge", "rootdirectory": "/", "transitencryption": "disabled", "iam": "disabled",
	"cpuarchitecture": "x86_64", "operatingsystemfamily": "linux", "versionconsistency": "enabled", "hostport": "0",
}

func (t taskProperties) add(doc any) {
	m, ok := doc.(map[string]any)
	if !ok {
		t[propertyKey{}] = property{value: expr.OrUnknown(doc, "an expression")}
		return
	}
	for key, v := range m {
		switch low := strings.ToLower(key); {
		case readOnlyTask[low]:
		case low == "containerdefinitions":
			t.containers(v)
		default:
			t.flatten("", upper(key), v)
		}
	}
}

func (t taskProperties) containers(v any) {
	items, ok := v.([]any)
	if !ok {
		t[propertyKey{path: "containerdefinitions"}] = property{"ContainerDefinitions", expr.OrUnknown(v, "an expression")}
		return
	}
	for _, item := range items {
		m, isMap := item.(map[string]any)
		name, named := member(m, "name").(string)
		if !isMap || !named {
			t[propertyKey{path: "containerdefinitions"}] = property{"ContainerDefinitions", expr.Unknown{Kind: expr.SourceUnknown, Why: "a container without a name that is known"}}
			continue
		}
		t[propertyKey{name, ""}] = property{"", "there"}
		for key, v := range m {
			if low := strings.ToLower(key); low != "name" && low != "image" {
				t.flatten(name, upper(key), v)
			}
		}
	}
}

// member is a member of a map whatever the case of its name.
func member(m map[string]any, name string) any {
	for k, v := range m {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return nil
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// flatten notes a value and what is in it.
func (t taskProperties) flatten(container, name string, v any) {
	low := strings.ToLower(name)
	if a, ok := aliases[low]; ok {
		low = a
	}
	last := low[strings.LastIndexByte(low, '.')+1:]
	switch v := v.(type) {
	case nil, expr.Nothing:
	case expr.Unknown:
		t[propertyKey{container, low}] = property{name, v}
	case map[string]any:
		for k, x := range v {
			if freeMaps[last] {
				t.text(container, name+"."+k, low+"."+k, x) // the case of the key counts
			} else {
				t.flatten(container, name+"."+upper(k), x)
			}
		}
	case []any:
		keys := listKeys[last]
		if keys == nil {
			t.list(container, name, low, v)
			return
		}
		for _, item := range v {
			m, ok := item.(map[string]any)
			if !ok {
				t[propertyKey{container, low}] = property{name, expr.OrUnknown(item, "an expression")}
				continue
			}
			t.item(container, name, m, keys)
		}
	default:
		t.text(container, name, low, v)
	}
}

// item notes an item of a list by what tells it apart.
func (t taskProperties) item(container, name string, m map[string]any, keys []string) {
	var id []string
	for _, k := range keys {
		switch v := member(m, k).(type) {
		case nil:
		case expr.Unknown:
			t[propertyKey{container, strings.ToLower(name)}] = property{name, v}
			return
		default:
			if text := scalarText(v); text != "" && text != "tcp" {
				id = append(id, text)
			}
		}
	}
	name += "." + strings.Join(id, "/")
	low := strings.ToLower(name)
	key := propertyKey{container, low}
	// What an item has is one value: which of its members differs is said by
	// its name well enough, and a secret's is not taken apart.
	t[key] = property{name, "there"}
	for k, v := range m {
		if slices.Contains(keys, strings.ToLower(k)) {
			continue
		}
		switch strings.ToLower(k) {
		case "value", "valuefrom", "valuesha256":
			delete(t, key)
			t.secretText(key, name, k, v)
			continue
		case "hostport":
			// In awsvpc mode ECS fills in the port of the container.
			if scalarText(v) == scalarText(member(m, "containerport")) {
				continue
			}
		}
		t.flatten(container, name+"."+upper(k), v)
	}
}

// secretText notes the value of an environment variable or secret, as its
// digest where that is all that is given.
func (t taskProperties) secretText(key propertyKey, name, member string, v any) {
	switch text, ok := v.(string); {
	case !ok:
		t[key] = property{name, v}
		if _, open := v.(expr.Unknown); !open {
			t[key] = property{name, digest(scalarText(v))}
		}
	case strings.EqualFold(member, "valuesha256"):
		t[key] = property{name, strings.ToLower(text)}
	default:
		t[key] = property{name, digest(text)}
	}
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// list notes a list as one value.
func (t taskProperties) list(container, name, low string, items []any) {
	if len(items) == 0 {
		return
	}
	for _, item := range items {
		if u, ok := item.(expr.Unknown); ok {
			t[propertyKey{container, low}] = property{name, u}
			return
		}
		if !expr.Whole(item) {
			t[propertyKey{container, low}] = property{name, expr.OrUnknown(item, "an expression")}
			return
		}
	}
	b, err := json.Marshal(texts(items))
	if err != nil {
		b = nil
	}
	t[propertyKey{container, low}] = property{name, string(b)}
}

// texts writes every scalar of a value as text, and keys in lower case.
func texts(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = texts(x)
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			if x != nil {
				out[strings.ToLower(k)] = texts(x)
			}
		}
		return out
	}
	return scalarText(v)
}

func (t taskProperties) text(container, name, low string, v any) {
	if u, ok := v.(expr.Unknown); ok {
		t[propertyKey{container, low}] = property{name, u}
		return
	}
	text := scalarText(v)
	if container == "" && (low == "cpu" || low == "memory") {
		text = units(text)
	}
	if isDefault(low, text) {
		return
	}
	t[propertyKey{container, low}] = property{name, text}
}

// isDefault reports whether a value means the same as none.
func isDefault(low, text string) bool {
	if text == "" || text == "false" && !strings.HasSuffix(low, "essential") {
		return true
	}
	for end, v := range defaults {
		if (low == end || strings.HasSuffix(low, "."+end)) && strings.EqualFold(text, v) {
			return true
		}
	}
	return false
}

// units reads "1 vCPU" and "2 GB" as ECS does.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
func units(text string) string {
	low := strings.ToLower(strings.ReplaceAll(text, " ", ""))
	for _, u := range []string{"vcpu", "gb"} {
		if n, ok := strings.CutSuffix(low, u); ok {
			if f, err := strconv.ParseFloat(n, 64); err == nil {
				return strconv.FormatFloat(f*1024, 'f', -1, 64)
			}
		}
	}
	return text
}

func scalarText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case expr.List:
		return string(v)
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return v.String()
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

// compareTasks compares what a template renders with what serves, with the help
// of what it rendered when the stack recorded it; was may be nil.
func compareTasks(rendered, serving, was taskProperties) []Difference {
	var out []Difference
	keys := map[propertyKey]bool{}
	for k := range rendered {
		keys[k] = true
	}
	for k := range serving {
		keys[k] = true
	}
	for k := range was {
		if _, open := covering(rendered, k); open {
			keys[k] = true
		}
	}
	for k := range keys {
		t, has := rendered[k]
		s, serves := serving[k]
		x := Difference{Container: k.container, Property: cmp.Or(t.name, s.name, was[k].name)}
		if u, open := covering(rendered, k); open {
			r, recorded := was[k]
			switch {
			case !u.Stable || was == nil:
				x.Kind, x.Why, x.Sources = notKnown, u.Why, []template.Source{sourceOf(u)}
			case recorded == serves && r.value == s.value:
				continue
			case !serves:
				x.Kind = notServing
			case !recorded:
				x.Kind = notRendered
			default:
				x.Kind = otherValue
			}
			out = append(out, x)
			continue
		}
		switch r, recorded := was[k]; {
		case has && !serves:
			x.Kind = notServing
		case !has && serves:
			x.Kind = notRendered
		case t.value != s.value:
			x.Kind = otherValue
		case was != nil && (!recorded || r.value != t.value):
			x.Kind, x.Why = notKnown, "the template read is not the one that the recorded revision was rendered from"
		default:
			continue
		}
		if inDifference(rendered, serving, k) {
			continue
		}
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Container, b.Container), cmp.Compare(a.Property, b.Property), cmp.Compare(a.Kind, b.Kind))
	})
	return out
}

// inDifference reports whether a property is in something, a container or an
// item of a list, that one side alone has: that is a difference already.
func inDifference(a, b taskProperties, k propertyKey) bool {
	oneSide := func(k propertyKey) bool {
		_, inA := a[k]
		_, inB := b[k]
		return inA != inB
	}
	for path := k.path; ; {
		i := strings.LastIndexByte(path, '.')
		if i < 0 {
			return k.container != "" && k.path != "" && oneSide(propertyKey{k.container, ""})
		}
		if path = path[:i]; oneSide(propertyKey{k.container, path}) {
			return true
		}
	}
}

// covering finds the unknown value that a property is, or is part of.
func covering(t taskProperties, k propertyKey) (expr.Unknown, bool) {
	if u, ok := t[propertyKey{}].value.(expr.Unknown); ok {
		return u, true
	}
	if u, ok := t[propertyKey{path: "containerdefinitions"}].value.(expr.Unknown); ok && k.container != "" {
		return u, true
	}
	for path := k.path; ; {
		if u, ok := t[propertyKey{k.container, path}].value.(expr.Unknown); ok {
			return u, true
		}
		i := strings.LastIndexByte(path, '.')
		if i < 0 {
			return expr.Unknown{}, false
		}
		path = path[:i]
	}
}

package cfnx

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
)

// taskProperties are the properties of a task definition, flat: each by its
// container and path, in lower case, with its value as text or unknown.
type taskProperties map[propertyKey]property

type propertyKey struct{ container, path string }

type property struct {
	name  string // the path as it is written
	value any    // string or unknown
	at    []step // the way to it, below the container or the task definition
	// raw is the value as the document has it; of an item of a list the whole
	// item, whose one value is its member of that name.
	raw    any
	member string
}

// step is a member of a map, or an item of a list by what tells it apart.
type step struct {
	name string
	item bool
}

// spot is where a property is while a document is walked.
type spot struct {
	container, name, low string
	at                   []step
}

func (p spot) key() propertyKey { return propertyKey{p.container, p.low} }

// last is the name of the member that the spot is.
func (p spot) last() string { return p.low[strings.LastIndexByte(p.low, '.')+1:] }

// in is a member of what is at the spot.
func (p spot) in(member string) spot {
	name := upper(member)
	q := spot{p.container, name, strings.ToLower(name), append(slices.Clone(p.at), step{name: name})}
	if p.name != "" {
		q.name, q.low = p.name+"."+name, p.low+"."+strings.ToLower(name)
	}
	if a, ok := aliases[q.low]; ok {
		q.low = a
	}
	return q
}

// free is a member whose name is the user's own.
func (p spot) free(member string) spot {
	return spot{p.container, p.name + "." + member, p.low + "." + member, append(slices.Clone(p.at), step{name: member})}
}

// item is an item of the list at the spot.
func (p spot) item(id string) spot {
	return spot{p.container, p.name + "." + id, p.low + "." + strings.ToLower(id), append(slices.Clone(p.at), step{id, true})}
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

// listKeys are the members by which items of a list are identified; a list that
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
			t.flatten(spot{}.in(key), v)
		}
	}
}

func (t taskProperties) containers(v any) {
	all := property{name: "ContainerDefinitions", at: []step{{name: "ContainerDefinitions"}}}
	items, ok := v.([]any)
	if !ok {
		all.value = expr.OrUnknown(v, "an expression")
		t[propertyKey{path: "containerdefinitions"}] = all
		return
	}
	for _, item := range items {
		m, isMap := item.(map[string]any)
		name, named := member(m, "name").(string)
		if !isMap || !named {
			all.value = expr.Unknown{Kind: expr.SourceUnknown, Why: "a container without a name that is known"}
			t[propertyKey{path: "containerdefinitions"}] = all
			continue
		}
		t[propertyKey{name, ""}] = property{value: "there", raw: m}
		for key, v := range m {
			if low := strings.ToLower(key); low != "name" && low != "image" {
				t.flatten(spot{container: name}.in(key), v)
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

func (t taskProperties) set(p spot, value, raw any) {
	t[p.key()] = property{name: p.name, value: value, at: p.at, raw: raw}
}

// flatten notes a value and what is in it.
func (t taskProperties) flatten(p spot, v any) {
	switch v := v.(type) {
	case nil, expr.Nothing:
	case expr.Unknown:
		t.set(p, v, v)
	case expr.List:
		t.list(p, v.Items())
	case map[string]any:
		for k, x := range v {
			if freeMaps[p.last()] {
				t.text(p.free(k), x) // the case of the key counts
			} else {
				t.flatten(p.in(k), x)
			}
		}
	case []any:
		keys := listKeys[p.last()]
		if keys == nil {
			t.list(p, v)
			return
		}
		for _, item := range v {
			m, ok := item.(map[string]any)
			if !ok {
				t.set(p, expr.OrUnknown(item, "an expression"), item)
				continue
			}
			t.item(p, m, keys)
		}
	default:
		t.text(p, v)
	}
}

// itemID is what tells an item of a list apart.
func itemID(m map[string]any, keys []string) (id string, open *expr.Unknown) {
	var parts []string
	for _, k := range keys {
		switch v := member(m, k).(type) {
		case nil:
		case expr.Unknown:
			return "", &v
		default:
			if text := scalarText(v); text != "" && text != "tcp" {
				parts = append(parts, text)
			}
		}
	}
	return strings.Join(parts, "/"), nil
}

// item notes an item of a list by what tells it apart.
func (t taskProperties) item(p spot, m map[string]any, keys []string) {
	id, open := itemID(m, keys)
	if open != nil {
		t.set(p, *open, *open)
		return
	}
	p = p.item(id)
	// What an item has is one value: which of its members differs is said by
	// its name well enough, and a secret's is not taken apart.
	t.set(p, "there", m)
	for k, v := range m {
		if slices.Contains(keys, strings.ToLower(k)) {
			continue
		}
		switch strings.ToLower(k) {
		case "value", "valuefrom", "valuesha256":
			t.secretText(p, m, k, v)
			continue
		case "hostport":
			// In awsvpc mode ECS fills in the port of the container.
			if scalarText(v) == scalarText(member(m, "containerport")) {
				continue
			}
		}
		t.flatten(p.in(k), v)
	}
}

// secretText notes the value of an environment variable or secret, as its
// digest where that is all that is given.
func (t taskProperties) secretText(p spot, m map[string]any, name string, v any) {
	x := property{name: p.name, at: p.at, raw: m, member: upper(name)}
	if strings.EqualFold(name, "valuesha256") {
		x.member = "Value"
	}
	switch text, ok := v.(string); {
	case !ok:
		x.value = v
		if _, open := v.(expr.Unknown); !open {
			x.value = digest(scalarText(v))
		}
	case strings.EqualFold(name, "valuesha256"):
		x.value = strings.ToLower(text)
	default:
		x.value = digest(text)
	}
	t[p.key()] = x
}

// withheld is the placeholder in a draft for a value of which only the digest is known.
const withheld = "stackrescue-withheld-"

func digest(s string) string {
	if sum, ok := strings.CutPrefix(s, withheld); ok {
		return sum
	}
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// list notes a list as one value.
func (t taskProperties) list(p spot, items []any) {
	if len(items) == 0 {
		return
	}
	for _, item := range items {
		if u, ok := item.(expr.Unknown); ok {
			t.set(p, u, u)
			return
		}
		if !expr.Whole(item) {
			t.set(p, expr.OrUnknown(item, "an expression"), item)
			return
		}
	}
	b, err := json.Marshal(texts(items))
	if err != nil {
		b = nil
	}
	t.set(p, string(b), items)
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

func (t taskProperties) text(p spot, v any) {
	if u, ok := v.(expr.Unknown); ok {
		t.set(p, u, u)
		return
	}
	text := scalarText(v)
	if p.container == "" && (p.low == "cpu" || p.low == "memory") {
		text = units(text)
	}
	if isDefault(p.low, text) {
		return
	}
	t.set(p, text, v)
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

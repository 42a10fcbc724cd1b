package cfnsim

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
)

// template is one template, read and checked.
type template struct {
	body        string
	description string
	version     string
	metadata    any
	mappings    object
	conditions  object
	transforms  []string
	parameters  []parameter
	resources   []declaration
	outputs     []outputDecl
}

// declaration is one member of Resources.
type declaration struct {
	id, typ, condition           string
	properties                   object
	metadata                     any
	dependsOn                    []string
	deletionPolicy, updatePolicy string // DeletionPolicy and UpdateReplacePolicy
	deps                         []string
}

type outputDecl struct {
	name, description, condition string
	value, export                any
}

var (
	alphanumeric = regexp.MustCompile(`^[a-zA-Z0-9]+$`)
	sections     = []string{"AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Mappings", "Conditions", "Transform", "Resources", "Outputs", "Rules", "Hooks", "Globals"}
	members      = []string{"Type", "Properties", "DependsOn", "Condition", "Metadata", "DeletionPolicy", "UpdateReplacePolicy", "UpdatePolicy", "CreationPolicy"}
)

// readTemplate reads a template and checks what AWS checks before an
// operation starts (docs/aws/recordings.md cloudformation/api/test_validations).
func readTemplate(body string) (*template, error) {
	doc, err := readDocument(body)
	if err != nil {
		return nil, err
	}
	t := &template{body: body, metadata: doc.root["Metadata"]}
	if t.transforms, err = transforms(doc.root["Transform"]); err != nil {
		return nil, err
	}
	if slices.Contains(t.transforms, languageExtensions) {
		if err := extend(doc); err != nil {
			return nil, err
		}
	}
	for k := range doc.root {
		if !slices.Contains(sections, k) {
			return nil, invalidf("Invalid template property or properties [%s]", k)
		}
	}
	t.description, _ = doc.root["Description"].(string)
	t.version, _ = doc.root["AWSTemplateFormatVersion"].(string)
	for _, part := range []func(*document) error{t.readParameters, t.readMappings, t.readConditions, t.readResources, t.readOutputs, t.checkReferences} {
		if err := part(doc); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// section is a section's members, in the order of the text.
func section(doc *document, name string) (object, []string, error) {
	v, there := doc.root[name]
	if !there || v == nil {
		return nil, nil, nil
	}
	m, ok := v.(object)
	if !ok {
		return nil, nil, formatError(name + " must be an object.")
	}
	var keys []string
	for _, k := range doc.keys[name] {
		if _, ok := m[k]; ok {
			keys = append(keys, k)
		}
	}
	return m, keys, nil
}

func (t *template) readMappings(doc *document) error {
	m, keys, err := section(doc, "Mappings")
	if err != nil {
		return err
	}
	for _, k := range keys {
		first, ok := m[k].(object)
		if !ok {
			return formatError("Every Mappings member " + k + " must be a map")
		}
		for _, name := range sorted(first) {
			second, ok := first[name].(object)
			if !ok {
				return formatError("Every Mappings member " + k + " must be a map")
			}
			for _, v := range second {
				if !mappable(v) {
					return formatError("Every Mappings attribute must be a String or a List.")
				}
			}
		}
	}
	t.mappings = m
	return nil
}

func mappable(v any) bool {
	switch v := v.(type) {
	case object:
		return false
	case []any:
		return !slices.ContainsFunc(v, func(e any) bool { return !mappable(e) })
	}
	return v != nil
}

func (t *template) readConditions(doc *document) error {
	m, keys, err := section(doc, "Conditions")
	t.conditions = m
	for _, k := range keys {
		if err := checkFunctions(m[k], 0); err != nil {
			return err
		}
	}
	return err
}

func (t *template) readResources(doc *document) error {
	m, keys, err := section(doc, "Resources")
	if err != nil {
		return err
	}
	if len(m) == 0 {
		return formatError("At least one Resources member must be defined.")
	}
	for _, id := range keys {
		d, err := readDeclaration(id, m[id])
		if err != nil {
			return err
		}
		t.resources = append(t.resources, d)
	}
	var common []string
	for _, p := range t.parameters {
		if _, ok := m[p.name]; ok {
			common = append(common, p.name)
		}
	}
	if len(common) > 0 { // https://github.com/aws-cloudformation/cfn-lint/issues/1689
		return invalidf("Template error: all resources and parameters must have unique names. Common name(s):[%s]", strings.Join(common, ", "))
	}
	return nil
}

var typeName = regexp.MustCompile(`^(?:Custom::[\w@-]+|\w+::\w+::\w+(?:::MODULE)?)$`)

// knownTypes are the resource types of AWS::ECS and AWS::ECR as of the registry of
// 2026.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ECS.html
var knownTypes = map[string][]string{
	"AWS::ECS::": {"CapacityProvider", "Cluster", "ClusterCapacityProviderAssociations", "Daemon", "DaemonTaskDefinition", "ExpressGatewayService", "PrimaryTaskSet", "Service", "TaskDefinition", "TaskSet"},
	"AWS::ECR::": {"PublicRepository", "PullThroughCacheRule", "PullTimeUpdateExclusion", "RegistryPolicy", "RegistryScanningConfiguration", "ReplicationConfiguration", "Repository", "RepositoryCreationTemplate", "SigningConfiguration"},
}

// recognized reports whether a name can be a resource type's. Of ECS and ECR all
// types are known; those of other services are taken as they are.
func recognized(typ string) bool {
	if !typeName.MatchString(typ) {
		return false
	}
	for prefix, names := range knownTypes {
		if name, ok := strings.CutPrefix(typ, prefix); ok {
			return slices.Contains(names, name)
		}
	}
	return true
}

func readDeclaration(id string, v any) (declaration, error) {
	d := declaration{id: id}
	if !alphanumeric.MatchString(id) {
		return d, formatError("Resource name " + id + " is non alphanumeric.")
	}
	m, ok := v.(object)
	if !ok {
		return d, formatError("Any Resources member must be an object.")
	}
	for _, k := range sorted(m) {
		if !slices.Contains(members, k) {
			return d, invalidf("Invalid template resource property '%s'", k)
		}
	}
	if d.typ, ok = m["Type"].(string); !ok || d.typ == "" {
		return d, formatError("[/Resources/" + id + "] Every Resources object must contain a Type member.")
	}
	if !recognized(d.typ) {
		return d, formatError("Unrecognized resource types: [" + d.typ + "]")
	}
	if p, there := m["Properties"]; there && p != nil {
		if d.properties, ok = p.(object); !ok {
			return d, formatError("[/Resources/" + id + "/Properties] Properties must be an object.")
		}
	}
	if path, bad := findNull(d.properties, "/Resources/"+id+"/Properties", 0); bad {
		return d, invalidf("[%s] 'null' values are not allowed in templates", path)
	}
	d.metadata = m["Metadata"]
	d.condition, _ = m["Condition"].(string)
	d.deletionPolicy, _ = m["DeletionPolicy"].(string)
	d.updatePolicy, _ = m["UpdateReplacePolicy"].(string)
	switch on := m["DependsOn"].(type) {
	case string:
		d.dependsOn = []string{on}
	case []any:
		for _, v := range on {
			if s, ok := v.(string); ok {
				d.dependsOn = append(d.dependsOn, s)
			}
		}
	}
	if err := checkFunctions(d.properties, 0); err != nil {
		return d, err
	}
	d.deps = append(references(d.properties), d.dependsOn...)
	sort.Strings(d.deps)
	d.deps = slices.Compact(d.deps)
	return d, nil
}

func (t *template) readOutputs(doc *document) error {
	m, keys, err := section(doc, "Outputs")
	if err != nil {
		return err
	}
	for _, k := range keys {
		o, ok := m[k].(object)
		if !ok && m[k] == nil {
			return formatError("Every Outputs member must contain a Value object")
		}
		v, there := o["Value"]
		switch {
		case there && v == nil:
			return invalidf("[/Outputs/%s/Value] 'null' values are not allowed in templates", k)
		case !there:
			return formatError("Every Outputs member must contain a Value object")
		}
		d := outputDecl{name: k, value: v}
		d.description, _ = o["Description"].(string)
		d.condition, _ = o["Condition"].(string)
		if e, ok := o["Export"].(object); ok {
			d.export = e["Name"]
		}
		if err := checkFunctions(v, 0); err != nil {
			return err
		}
		t.outputs = append(t.outputs, d)
	}
	return nil
}

// findNull is the path of a null inside v.
func findNull(v any, path string, depth int) (string, bool) {
	switch v := v.(type) {
	case nil:
		return path, depth > 0
	case object:
		for _, k := range sorted(v) {
			if p, bad := findNull(v[k], path+"/"+k, depth+1); bad {
				return p, true
			}
		}
	case []any:
		for i, e := range v {
			if p, bad := findNull(e, fmt.Sprintf("%s/%d", path, i), depth+1); bad {
				return p, true
			}
		}
	}
	return "", false
}

func sorted(m object) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func (t *template) resource(id string) (declaration, bool) {
	i := slices.IndexFunc(t.resources, func(d declaration) bool { return d.id == id })
	if i < 0 {
		return declaration{}, false
	}
	return t.resources[i], true
}

func transforms(v any) ([]string, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		return []string{v}, nil
	case object:
		name, ok := v["Name"].(string)
		if !ok {
			return nil, invalid("Key Name of transform definition must be a string.")
		}
		return []string{name}, nil
	case []any:
		var all []string
		for _, e := range v {
			names, err := transforms(e)
			if err != nil {
				return nil, err
			}
			all = append(all, names...)
			if len(all) > 100 {
				return nil, invalid("Too many transforms.")
			}
		}
		return all, nil
	}
	return nil, formatError("Transform must be a string or a list of strings. " + strings.TrimSpace(fmt.Sprintf("%T", v)))
}

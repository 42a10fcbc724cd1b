package cfnsim

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// derived are the two templates that a recorded pair of change sets was made
// of, read back from what the change sets showed.
type derived struct {
	first, second    map[string]any // Resources
	params1, params2 map[string]string
	capabilities     []types.Capability
}

func changesOf(rec map[string]any, key string) []map[string]any {
	var out []map[string]any
	m, _ := rec[key].(map[string]any)
	l, _ := m["Changes"].([]any)
	for _, e := range l {
		out = append(out, e.(map[string]any)["ResourceChange"].(map[string]any))
	}
	return out
}

func paramsOf(rec map[string]any, key string) map[string]string {
	out := map[string]string{}
	m, _ := rec[key].(map[string]any)
	l, _ := m["Parameters"].([]any)
	for _, e := range l {
		p := e.(map[string]any)
		out[p["ParameterKey"].(string)] = p["ParameterValue"].(string)
	}
	return out
}

const cs1, cs2 = "describe-change-set-1", "describe-change-set-2"

// derive fails where the recording does not tell what a property was made of.
func derive(rec map[string]any) (*derived, error) {
	d := &derived{first: map[string]any{}, second: map[string]any{}, params1: paramsOf(rec, cs1), params2: paramsOf(rec, cs2)}
	l, _ := rec[cs1].(map[string]any)["Capabilities"].([]any)
	for _, c := range l {
		d.capabilities = append(d.capabilities, types.Capability(c.(string)))
	}
	for _, n := range []string{"post-create-1-describe", "post-create-2-describe"} {
		if m, _ := rec[n].(map[string]any); m["Outputs"] != nil || m["Description"] != nil {
			return nil, errors.New("has outputs, which change sets do not show")
		}
	}
	for _, c := range changesOf(rec, cs1+"-prop-values") {
		d.first[c["LogicalResourceId"].(string)] = resourceOf(c)
	}
	if err := d.link(rec, d.first); err != nil {
		return nil, err
	}
	b, err := json.Marshal(d.first)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &d.second); err != nil {
		return nil, err
	}
	for _, c := range changesOf(rec, cs2+"-prop-values") {
		if err := d.apply(rec, c); err != nil {
			return nil, err
		}
	}
	return d, d.link(rec, d.second)
}

func resourceOf(c map[string]any) map[string]any {
	after, _ := c["AfterContext"].(map[string]any)
	props, _ := after["Properties"].(map[string]any)
	return map[string]any{"Type": c["ResourceType"], "Properties": maps.Clone(props)}
}

func (d *derived) apply(rec, c map[string]any) error {
	id := c["LogicalResourceId"].(string)
	switch c["Action"] {
	case "Remove":
		delete(d.second, id)
	case "Add":
		made := resourceOf(c)
		d.second[id] = made
		// A value that the update itself changes is a reference.
		for name, v := range made["Properties"].(map[string]any) {
			for other, r := range d.second {
				now := eventProperty(rec, id, name)
				for n, o := range r.(map[string]any)["Properties"].(map[string]any) {
					if other != id && now != "" && now != v && o == now {
						made["Properties"].(map[string]any)[name] = map[string]any{"Fn::GetAtt": []any{other, n}}
					}
				}
			}
		}
	default:
		was := d.second[id].(map[string]any)["Properties"].(map[string]any)
		now := resourceOf(c)
		props := now["Properties"].(map[string]any)
		for k, v := range was {
			if _, isRef := v.(map[string]any); isRef && (props[k] == knownAfterApply || !detailed(c, k)) {
				props[k] = v
			}
		}
		d.second[id] = now
		for _, e := range c["Details"].([]any) {
			e := e.(map[string]any)
			name := e["Target"].(map[string]any)["Name"].(string)
			if e["ChangeSource"] != "ParameterReference" {
				continue
			}
			p := e["CausingEntity"].(string)
			if err := substitute(props, name, p, d.params2[p]); err != nil {
				return err
			}
			if v, ok := d.params1[p]; ok {
				first := d.first[id].(map[string]any)["Properties"].(map[string]any)
				if err := substitute(first, name, p, v); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func detailed(c map[string]any, name string) bool {
	return slices.ContainsFunc(c["Details"].([]any), func(e any) bool {
		return e.(map[string]any)["Target"].(map[string]any)["Name"] == name
	})
}

// substitute puts a reference to the parameter in the place of its value.
func substitute(props map[string]any, name, param, value string) error {
	s, ok := props[name].(string)
	switch {
	case !ok:
		return nil
	case s == value:
		props[name] = map[string]any{"Ref": param}
	case value != "" && strings.Contains(s, value):
		props[name] = map[string]any{"Fn::Sub": strings.Replace(s, value, "${"+param+"}", 1)}
	default:
		return errors.New("a property is made of a parameter in a way that the change set does not show")
	}
	return nil
}

// link replaces values that were known after the update only by references:
// those the change sets name as the cause, or to what the events show.
func (d *derived) link(rec map[string]any, resources map[string]any) error {
	for id, r := range resources {
		props, _ := r.(map[string]any)["Properties"].(map[string]any)
		for name, v := range props {
			if v != knownAfterApply {
				continue
			}
			ref := d.cause(rec, id, name, resources)
			if ref == nil {
				return errors.New("a value known after the update cannot be told from the recording")
			}
			props[name] = ref
		}
	}
	return nil
}

func (d *derived) cause(rec map[string]any, id, name string, resources map[string]any) any {
	for _, key := range []string{cs2, cs2 + "-prop-values"} {
		for _, c := range changesOf(rec, key) {
			if c["LogicalResourceId"] != id {
				continue
			}
			for _, e := range c["Details"].([]any) {
				e := e.(map[string]any)
				entity, _ := e["CausingEntity"].(string)
				if e["Target"].(map[string]any)["Name"] != name || !strings.HasPrefix(str2(e["ChangeSource"]), "Resource") {
					continue
				}
				if of, attribute, ok := strings.Cut(entity, "."); ok {
					whole := eventProperty(rec, id, name)
					first, _ := d.first[of].(map[string]any)
					if part := str2(first["Properties"].(map[string]any)[attribute]); whole != "" && whole != part {
						if part == "" || !strings.Contains(whole, part) {
							return nil
						}
						return map[string]any{"Fn::Sub": strings.Replace(whole, part, "${"+entity+"}", 1)}
					}
					return map[string]any{"Fn::GetAtt": []any{of, attribute}}
				}
				return map[string]any{"Ref": entity}
			}
		}
	}
	value := eventProperty(rec, id, name)
	for other, r := range resources {
		if other == id || value == "" {
			continue
		}
		if strings.HasSuffix(value, ":"+str2(r.(map[string]any)["Properties"].(map[string]any)["TopicName"])) {
			return map[string]any{"Ref": other}
		}
		for n, v := range r.(map[string]any)["Properties"].(map[string]any) {
			if v == value {
				return map[string]any{"Fn::GetAtt": []any{other, n}}
			}
		}
	}
	return nil
}

func str2(v any) string {
	s, _ := v.(string)
	return s
}

// eventProperty is a property as the resource's first event had it.
func eventProperty(rec map[string]any, id, name string) string {
	all, _ := rec["per-resource-events"].(map[string]any)
	l, _ := all[id].([]any)
	for _, e := range slices.Backward(l) {
		if p, ok := e.(map[string]any)["ResourceProperties"].(map[string]any); ok {
			return str2(p[name])
		}
	}
	return ""
}

// body is a template with the resources and the parameters.
func body(resources map[string]any, params map[string]string) string {
	t := map[string]any{"Resources": resources}
	if len(params) > 0 {
		p := map[string]any{}
		for k := range params {
			p[k] = map[string]any{"Type": "String"}
		}
		t["Parameters"] = p
	}
	b, err := json.Marshal(t)
	if err != nil {
		return ""
	}
	return string(b)
}

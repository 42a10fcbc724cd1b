package cfnx

import (
	"encoding/json"
	"strings"
)

// settingNames are members that describing a service names otherwise than making one.
var settingNames = map[string]string{"placementstrategy": "PlacementStrategies"}

// settingsDocument reads a live service.
func settingsDocument(live any) (map[string]any, error) {
	b, err := json.Marshal(live)
	if err != nil {
		return nil, err
	}
	var doc map[string]any
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.UseNumber()
	if err := dec.Decode(&doc); err != nil {
		return nil, err
	}
	out := map[string]any{}
	for k, v := range doc {
		name := upper(k)
		if other := settingNames[strings.ToLower(k)]; other != "" {
			name = other
		}
		out[name] = pruned(v)
	}
	// Service Connect is shown of the deployments.
	deployments, _ := doc["Deployments"].([]any)
	if deployments == nil {
		deployments, _ = doc["deployments"].([]any)
	}
	for _, x := range deployments {
		m, _ := x.(map[string]any)
		if c := member(m, "ServiceConnectConfiguration"); c != nil && strings.EqualFold(scalarText(member(m, "Status")), "PRIMARY") {
			out["ServiceConnectConfiguration"] = pruned(c)
		}
	}
	return out, nil
}

// pruned is a value without members that are not set, its keys as templates write
// them; nil where nothing is left.
func pruned(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			if x := pruned(x); x != nil {
				out[upper(k)] = x
			}
		}
		if len(out) > 0 {
			return out
		}
		return nil
	case []any:
		var out []any
		for _, x := range v {
			if x := pruned(x); x != nil {
				out = append(out, x)
			}
		}
		if len(out) > 0 {
			return out
		}
		return nil
	case string:
		if v == "" {
			return nil
		}
	}
	return v
}

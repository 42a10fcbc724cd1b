package rescue

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/internal/redact"
)

// document is a revision as ECS describes it, for a plan and for a twin that is
// made later: values of the environment are their SHA-256 alone, other texts are
// redacted.
func document(td *ecstypes.TaskDefinition) json.RawMessage {
	data, err := json.Marshal(td)
	if err != nil {
		return nil // a structure of the SDK can be written
	}
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		return nil
	}
	clean := withheld(m)
	if data, err = json.Marshal(clean); err != nil {
		return nil
	}
	return data
}

// withheld is v without null members and without values.
func withheld(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			switch {
			case x == nil:
			case k == "Environment":
				out[k] = hashed(x)
			default:
				out[k] = withheld(x)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = withheld(x)
		}
		return out
	case string:
		return redact.Text(v)
	}
	return v
}

// hashed is a list of variables with the hashes of their values.
func hashed(v any) any {
	list, ok := v.([]any)
	if !ok {
		return nil
	}
	out := make([]any, 0, len(list))
	for _, x := range list {
		m, ok := x.(map[string]any)
		if !ok {
			continue
		}
		value, _ := m["Value"].(string)
		sum := sha256.Sum256([]byte(value))
		out = append(out, map[string]any{"Name": m["Name"], "valueSha256": hex.EncodeToString(sum[:])})
	}
	return out
}

package cfnx

import (
	"maps"
	"slices"
	"strings"
)

// cfnNames are members that CloudFormation spells in another way than ECS with
// its first letter large, by the name of what they are in.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-ecs-taskdefinition-volume.html
var cfnNames = map[string]string{
	".efsvolumeconfiguration":                  "EFSVolumeConfiguration",
	".fsxwindowsfileservervolumeconfiguration": "FSxWindowsFileServerVolumeConfiguration",
	"efsvolumeconfiguration.filesystemid":      "FilesystemId",
	"authorizationconfig.iam":                  "IAM",
	"proxyconfiguration.properties":            "ProxyConfigurationProperties",
}

// cfnName is CloudFormation's name of a member of a part of a task definition.
func cfnName(in, name string) string {
	low := strings.ToLower(name)
	for _, key := range []string{strings.ToLower(in) + "." + low, "." + low} {
		if n := cfnNames[key]; n != "" {
			return n
		}
	}
	return upper(name)
}

// cfnSteps are the steps of a way as CloudFormation names them.
func cfnSteps(at []step, in string) []step {
	out := slices.Clone(at)
	for i, s := range out {
		if s.item {
			continue
		}
		if !freeMaps[strings.ToLower(in)] {
			out[i].name = cfnName(in, s.name)
		}
		in = s.name
	}
	return out
}

// cfnValue is a part of a task definition, named name, as a template writes it.
func cfnValue(name string, v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = cfnValue(name, x)
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			x := v[k]
			switch {
			case x == nil:
			case freeMaps[strings.ToLower(name)]:
				out[k] = x
			case strings.EqualFold(k, "valueSha256"):
				out["Value"] = withheld + scalarText(x)
			case x == "" && !strings.EqualFold(k, "value"):
			case isEmptyList(x):
			default:
				out[cfnName(name, k)] = cfnValue(k, x)
			}
		}
		return out
	}
	return v
}

func isEmptyList(v any) bool {
	list, ok := v.([]any)
	return ok && len(list) == 0
}

func isScalar(v any) bool {
	switch v.(type) {
	case []any, map[string]any:
		return false
	}
	return true
}

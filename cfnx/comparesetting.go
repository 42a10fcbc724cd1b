package cfnx

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
)

// settingDefaults are what ECS fills in, or what means the same as none, by the end of
// the path in lower case.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
var settingDefaults = map[string]string{
	"healthcheckgraceperiodseconds": "0", "minimumhealthypercent": "100", "maximumpercent": "200", "deploymentcircuitbreaker.enable": "false",
	"deploymentcircuitbreaker.rollback": "false", "alarms.enable": "false", "alarms.rollback": "false", "strategy": "rolling", "baketimeinminutes": "0",
	"assignpublicip": "disabled", "enableexecutecommand": "false", "propagatetags": "none", "enableecsmanagedtags": "false",
	"platformversion": "latest", "base": "0", "weight": "0", "serviceconnectconfiguration.enabled": "false",
}

// settingsLeftOut are the members that are compared where the template sets what they
// are in and leaves them out: what else ECS shows there it may have filled in itself.
var settingsLeftOut = []string{
	"minimumhealthypercent", "maximumpercent", "deploymentcircuitbreaker.enable", "deploymentcircuitbreaker.rollback", "alarms.enable", "alarms.rollback",
	"alarms.alarmnames", "awsvpcconfiguration.securitygroups",
}

// unshown are members that describing a service shows in another form than they were
// given, or not at all, and that are not compared: of Service Connect it is whether it
// is on.
var unshown = map[string]bool{
	"serviceconnectconfiguration.namespace": true, "serviceconnectconfiguration.services": true,
	"serviceconnectconfiguration.logconfiguration": true, "serviceconnectconfiguration.accesslogconfiguration": true,
}

// compareSetting compares what is rendered at a path with what is live. A map is
// compared by its members.
func compareSetting(path string, rendered, live any, daemon bool) []setting {
	low := strings.ToLower(path)
	if unshown[low] {
		return nil
	}
	if u, ok := openValue(rendered); ok {
		return []setting{{Difference{Property: path, Kind: notKnown, Why: u.Why}, live, u}}
	}
	m, ok := rendered.(map[string]any)
	if !ok {
		was, is := settingText(low, rendered), settingText(low, live)
		if was == is {
			return nil
		}
		x := setting{Difference: Difference{Property: path, Kind: otherValue, Why: fmt.Sprintf("%s, and the service has %s", orNone(was), orNone(is))}, live: live}
		switch {
		case rendered == nil:
			x.Kind = notRendered
			if !slices.ContainsFunc(settingsLeftOut, func(end string) bool { return strings.HasSuffix(low, "."+end) }) {
				return nil
			}
		case live == nil:
			x.Kind = notServing
		}
		return []setting{x}
	}
	l, _ := live.(map[string]any)
	names := map[string]any{}
	for k := range m {
		names[strings.ToLower(k)] = k
	}
	for k := range l {
		if _, ok := names[strings.ToLower(k)]; !ok {
			names[strings.ToLower(k)] = upper(k)
		}
	}
	var out []setting
	for _, name := range names {
		k := scalarText(name)
		r, is := member(m, k), member(l, k)
		if r == (expr.Nothing{}) {
			r = nil
		}
		if r == nil && daemon && strings.HasSuffix(strings.ToLower(k), "percent") {
			continue // ECS's own for a daemon
		}
		if r == nil {
			if _, deep := is.(map[string]any); deep {
				r = map[string]any{}
			}
		}
		out = append(out, compareSetting(path+"."+k, r, is, daemon)...)
	}
	return out
}

// openValue is the first unknown value of a leaf or a list.
func openValue(v any) (expr.Unknown, bool) {
	switch v := v.(type) {
	case expr.Unknown:
		return v, true
	case []any:
		for _, x := range v {
			if m, ok := x.(map[string]any); ok {
				for _, y := range m {
					if u, ok := openValue(y); ok {
						return u, true
					}
				}
			}
			if u, ok := openValue(x); ok {
				return u, true
			}
		}
	}
	return expr.Unknown{}, false
}

// settingText is a leaf in the one form in which both sides are compared: the order of
// a list says nothing but for placement strategies, which ECS takes in turn.
func settingText(path string, v any) string {
	switch x := v.(type) {
	case expr.List:
		v = x.Items()
	case expr.Nothing:
		v = nil
	}
	switch x := v.(type) {
	case nil:
		for end, value := range settingDefaults {
			if path == end || strings.HasSuffix(path, "."+end) {
				return value
			}
		}
		return ""
	case []any:
		var items []string
		for _, y := range x {
			if text := settingText(path+"[]", y); text != "" {
				items = append(items, text)
			}
		}
		if !strings.Contains(path, "placementstrategies") {
			slices.Sort(items)
		}
		return strings.Join(items, ",")
	case map[string]any:
		var items []string
		for k, y := range x {
			low := strings.ToLower(k)
			text := settingText(path+"."+low, y)
			if text != "" && text != settingText(path+"."+low, nil) {
				items = append(items, k+"="+text)
			}
		}
		slices.SortFunc(items, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
		return strings.Join(items, " ")
	}
	text := scalarText(v)
	if low := strings.ToLower(text); low == "true" || low == "false" || strings.ToUpper(text) == text {
		return low // a word of ECS's own, a number or a boolean
	}
	return text
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// settingScalar is a live value as a template writes it, where it is one.
func settingScalar(v any) (string, bool) {
	if v == nil || !isScalar(v) {
		return "", false
	}
	return scalarText(v), true
}

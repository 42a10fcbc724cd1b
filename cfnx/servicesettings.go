package cfnx

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
	"github.com/stackrescue/stackrescue/cfnx/template"
)

// serviceSettings are the properties of a service, its task definition and its count
// aside, that CloudFormation sends with an update of the service, under the names that
// it and ECS have in common. What UpdateService does not take, such as the launch type
// or the scheduling strategy, no update changes in passing.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-service.html
var serviceSettings = []string{
	"HealthCheckGracePeriodSeconds", "DeploymentConfiguration", "NetworkConfiguration", "LoadBalancers", "ServiceRegistries", "CapacityProviderStrategy",
	"PlatformVersion", "EnableExecuteCommand", "PlacementConstraints", "PlacementStrategies", "ServiceConnectConfiguration", "AvailabilityZoneRebalancing",
	"PropagateTags", "EnableECSManagedTags",
}

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

// settingNames are members that describing a service names otherwise than making one.
var settingNames = map[string]string{"placementstrategy": "PlacementStrategies"}

// unshown are members that describing a service shows in another form than they were
// given, or not at all, and that are not compared: of Service Connect it is whether it
// is on.
var unshown = map[string]bool{
	"serviceconnectconfiguration.namespace": true, "serviceconnectconfiguration.services": true,
	"serviceconnectconfiguration.logconfiguration": true, "serviceconnectconfiguration.accesslogconfiguration": true,
}

// setting is a property that a template renders for a service otherwise than the
// service has it.
type setting struct {
	Difference
	live any
	open expr.Unknown
}

// SettingDifferences compares what the draft renders for a service with a live one, in
// what an update of the service sets in passing: grace period, deployment
// configuration, network, load balancers, registries, capacity providers, platform
// version, execute command, placement, Service Connect. Its task definition is for
// [Draft.ServiceDifferences], its desired count for [Draft.Carry].
//
// live is the service as encoding/json writes it: *types.Service of the SDK, what the
// AWS CLI prints, or a map. A setting that the template does not have is none of the
// update's and no difference; nor is a value that ECS fills in. Why says both values:
// settings hold no secrets. A value of the template that is not known is "not-known".
//
// The result is sorted by property. It is pure.
func (d *Draft) SettingDifferences(s *Stack, service string, live any) ([]Difference, error) {
	all, err := d.settings(s, service, live)
	var out []Difference
	for _, x := range all {
		out = append(out, x.Difference)
	}
	return out, err
}

// CarrySettings writes into the draft what SettingDifferences finds, so that an update
// leaves the service as it is, but for the properties that are left out. What the
// template comes to by an expression that is not known, and that an update renders as
// before (an attribute, an import in use), is left alone: it is in the result without
// Where. It returns a *[DraftError] with what cannot be written, and leaves the draft
// as it was.
func (d *Draft) CarrySettings(s *Stack, service string, live any, leave ...string) ([]Difference, error) {
	all, err := d.settings(s, service, live)
	if err != nil {
		return nil, err
	}
	next := d.clone()
	var out []Difference
	var problems []Problem
	for _, x := range all {
		if slices.Contains(leave, x.Property) {
			continue
		}
		if x.Kind == notKnown && x.open.Stable {
			out = append(out, x.Difference)
			continue
		}
		err := next.carrySetting(s, service, x)
		if e, ok := errors.AsType[*DraftError](err); ok {
			problems = append(problems, e.Problems...)
			continue
		}
		if err != nil {
			return nil, err
		}
		x.Where = inTemplate
		out = append(out, x.Difference)
	}
	if len(problems) > 0 {
		return nil, draftError(problems)
	}
	d.become(next)
	left, err := d.settings(s, service, live)
	for _, x := range left {
		if !slices.Contains(leave, x.Property) && (x.Kind != notKnown || !x.open.Stable) {
			return nil, draftError([]Problem{{StackID: s.ID, Stack: s.Name, Resource: service, Property: x.Property, Why: "it would still differ: " + x.String(), Err: template.ErrElsewhere}})
		}
	}
	return out, err
}

// carrySetting writes one live value.
func (d *Draft) carrySetting(s *Stack, service string, x setting) error {
	if text, ok := settingScalar(x.live); ok && x.Kind == otherValue {
		if changed, err := d.Carry(s, service, x.Property, text); changed || err != nil {
			return err
		}
	}
	r, doc, err := d.renderer(s, 0)
	if err != nil {
		return fmt.Errorf("stack %s: %w", s.Name, err)
	}
	problem := Problem{StackID: s.ID, Stack: s.Name, Resource: service, Property: x.Property}
	fail := func(why string, err error) error {
		problem.Why, problem.Err = why, err
		return draftError([]Problem{problem})
	}
	// The deepest part of the way that is there decides whether it can be written to.
	path, parts := propertyPath(service, ""), strings.Split(x.Property, ".")
	path = strings.TrimSuffix(path, "/")
	for i := range parts {
		n, _, err := doc.At(r.Root, path)
		if err != nil { // it is added with what is above it
			for _, part := range parts[i:] {
				path += "/" + tree.Escape(part)
			}
			break
		}
		at, known := branchPath(r, n, path)
		if !known {
			return fail("its condition is not known", template.ErrElsewhere)
		}
		if n, _, err = doc.At(r.Root, at); err != nil {
			return fail(err.Error(), template.ErrElsewhere)
		}
		if fn, _ := expr.At(n).Call(); fn != "" {
			return fail("it is made by "+fn, template.ErrElsewhere)
		}
		path = at + "/" + tree.Escape(parts[i])
	}
	if n, _, err := doc.At(r.Root, path); err == nil {
		at, known := branchPath(r, n, path)
		if !known {
			return fail("its condition is not known", template.ErrElsewhere)
		}
		path = at
	}
	value := x.live
	if value == nil {
		value = map[string]any{"Ref": "AWS::NoValue"}
	}
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("stack %s: %s: %w", s.Name, x.Property, err)
	}
	p, err := template.AddEntries(d.current[s.ID], []template.Entry{{Path: path, Value: b}}, func(o *template.PatchOptions) { o.Original, o.Replace = true, true })
	if e, ok := errors.AsType[*template.Error](err); ok {
		return fail(e.Error(), e.Err)
	}
	if err != nil {
		return fmt.Errorf("stack %s: %w", s.Name, err)
	}
	d.current[s.ID] = p.Template
	d.noteLiteral(s, Difference{Resource: service, Property: x.Property, Sources: []template.Source{{Kind: expr.SourceInline, Path: path}}})
	return nil
}

// settings are the differences with the live values.
func (d *Draft) settings(s *Stack, service string, live any) ([]setting, error) {
	is, err := settingsDocument(live)
	if err != nil {
		return nil, fmt.Errorf("live service: %w", err)
	}
	r, _, err := d.renderer(s, 0)
	if err != nil {
		return nil, fmt.Errorf("stack %s: %w", s.Name, err)
	}
	properties := r.Root.Get("Resources").Follow().Get(service).Follow().Get("Properties").Follow()
	var out []setting
	for _, name := range serviceSettings {
		n := properties.Get(name).Follow()
		if n == nil {
			continue
		}
		v := d.identified(s, r.Value(n), is[name])
		if v == (expr.Nothing{}) {
			continue // an update does not send it
		}
		out = append(out, compareSetting(name, v, is[name], strings.EqualFold(scalarText(is["SchedulingStrategy"]), "DAEMON"))...)
	}
	for i := range out {
		out[i].StackID, out[i].Stack, out[i].Resource = s.ID, s.Name, service
	}
	slices.SortFunc(out, func(a, b setting) int { return strings.Compare(a.Property, b.Property) })
	return out, nil
}

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

// identified replaces attributes of the stack's own resources by the physical ids of
// those that the live value has.
func (d *Draft) identified(s *Stack, v, live any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			is := live // the whole list, of an item
			if m, ok := live.(map[string]any); ok {
				is = member(m, k)
			}
			out[k] = d.identified(s, x, is)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = d.identified(s, x, live)
		}
		return out
	case expr.Unknown:
		if v.Kind == expr.SourceResource && v.Stable {
			if id := s.Recorded(v.Name); id != "" && hasText(live, id) {
				return id
			}
		}
	}
	return v
}

// hasText reports whether a text is somewhere in a value.
func hasText(v any, text string) bool {
	switch v := v.(type) {
	case map[string]any:
		for _, x := range v {
			if hasText(x, text) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, func(x any) bool { return hasText(x, text) })
	case string:
		return v == text
	}
	return false
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

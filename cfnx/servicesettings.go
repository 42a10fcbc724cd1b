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
	p, err := template.AddEntries(d.current[s.ID], []template.Entry{{Path: path, Value: b}}, func(o *template.Options) { o.Original, o.Replace = true, true })
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

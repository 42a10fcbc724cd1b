package cfnsim

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// parameter is one declared parameter of a template.
type parameter struct {
	name, typ, description string
	def                    *string
	noEcho                 bool
	allowed                []string
	pattern                string
	minLength, maxLength   int
}

// argument is a parameter's value in one stack.
type argument struct {
	parameter
	value string
	// resolved is what a parameter of an SSM type stands for.
	resolved *string
}

func (t *template) readParameters(doc *document) error {
	m, keys, err := section(doc, "Parameters")
	if err != nil {
		return err
	}
	for _, k := range keys {
		if !alphanumeric.MatchString(k) {
			return formatError("Parameter name " + k + " is non alphanumeric.")
		}
		d, ok := m[k].(object)
		if !ok {
			return formatError("Every Parameters object must contain a Type member.")
		}
		p := parameter{name: k, minLength: -1, maxLength: -1}
		if p.typ, ok = d["Type"].(string); !ok {
			return formatError("Every Parameters object must contain a Type member.")
		}
		p.description, _ = d["Description"].(string)
		p.pattern, _ = d["AllowedPattern"].(string)
		p.noEcho = truth(d["NoEcho"])
		if v, there := d["Default"]; there {
			s := text(v)
			p.def = &s
		}
		if l, ok := d["AllowedValues"].([]any); ok {
			for _, v := range l {
				p.allowed = append(p.allowed, text(v))
			}
		}
		if n, err := strconv.Atoi(text(d["MinLength"])); err == nil {
			p.minLength = n
		}
		if n, err := strconv.Atoi(text(d["MaxLength"])); err == nil {
			p.maxLength = n
		}
		t.parameters = append(t.parameters, p)
	}
	if len(t.parameters) > 200 { // docs/aws/cfn.md 1.7
		return formatError("Number of parameters " + strconv.Itoa(len(t.parameters)) + " is greater than maximum allowed of 200")
	}
	return nil
}

// arguments are the values of a template's parameters, given what the caller
// sent and what the stack had. A parameter that is not sent takes its default,
// not its previous value (docs/aws/cfn.md 1.8).
func (s *Service) arguments(ctx context.Context, t *template, sent []types.Parameter, previous []argument) ([]argument, error) {
	var out []argument
	given := map[string]types.Parameter{}
	var unknown []string
	for _, p := range sent {
		k := str(p.ParameterKey)
		given[k] = p
		if !slices.ContainsFunc(t.parameters, func(d parameter) bool { return d.name == k }) {
			unknown = append(unknown, k)
		}
	}
	if len(unknown) > 0 {
		return nil, invalidf("Parameters: [%s] do not exist in the template", strings.Join(unknown, ", "))
	}
	var missing []string
	for _, d := range t.parameters {
		a := argument{parameter: d}
		p, there := given[d.name]
		switch {
		case there && isTrue(p.UsePreviousValue):
			i := slices.IndexFunc(previous, func(o argument) bool { return o.name == d.name })
			if i < 0 { // docs/aws/cfn.md 1.3
				return nil, invalidf("Invalid input for parameter key %s. Cannot specify usePreviousValue as true for a parameter key not in the previous template", d.name)
			}
			a.value = previous[i].value
		case there && p.ParameterValue != nil:
			a.value = *p.ParameterValue
		case d.def != nil:
			a.value = *d.def
		default:
			missing = append(missing, d.name)
			continue
		}
		if err := a.check(); err != nil {
			return nil, err
		}
		if err := s.resolve(ctx, &a); err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	if len(missing) > 0 {
		return nil, invalidf("Parameters: [%s] must have values", strings.Join(missing, ", "))
	}
	return out, nil
}

func (a *argument) check() error {
	switch a.typ {
	case "Number":
		if _, err := strconv.ParseFloat(a.value, 64); err != nil {
			return invalidf("Parameter '%s' must be a number.", a.name)
		}
	case "List<Number>":
		for v := range strings.SplitSeq(a.value, ",") {
			if _, err := strconv.ParseFloat(strings.TrimSpace(v), 64); err != nil {
				return invalidf("Parameter '%s' must be a list of numbers.", a.name)
			}
		}
	}
	if len(a.value) > 4096 { // docs/aws/cfn.md 1.7
		return invalidf("Parameter '%s' is longer than 4096 bytes", a.name)
	}
	if len(a.allowed) > 0 && !slices.Contains(a.allowed, a.value) {
		return invalidf("Parameter '%s' must be one of AllowedValues", a.name)
	}
	if a.minLength >= 0 && len(a.value) < a.minLength || a.maxLength >= 0 && len(a.value) > a.maxLength {
		return invalidf("Parameter '%s' must contain at least %d and at most %d characters", a.name, max(a.minLength, 0), a.maxLength)
	}
	if a.pattern != "" {
		// Java's patterns and Go's differ; one that Go cannot read checks nothing.
		if re, err := regexp.Compile(`^(?:` + a.pattern + `)$`); err == nil && !re.MatchString(a.value) {
			return invalidf("Parameter '%s' must match pattern %s", a.name, a.pattern)
		}
	}
	return nil
}

const ssmType = "AWS::SSM::Parameter::Value<"

// resolve reads an SSM parameter for the types that name one
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html).
// UsePreviousValue keeps the name and reads it again (docs/aws/cfn.md 6.7: uncertain).
func (s *Service) resolve(ctx context.Context, a *argument) error {
	if !strings.HasPrefix(a.typ, ssmType) || s.deps.SSM == nil {
		return nil
	}
	out, err := s.deps.SSM.GetParameter(ctx, &ssm.GetParameterInput{Name: &a.value})
	if err != nil || out.Parameter == nil {
		return invalidf("Unable to fetch parameters [%s] from parameter store for this account.", a.value)
	}
	v := str(out.Parameter.Value)
	a.resolved = &v
	return nil
}

// get is what Ref gives.
func (a argument) get() any {
	v := a.value
	if a.resolved != nil {
		v = *a.resolved
	}
	if a.typ != "CommaDelimitedList" && !strings.Contains(a.typ, "List<") {
		return v
	}
	l := []any{}
	if v == "" {
		return l
	}
	for p := range strings.SplitSeq(v, ",") {
		l = append(l, strings.TrimSpace(p))
	}
	return l
}

// shown is the parameter as descriptions give it: NoEcho values as "****",
// SSM names with what they stand for (docs/aws/recordings.md cloudformation/api/test_stacks).
func shown(as []argument) []types.Parameter {
	var out []types.Parameter
	for _, a := range as {
		p := types.Parameter{ParameterKey: &a.name, ParameterValue: &a.value}
		if a.noEcho {
			p.ParameterValue = ptr("****")
		} else if a.resolved != nil {
			p.ResolvedValue = ptr(*a.resolved)
		}
		out = append(out, p)
	}
	return out
}

// text is a scalar as CloudFormation writes it into a string.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return v.String()
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = text(e)
		}
		return strings.Join(parts, ",")
	case unknown:
		return knownAfterApply
	case object:
		b, err := json.Marshal(v)
		if err == nil {
			return string(b)
		}
	}
	return fmt.Sprint(v)
}

func truth(v any) bool { return strings.EqualFold(text(v), "true") }

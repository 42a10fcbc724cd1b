package cfnsim

import (
	"encoding/json"
	"regexp"
	"slices"
	"sort"
	"strings"
)

var variable = regexp.MustCompile(`\$\{(!?)\s*([^}]*?)\s*\}`)

// references are the names a value reads with Ref, Fn::GetAtt and Fn::Sub,
// pseudo parameters left out; parameters are still among them.
func references(v any) []string {
	seen := map[string]bool{}
	visitReferences(v, func(name string) { seen[name] = true })
	names := make([]string, 0, len(seen))
	for n := range seen {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

func visitReferences(v any, see func(string)) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			visitReferences(e, see)
		}
	case object:
		if name, arg, ok := function(v); ok {
			switch name {
			case "Ref":
				if s, ok := arg.(string); ok && !strings.Contains(s, "::") {
					see(s)
				}
				return
			case "Fn::GetAtt":
				if id, _, ok := getAttArgs(arg); ok {
					see(id)
				}
				return
			case "Fn::Sub":
				subReferences(arg, see)
				return
			}
		}
		for _, k := range sorted(v) {
			visitReferences(v[k], see)
		}
	}
}

func subReferences(arg any, see func(string)) {
	text, _ := arg.(string)
	var local object
	if l, ok := arg.([]any); ok && len(l) == 2 {
		text, _ = l[0].(string)
		local, _ = l[1].(object)
		visitReferences(l[1], see)
	}
	for _, m := range variable.FindAllStringSubmatch(text, -1) {
		if m[1] == "!" || strings.Contains(m[2], "::") {
			continue
		}
		if _, ok := local[m[2]]; ok {
			continue
		}
		id, _, _ := strings.Cut(m[2], ".")
		see(id)
	}
}

// function takes a single-member object that is an intrinsic function apart.
func function(m object) (name string, arg any, ok bool) {
	if len(m) != 1 {
		return "", nil, false
	}
	for k, v := range m {
		if k == "Ref" || k == "Condition" || strings.HasPrefix(k, "Fn::") {
			return k, v, true
		}
	}
	return "", nil, false
}

func getAttArgs(arg any) (id, attribute string, ok bool) {
	switch v := arg.(type) {
	case string:
		id, attribute, _ = strings.Cut(v, ".")
	case []any:
		if len(v) < 2 {
			return "", "", false
		}
		id, _ = v[0].(string)
		parts := make([]string, 0, len(v)-1)
		for _, e := range v[1:] {
			s, _ := e.(string)
			if s == "" {
				if m, isRef := e.(object); isRef && len(m) == 1 {
					return id, "", id != ""
				}
				return id, "", false
			}
			parts = append(parts, s)
		}
		attribute = strings.Join(parts, ".")
	}
	return id, attribute, id != "" && attribute != ""
}

// checkReferences finds names that nothing in the template has
// (docs/aws/recordings.md cloudformation/engine/test_references).
func (t *template) checkReferences(*document) error {
	known := func(name string) bool {
		_, ok := t.resource(name)
		return ok || slices.ContainsFunc(t.parameters, func(p parameter) bool { return p.name == name })
	}
	missing := func(names []string) []string {
		return slices.DeleteFunc(names, known)
	}
	var lost []string
	for _, d := range t.resources {
		lost = append(lost, missing(slices.Clone(d.deps))...)
		if d.condition != "" && t.conditions[d.condition] == nil {
			return formatError("Unresolved condition dependency " + d.condition + " in the Resources block of the template")
		}
	}
	if lost = unique(lost); len(lost) > 0 {
		return formatError("Unresolved resource dependencies [" + strings.Join(lost, ", ") + "] in the Resources block of the template")
	}
	for _, o := range t.outputs {
		lost = append(lost, missing(references(o.value))...)
		lost = append(lost, missing(references(o.export))...)
	}
	if lost = unique(lost); len(lost) > 0 {
		return formatError("Unresolved resource dependencies [" + strings.Join(lost, ", ") + "] in the Outputs block of the template")
	}
	if cycle := t.cycle(); len(cycle) > 0 {
		return invalid("Circular dependency between resources: [" + strings.Join(cycle, ", ") + "]")
	}
	return t.checkConditionNames()
}

func unique(names []string) []string {
	sort.Strings(names)
	return slices.Compact(names)
}

// cycle is the resources that wait for one another for ever.
func (t *template) cycle() []string {
	left := map[string][]string{}
	for _, d := range t.resources {
		left[d.id] = d.deps
	}
	for again := true; again; {
		again = false
		for id, deps := range left {
			if !slices.ContainsFunc(deps, func(n string) bool { _, ok := left[n]; return ok }) {
				delete(left, id)
				again = true
			}
		}
	}
	ids := make([]string, 0, len(left))
	for id := range left {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	return ids
}

// checkConditionNames finds conditions that Fn::If and Condition name but
// nobody defines (docs/aws/recordings.md cloudformation/test_change_set_conditions).
func (t *template) checkConditionNames() error {
	var bad string
	see := func(fn, name string) {
		if _, ok := t.conditions[name]; !ok && bad == "" {
			bad = "Template error: unresolved condition dependency " + name + " in " + fn
		}
	}
	for _, d := range t.resources {
		visitConditions(d.properties, see)
	}
	for _, o := range t.outputs {
		visitConditions(o.value, see)
		if o.condition != "" {
			see("the Outputs block of the template", o.condition)
		}
	}
	for _, name := range sorted(t.conditions) {
		visitConditions(t.conditions[name], see)
		if c, ok := t.conditions[name].(object); ok {
			if s, ok := c["Condition"].(string); ok && len(c) == 1 {
				see("Condition", s)
			}
		}
	}
	if bad != "" {
		return invalid(bad)
	}
	return nil
}

func visitConditions(v any, see func(fn, name string)) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			visitConditions(e, see)
		}
	case object:
		if l, ok := v["Fn::If"].([]any); ok && len(v) == 1 && len(l) > 0 {
			if s, ok := l[0].(string); ok {
				see("Fn::If", s)
			}
		}
		for _, k := range sorted(v) {
			visitConditions(v[k], see)
		}
	}
}

// checkFunctions finds functions whose arguments have the wrong shape.
func checkFunctions(v any, depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if err := checkFunctions(e, depth+1); err != nil {
				return err
			}
		}
	case object:
		if name, arg, ok := function(v); ok {
			if err := checkFunction(name, arg); err != nil {
				return err
			}
		}
		for _, k := range sorted(v) {
			if err := checkFunctions(v[k], depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// The texts are recorded: docs/aws/recordings.md cloudformation/test_change_set_fn_*.
func checkFunction(name string, arg any) error {
	l, isList := arg.([]any)
	switch name {
	case "Fn::GetAtt":
		if _, _, ok := getAttArgs(arg); !ok {
			return invalid("Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute")
		}
	case "Fn::Equals":
		if !isList || len(l) != 2 {
			return invalid("Template error: every Fn::Equals object requires a list of 2 string parameters.")
		}
	case "Fn::Split":
		if !isList || len(l) != 2 {
			return invalid("Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split.")
		}
	case "Fn::If":
		if !isList || len(l) != 3 {
			return invalid("Template error: Fn::If requires a list argument with three elements")
		}
	case "Fn::Select":
		if !isList || len(l) != 2 || !selectable(l[0], l[1]) {
			return errSelect
		}
	}
	return nil
}

var errSelect = invalid("Template error: Fn::Select requires a list argument with two elements: an integer index and a list")

// selectable reports whether literal arguments of Fn::Select can be right.
func selectable(index, list any) bool {
	i, literal := -1, true
	switch n := index.(type) {
	case json.Number:
		v, err := n.Int64()
		if err != nil {
			return false
		}
		i = int(v)
	case string:
		v, err := json.Number(n).Int64()
		if err != nil {
			return false
		}
		i = int(v)
	case object:
		literal = false
	default:
		return false
	}
	switch l := list.(type) {
	case []any:
		return !literal || i >= 0 && i < len(l)
	case object:
		return true
	}
	return false
}

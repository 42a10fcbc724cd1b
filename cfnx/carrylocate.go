package cfnx

import (
	"strconv"
	"strings"

	"github.com/stackrescue/stackrescue/cfnx/internal/expr"
	"github.com/stackrescue/stackrescue/cfnx/internal/tree"
	"github.com/stackrescue/stackrescue/cfnx/template"
)

// locator finds the place of a property of a task definition in its template.
type locator struct {
	*carrier
	x taskDifference
	r *expr.Renderer
}

// located is a place: path is the pointer of the deepest value on the way that is
// there, missing what is left of the way.
type located struct {
	path    string
	missing []step
	// append says that what is missing can be added to what is at path.
	append bool
	// literal says that the value is a text of the template.
	literal bool
}

// properties are those of the task definition.
func (l *locator) properties() (expr.Node, string, error) {
	r, _, err := l.d.renderer(l.s, 0)
	if err != nil {
		return expr.Node{}, "", err
	}
	l.r = r
	return l.branch(expr.At(r.Root.Get("Resources").Follow().Get(l.id).Follow().Get("Properties")), "/Resources/"+tree.Escape(l.id)+"/Properties")
}

// containers is the list of containers.
func (l *locator) containers() (expr.Node, string, error) {
	e, path, err := l.properties()
	if err != nil {
		return e, path, err
	}
	e, path, ok := entry(e, path, "ContainerDefinitions")
	if !ok {
		return e, path, l.problem(l.x, "its containers are not found in the template", template.ErrNoValue)
	}
	if e, path, err = l.branch(e, path); err != nil {
		return e, path, err
	}
	if fn, _ := e.Call(); fn != "" || e.Kind != tree.Sequence {
		return e, path, l.problem(l.x, "its containers are made by "+fn, template.ErrElsewhere, template.Source{Kind: expr.SourceInline, Path: path})
	}
	return e, path, nil
}

// find follows the way to a property.
func (l *locator) find(at []step) (located, error) {
	start := l.properties
	if l.x.Container != "" {
		start = l.containers
	}
	e, path, err := start()
	if err != nil {
		return located{}, err
	}
	if l.x.Container != "" {
		at = append([]step{{l.x.Container, true}}, at...)
	}
	list := "containerdefinitions"
	for i, s := range at {
		if e, path, err = l.branch(e, path); err != nil {
			return located{}, err
		}
		fn, _ := e.Call()
		if fn != "" && !e.NoValue() {
			return located{}, l.problem(l.x, "it is made by "+fn, template.ErrElsewhere, template.Source{Kind: expr.SourceInline, Path: path})
		}
		var next expr.Node
		var to string
		ok := false
		switch {
		case s.item && e.Kind == tree.Sequence && fn == "":
			next, to, ok, err = l.item(e, path, list, s.name)
		case !s.item && e.Kind == tree.Mapping && fn == "":
			next, to, ok = entry(e, path, s.name)
		}
		if err != nil {
			return located{}, err
		}
		if !ok {
			can := fn == "" && (s.item && e.Kind == tree.Sequence || !s.item && e.Kind == tree.Mapping)
			return located{path: path, missing: cfnSteps(at[i:], list), append: can}, nil
		}
		e, path = next, to
		if !s.item {
			list = strings.ToLower(s.name)
		}
	}
	if e, path, err = l.branch(e, path); err != nil {
		return located{}, err
	}
	_, literal := e.Text()
	return located{path: path, literal: literal}, nil
}

// branch follows Fn::If to the branch that counts.
func (l *locator) branch(e expr.Node, path string) (expr.Node, string, error) {
	for range expr.MaxDepth {
		fn, arg := e.Call()
		args := arg.Exactly(3)
		if fn != "Fn::If" || args == nil {
			return e, path, nil
		}
		c, known := l.r.Condition(args[0].Value).(bool)
		if !known {
			return e, path, l.problem(l.x, "condition "+args[0].Value+" is not known", template.ErrElsewhere, template.Source{Kind: expr.SourceCondition, Name: args[0].Value, Path: path})
		}
		i := 2
		if c {
			i = 1
		}
		e, path = args[i], path+"/Fn::If/"+strconv.Itoa(i)
	}
	return e, path, nil
}

// item finds the item of a list by what tells it apart.
func (l *locator) item(e expr.Node, path, list, id string) (expr.Node, string, bool, error) {
	for i, n := range e.Items {
		at, p, err := l.branch(expr.At(n), path+"/"+strconv.Itoa(i))
		if err != nil {
			return at, "", false, err
		}
		m, ok := l.r.Render(at, 0).(map[string]any)
		if !ok {
			continue
		}
		keys := listKeys[list]
		if list == "containerdefinitions" {
			keys = []string{"name"}
		}
		if is, open := itemID(m, keys); open == nil && strings.EqualFold(is, id) {
			return at, p, true, nil
		}
	}
	return expr.Node{}, "", false, nil
}

// entry is the value of a mapping's entry, whatever the case of its key.
func entry(e expr.Node, path, name string) (expr.Node, string, bool) {
	if e.Node == nil || e.Kind != tree.Mapping {
		return expr.Node{}, path, false
	}
	for i := 0; i+1 < len(e.Items); i += 2 {
		if key := e.Items[i].Value; strings.EqualFold(key, name) {
			return expr.At(e.Items[i+1]), path + "/" + tree.Escape(key), true
		}
	}
	return expr.Node{}, path, false
}

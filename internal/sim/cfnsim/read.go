package cfnsim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Limits of what is read, so that no template can exhaust the simulator.
// CloudFormation has such limits too, but does not publish them.
const (
	maxDepth = 64      // of maps and lists
	maxNodes = 200_000 // of values after alias expansion
	maxText  = 4 << 20 // bytes of text that functions put together
)

var (
	errNotYAML = formatError("YAML not well-formed.")
	errNoShape = formatError("unsupported structure.")
	errTooDeep = formatError("Template is nested too deeply.")
)

func formatError(text string) error { return invalid("Template format error: " + text) }

// document is a template's text as values: object, []any, string,
// json.Number, bool and nil.
type document struct {
	root object
	// keys are the members' names in the order of the text, by the name of the
	// section they are in.
	keys map[string][]string
}

type object = map[string]any

// readDocument reads JSON, where the text starts as JSON does, else YAML.
func readDocument(body string) (*document, error) {
	trimmed := strings.TrimLeft(body, " \t\r\n\ufeff")
	if strings.HasPrefix(trimmed, "{") {
		return readJSON(body)
	}
	return readYAML(body)
}

// reader counts what it has read.
type reader struct {
	nodes int
	keys  map[string][]string
}

func (r *reader) count(depth int) error {
	r.nodes++
	if depth > maxDepth || r.nodes > maxNodes {
		return errTooDeep
	}
	return nil
}

func (r *reader) note(path []string, key string) {
	if len(path) != 1 {
		return
	}
	for _, k := range r.keys[path[0]] {
		if k == key {
			return
		}
	}
	r.keys[path[0]] = append(r.keys[path[0]], key)
}

func readJSON(body string) (*document, error) {
	text := strings.TrimPrefix(body, "\ufeff")
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	r := &reader{keys: map[string][]string{}}
	v, err := r.json(d, nil, 0)
	if err == nil {
		if _, end := d.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("text after the template")
		}
	}
	switch {
	case errors.Is(err, errTooDeep):
		return nil, err
	case err != nil:
		line, column := position(text, d.InputOffset(), err)
		return nil, formatError(fmt.Sprintf("JSON not well-formed. (line %d, column %d)", line, column))
	}
	root, ok := v.(object)
	if !ok {
		return nil, errNoShape
	}
	return &document{root, r.keys}, nil
}

// position is where the reader stopped: the column is the one after what it
// could not read (docs/aws/recordings.md cloudformation/api/test_templates).
func position(text string, offset int64, err error) (line, column int) {
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = s.Offset
	}
	before := text[:min(int(offset), len(text))]
	return 1 + strings.Count(before, "\n"), 1 + len(before) - strings.LastIndexByte(before, 0x0a)
}

func (r *reader) json(d *json.Decoder, path []string, depth int) (any, error) {
	if err := r.count(depth); err != nil {
		return nil, err
	}
	tok, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch tok {
	case json.Delim('{'):
		m := object{}
		for d.More() {
			k, err := d.Token()
			if err != nil {
				return nil, err
			}
			key, ok := k.(string)
			if !ok {
				return nil, errNoShape
			}
			r.note(path, key)
			if m[key], err = r.json(d, append(path[:len(path):len(path)], key), depth+1); err != nil {
				return nil, err
			}
		}
		_, err = d.Token()
		return m, err
	case json.Delim('['):
		l := []any{}
		for d.More() {
			v, err := r.json(d, append(path[:len(path):len(path)], ""), depth+1)
			if err != nil {
				return nil, err
			}
			l = append(l, v)
		}
		_, err = d.Token()
		return l, err
	}
	return tok, nil
}

func readYAML(body string) (*document, error) {
	var n yaml.Node
	d := yaml.NewDecoder(bytes.NewReader([]byte(body)))
	if err := decodeYAML(d, &n); err != nil {
		return nil, errNotYAML
	}
	if n.Kind != yaml.DocumentNode || len(n.Content) != 1 {
		return nil, errNoShape
	}
	r := &reader{keys: map[string][]string{}}
	v, err := r.yaml(n.Content[0], nil, 0)
	if err != nil {
		return nil, err
	}
	root, ok := v.(object)
	if !ok {
		return nil, errNoShape
	}
	return &document{root, r.keys}, nil
}

// decodeYAML turns a parser's panic on hostile text into an error.
func decodeYAML(d *yaml.Decoder, n *yaml.Node) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errNotYAML, p)
		}
	}()
	return d.Decode(n)
}

func (r *reader) yaml(n *yaml.Node, path []string, depth int) (any, error) {
	if err := r.count(depth); err != nil {
		return nil, err
	}
	v, err := r.bare(n, path, depth)
	if err != nil {
		return nil, err
	}
	return shortForm(n, v), nil
}

// bare is a node's value without its tag.
func (r *reader) bare(n *yaml.Node, path []string, depth int) (any, error) {
	switch n.Kind {
	case yaml.AliasNode:
		return r.yaml(n.Alias, path, depth+1)
	case yaml.MappingNode:
		m := make(object, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode {
				return nil, errNoShape
			}
			r.note(path, key.Value)
			v, err := r.yaml(n.Content[i+1], append(path[:len(path):len(path)], key.Value), depth+1)
			if err != nil {
				return nil, err
			}
			m[key.Value] = v
		}
		return m, nil
	case yaml.SequenceNode:
		l := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			v, err := r.yaml(c, append(path[:len(path):len(path)], ""), depth+1)
			if err != nil {
				return nil, err
			}
			l = append(l, v)
		}
		return l, nil
	}
	return scalar(n), nil
}

// scalar reads what YAML takes for a number only where JSON could write it
// too: 012345678901 stays the account id it is.
func scalar(n *yaml.Node) any {
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return json.Number(n.Value)
		}
	}
	return n.Value
}

// shortForm turns a tag such as !Sub into the function's full form
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html).
func shortForm(n *yaml.Node, v any) any {
	name, ok := strings.CutPrefix(n.Tag, "!")
	if !ok || strings.HasPrefix(name, "!") || name == "" {
		return v
	}
	switch name {
	case "Ref", "Condition":
		return object{name: v}
	case "GetAtt":
		if s, ok := v.(string); ok {
			before, after, _ := strings.Cut(s, ".")
			v = []any{before, after}
		}
	}
	return object{"Fn::" + name: v}
}

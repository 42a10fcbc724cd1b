package wire

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"strings"
)

// maxDepth is far beyond what any operation's input nests.
const maxDepth = 32

var errDepth = errors.New("nested too deeply")

// jsonTree parses a JSON body; an empty one is an empty object.
func jsonTree(body []byte) (any, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return map[string]any{}, nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var t any
	if err := d.Decode(&t); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON value")
	}
	if _, ok := t.(map[string]any); !ok {
		return nil, errors.New("the JSON value is not an object")
	}
	return t, nil
}

// queryTree turns "A.member.1.B=x" into nested maps.
func queryTree(form url.Values) (map[string]any, error) {
	root := map[string]any{}
	for key, values := range form {
		if strings.Count(key, ".") > maxDepth {
			return nil, errDepth
		}
		parts := strings.Split(key, ".")
		node := root
		for _, p := range parts[:len(parts)-1] {
			next, ok := node[p].(map[string]any)
			if !ok {
				next = map[string]any{}
				node[p] = next
			}
			node = next
		}
		if last := parts[len(parts)-1]; node[last] == nil {
			node[last] = values[0]
		}
	}
	return root, nil
}

// xmlTree parses an XML body: elements with elements in them are maps, repeated
// ones lists, others strings. Attributes are not read.
func xmlTree(body []byte) (any, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, nil
	}
	d := xml.NewDecoder(bytes.NewReader(body))
	for {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		if _, ok := t.(xml.StartElement); ok {
			return xmlNode(d, 0)
		}
	}
}

func xmlNode(d *xml.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	var text strings.Builder
	var children map[string]any
	for {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.CharData:
			text.Write(t)
		case xml.StartElement:
			child, err := xmlNode(d, depth+1)
			if err != nil {
				return nil, err
			}
			if children == nil {
				children = map[string]any{}
			}
			switch old := children[t.Name.Local].(type) {
			case nil:
				children[t.Name.Local] = child
			case []any:
				children[t.Name.Local] = append(old, child)
			default:
				children[t.Name.Local] = []any{old, child}
			}
		case xml.EndElement:
			if children != nil {
				return children, nil
			}
			return text.String(), nil
		}
	}
}

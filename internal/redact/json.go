package redact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Value returns a value without its secrets, given the name of what it is the
// value of: a parameter, an output, a variable.
func Value(name, value string) string {
	switch s := nameStrength(name); {
	case s == none || benign(value), s == weak && !tokenLike(value), urlOnly(value):
		return Text(value)
	}
	return Marker
}

// JSON returns a document with its texts redacted, each by where it is: the name
// of its member, or the name that is a member beside it. The order of members
// stays.
//
// rewrite is called with each text and the names of the members that lead to it,
// and returns what is redacted and written instead; leave reports that the text
// is to be left as it is. A nil rewrite changes nothing.
func JSON(data []byte, rewrite func(path []string, s string) (text string, leave bool)) ([]byte, error) {
	if rewrite == nil {
		rewrite = func(_ []string, s string) (string, bool) { return s, false }
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	n, err := readNode(d)
	if err != nil {
		return nil, fmt.Errorf("redact: %w", err)
	}
	n.redact(nil, "", rewrite)
	var b bytes.Buffer
	if err := n.write(&b); err != nil {
		return nil, fmt.Errorf("redact: %w", err)
	}
	return b.Bytes(), nil
}

// node is a value of JSON whose members have an order.
type node struct {
	kind    json.Delim // '{', '[' or 0
	scalar  any
	names   []string
	members []*node
}

func readNode(d *json.Decoder) (*node, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	delim, ok := t.(json.Delim)
	if !ok {
		return &node{scalar: t}, nil
	}
	n := &node{kind: delim}
	for d.More() {
		if delim == '{' {
			k, err := d.Token()
			if err != nil {
				return nil, err
			}
			name, _ := k.(string) // a member's name is a string
			n.names = append(n.names, name)
		}
		m, err := readNode(d)
		if err != nil {
			return nil, err
		}
		n.members = append(n.members, m)
	}
	_, err = d.Token()
	return n, err
}

// redact goes through a value; named is the name that is known of it, from the
// member that holds it or from one beside it.
func (n *node) redact(path []string, named string, rewrite func([]string, string) (string, bool)) {
	switch n.kind {
	case '[':
		for _, m := range n.members {
			m.redact(path, named, rewrite)
		}
		return
	case '{':
		beside := n.beside()
		if beside == "" && nameStrength(named) == strong {
			beside = named // a parameter's default, an output's value
		}
		for i, m := range n.members {
			name := n.names[i]
			at := slices.Concat(path, []string{name})
			l := strings.ToLower(name)
			if beside != "" && (valueMembers[l] || l == "resolved" || l == "known") {
				m.redact(at, beside, rewrite)
				continue
			}
			m.redact(at, name, rewrite)
		}
		return
	}
	s, ok := n.scalar.(string)
	if !ok {
		return
	}
	s, leave := rewrite(path, s)
	if !leave {
		s = Value(named, s)
	}
	n.scalar = s
}

// beside is the secret's name that one of an object's members holds.
func (n *node) beside() string {
	for i, name := range n.names {
		l := strings.ToLower(name)
		s, ok := n.members[i].scalar.(string)
		switch {
		case !ok:
		case nameMembers[l] && nameStrength(s) != none:
			return s
		case l == "type" && s == "SecureString":
			return "password"
		}
	}
	return ""
}

func (n *node) write(b *bytes.Buffer) error {
	switch n.kind {
	case '{', '[':
		b.WriteByte(byte(n.kind))
		for i, m := range n.members {
			if i > 0 {
				b.WriteByte(',')
			}
			if n.kind == '{' {
				if err := encode(b, n.names[i]); err != nil {
					return err
				}
				b.WriteByte(':')
			}
			if err := m.write(b); err != nil {
				return err
			}
		}
		b.WriteByte(byte(n.kind) + 2) // } and ] are two behind their openings
		return nil
	}
	return encode(b, n.scalar)
}

// encode writes a scalar without escaping what is only special in HTML: the
// document is for people to read, too.
func encode(b *bytes.Buffer, v any) error {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // the line end
	return nil
}

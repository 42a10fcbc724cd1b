package cfnsim

import (
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// call computes an intrinsic function
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html).
func (c *scope) call(name string, arg any, depth int) (any, error) {
	l, _ := arg.([]any)
	switch name {
	case "Ref":
		s, ok := arg.(string)
		if !ok {
			return nil, invalid("Template error: every Ref object must have a single String value.")
		}
		return c.refValue(s)
	case "Fn::GetAtt":
		return c.getAtt(arg, depth)
	case "Fn::Sub":
		return c.sub(arg, depth)
	case "Fn::Join":
		return c.join(l, depth)
	case "Fn::Select":
		return c.pick(l, depth)
	case "Fn::Split":
		return c.split(l, depth)
	case "Fn::If":
		if len(l) != 3 {
			return nil, checkFunction(name, arg)
		}
		s, _ := l[0].(string)
		if _, ok := c.t.conditions[s]; !ok {
			return nil, invalid("Template error: unresolved condition dependency " + s + " in Fn::If")
		}
		if c.holds(s) {
			return c.value(l[1], depth+1)
		}
		return c.value(l[2], depth+1)
	case "Fn::Equals", "Fn::And", "Fn::Or", "Fn::Not":
		v, err := c.test(object{name: arg}, map[string]bool{}, depth+1)
		return v, err
	case "Fn::FindInMap":
		return c.findInMap(l, depth)
	case "Fn::ImportValue":
		v, err := c.value(arg, depth+1)
		if err != nil {
			return nil, err
		}
		return c.svc.importValue(c.stackID, text(v))
	case "Fn::Base64":
		v, err := c.value(arg, depth+1)
		if err != nil || isUnknown(v) {
			return v, err
		}
		return base64.StdEncoding.EncodeToString([]byte(text(v))), nil
	case "Fn::GetAZs":
		v, err := c.value(arg, depth+1)
		if err != nil {
			return nil, err
		}
		region := text(v)
		if region == "" {
			region = c.svc.world.Region
		}
		return []any{region + "a", region + "b", region + "c"}, nil
	case "Fn::Cidr":
		return c.cidr(l, depth)
	case "Fn::Length":
		v, err := c.values(arg, depth)
		return json.Number(strconv.Itoa(len(v))), err
	case "Fn::ToJsonString":
		v, err := c.value(arg, depth+1)
		if err != nil || isUnknown(v) {
			return v, err
		}
		b, err := json.Marshal(v)
		return string(b), err
	}
	return nil, formatError("Encountered unsupported function: " + name + " Supported functions are: [Fn::Base64, Fn::GetAtt, Fn::GetAZs, Fn::ImportValue, Fn::Join, Fn::Split, Fn::FindInMap, Fn::Select, Ref, Fn::Equals, Fn::If, Fn::Not, Condition, Fn::And, Fn::Or, Fn::Sub, Fn::Cidr]")
}

func isUnknown(v any) bool { _, ok := v.(unknown); return ok }

func (c *scope) getAtt(arg any, depth int) (any, error) {
	id, attribute, ok := getAttArgs(arg)
	if !ok {
		return nil, checkFunction("Fn::GetAtt", arg)
	}
	if attribute == "" { // the attribute's name is a Ref
		l, _ := arg.([]any)
		v, err := c.value(l[1], depth+1)
		if err != nil {
			return nil, err
		}
		attribute = text(v)
	}
	return c.attValue(id, attribute)
}

func (c *scope) sub(arg any, depth int) (any, error) {
	body, ok := arg.(string)
	local := object{}
	if l, isList := arg.([]any); isList && len(l) == 2 {
		body, ok = l[0].(string)
		m, isMap := l[1].(object)
		ok = ok && isMap
		for _, k := range sorted(m) {
			v, err := c.value(m[k], depth+1)
			if err != nil {
				return nil, err
			}
			local[k] = v
		}
	}
	if !ok {
		return nil, invalid("Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string")
	}
	var b strings.Builder
	var hidden any
	last := 0
	for _, m := range variable.FindAllStringSubmatchIndex(body, -1) {
		if b.Len() > maxText {
			return nil, errTooDeep
		}
		b.WriteString(body[last:m[0]])
		last = m[1]
		name := body[m[4]:m[5]]
		if m[2] < m[3] { // ${!x} is the text ${x}
			b.WriteString("${" + name + "}")
			continue
		}
		v, there := local[name]
		if !there {
			var err error
			if v, err = c.named(name); err != nil {
				return nil, err
			}
		}
		if isUnknown(v) {
			hidden = v
		}
		if _, gone := v.(absent); !gone {
			b.WriteString(text(v))
		}
	}
	b.WriteString(body[last:])
	if hidden != nil {
		return hidden, nil
	}
	c.made += b.Len()
	return b.String(), nil
}

// named is what ${name} stands for: a Ref, or with a dot a GetAtt.
func (c *scope) named(name string) (any, error) {
	if id, attribute, dotted := strings.Cut(name, "."); dotted && !strings.Contains(id, "::") {
		return c.attValue(id, attribute)
	}
	return c.refValue(name)
}

func (c *scope) join(l []any, depth int) (any, error) {
	if len(l) != 2 {
		return nil, invalid("Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.")
	}
	sep, err := c.value(l[0], depth+1)
	if err != nil {
		return nil, err
	}
	parts, err := c.values(l[1], depth)
	if err != nil {
		return nil, err
	}
	s := make([]string, len(parts))
	size := 0
	for i, p := range parts {
		if isUnknown(p) {
			return p, nil
		}
		s[i] = text(p)
		if size += len(s[i]) + len(text(sep)); size > maxText {
			return nil, errTooDeep
		}
	}
	c.made += size
	return strings.Join(s, text(sep)), nil
}

func (c *scope) pick(l []any, depth int) (any, error) {
	if len(l) != 2 {
		return nil, errSelect
	}
	n, err := c.value(l[0], depth+1)
	if err != nil {
		return nil, err
	}
	list, err := c.values(l[1], depth)
	if err != nil {
		return nil, err
	}
	if len(list) == 1 && isUnknown(list[0]) {
		return list[0], nil
	}
	i, err := strconv.Atoi(text(n))
	if err != nil {
		return nil, errSelect
	}
	if i < 0 || i >= len(list) {
		return nil, invalidf("Template error: Fn::Select cannot select nonexistent value at index %d", i)
	}
	return list[i], nil
}

func (c *scope) split(l []any, depth int) (any, error) {
	if len(l) != 2 {
		return nil, checkFunction("Fn::Split", nil)
	}
	sep, err := c.value(l[0], depth+1)
	if err != nil {
		return nil, err
	}
	s, err := c.value(l[1], depth+1)
	if err != nil {
		return nil, err
	}
	if isUnknown(s) {
		return []any{s}, nil
	}
	if text(sep) == "" {
		return nil, checkFunction("Fn::Split", nil)
	}
	var out []any
	for p := range strings.SplitSeq(text(s), text(sep)) {
		out = append(out, p)
	}
	return out, nil
}

func (c *scope) findInMap(l []any, depth int) (any, error) {
	if len(l) < 3 {
		return nil, invalid("Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value")
	}
	var k [3]string
	for i := range k {
		v, err := c.value(l[i], depth+1)
		if err != nil {
			return nil, err
		}
		k[i] = text(v)
	}
	first, _ := c.t.mappings[k[0]].(object)
	second, _ := first[k[1]].(object)
	if v, ok := second[k[2]]; ok {
		return v, nil
	}
	if len(l) > 3 { // the language extensions' DefaultValue
		if o, ok := l[3].(object); ok {
			if d, ok := o["DefaultValue"]; ok {
				return c.value(d, depth+1)
			}
		}
	}
	return nil, invalidf("Template error: Unable to get mapping for %s::%s::%s", k[0], k[1], k[2])
}

func (c *scope) cidr(l []any, depth int) (any, error) {
	bad := invalid("Template error: every Fn::Cidr object requires a valid ipBlock, a count from 1 to 256 and cidrBits")
	args := make([]string, 0, 3)
	for _, e := range l {
		v, err := c.value(e, depth+1)
		if err != nil {
			return nil, err
		}
		if isUnknown(v) {
			return []any{v}, nil
		}
		args = append(args, text(v))
	}
	if len(args) < 2 {
		return nil, bad
	}
	block, err := netip.ParsePrefix(args[0])
	count, err2 := strconv.Atoi(args[1])
	bits := 8
	if len(args) > 2 {
		if bits, err = strconv.Atoi(args[2]); err != nil {
			return nil, bad
		}
	}
	if err != nil || err2 != nil || !block.Addr().Is4() || count < 1 || count > 256 || bits < 1 || bits > 31 || 32-bits < block.Bits() {
		return nil, bad
	}
	a4 := block.Masked().Addr().As4()
	start := uint64(a4[0])<<24 | uint64(a4[1])<<16 | uint64(a4[2])<<8 | uint64(a4[3])
	size := uint64(1) << bits
	var out []any
	for i := range count {
		n := start + uint64(i)*size
		if n+size > start+1<<(32-block.Bits()) {
			return nil, bad
		}
		a := netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		out = append(out, netip.PrefixFrom(a, 32-bits).String())
	}
	return slices.Clip(out), nil
}

package rescue

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// facts are what a plan rests on and other people may change. A plan that
// touches no stack does not rest on what the stacks do.
func facts(d *Diagnosis, direction Direction) map[string]string {
	out := map[string]string{}
	if direction != Serve {
		for s := range d.bundle.Tree.All() {
			event := ""
			if len(s.Events) > 0 {
				event = s.Events[0].ID
			}
			out["stack "+s.Name+" "+s.ID] = strings.TrimSpace(string(s.Status) + " " + event)
		}
	}
	for _, s := range d.bundle.Services {
		if direction == Forward && s.Settings != nil {
			sum := sha256.Sum256(sorted(s.Settings))
			out["settings of service "+s.Service.String()] = "sha256:" + hex.EncodeToString(sum[:8])
		}
		out["service "+s.Service.String()] = fmt.Sprintf("%s, deployment %s, %s", short(s.Current), s.Primary, wanted(s))
	}
	for ref, i := range d.bundle.Images {
		out["image "+ref] = strings.TrimSpace(string(i.State) + " " + i.Digest)
	}
	for name, text := range d.bundle.Policies {
		if text != "" {
			sum := sha256.Sum256([]byte(text))
			text = "sha256:" + hex.EncodeToString(sum[:8])
		}
		out["lifecycle policy of "+name] = text
	}
	return out
}

// sorted is JSON in the one form that does not depend on who wrote it: a file of
// evidence has other spaces and another order. What is not JSON stays as it is.
func sorted(data json.RawMessage) []byte {
	var v any
	if json.Unmarshal(data, &v) != nil {
		return data
	}
	out, err := json.Marshal(v)
	if err != nil {
		return data
	}
	return out
}

// wanted is whether a service wants tasks at all: how many is an autoscaler's to
// say, from minute to minute.
func wanted(s ServiceFacts) string {
	switch {
	case s.Unread != "":
		return "unread"
	case s.Desired == 0:
		return "no task is wanted"
	}
	return "tasks are wanted"
}

// fingerprint names a situation.
func fingerprint(facts map[string]string) string {
	h := sha256.New()
	for _, k := range slices.Sorted(maps.Keys(facts)) {
		fmt.Fprintf(h, "%q %q\n", k, facts[k])
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// differing lists in what two situations differ.
func differing(was, is map[string]string) string {
	all := maps.Clone(was)
	maps.Copy(all, is)
	var out []string
	for _, k := range slices.Sorted(maps.Keys(all)) {
		a, knownA := was[k]
		b, knownB := is[k]
		switch {
		case !knownA:
			out = append(out, k+": new")
		case !knownB:
			out = append(out, k+": no longer there")
		case a != b:
			out = append(out, fmt.Sprintf("%s: was %q, is %q", k, a, b))
		}
	}
	return strings.Join(out, "; ")
}

// hash is of the plan without its Hash, as JSON.
func (p *Plan) hash() string {
	c := *p
	c.Hash = ""
	data, err := json.Marshal(&c)
	if err != nil {
		return "" // no plan that can be written has it
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

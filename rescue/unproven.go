package rescue

import (
	"cmp"
	"slices"
)

// unproven is what a stack that looks healthy would have to be known of to be called
// so, and is not: what could not be read may be what the next rollback stumbles over.
func (d *Diagnosis) unproven() []string {
	var out []string
	add := func(what, why string) {
		if why != "" {
			what += " (" + why + ")"
		}
		if !slices.Contains(out, what) {
			out = append(out, what)
		}
	}
	b := d.bundle
	for s := range b.Tree.All() {
		for _, part := range []string{"events", "template"} {
			if why := s.Unread[part]; why != "" {
				add("the "+part+" of stack "+s.Name, why)
			}
		}
	}
	for _, f := range b.Services {
		if f.Unread != "" || f.Status != "ACTIVE" {
			continue // said of its users
		}
		if f.Back == "" {
			add("the recorded revision of service "+f.Service.String(), cmp.Or(f.RevisionsUnknown, "nothing says which it is"))
			continue
		}
		def, read := f.Definitions[f.Back]
		if !read {
			add("task definition "+short(f.Back), "it was not read")
		}
		d.unprovenDefinition(def, add)
	}
	for _, u := range d.ImageUsers {
		if u.Unread != "" {
			add(u.String(), "")
		}
	}
	if b.LostUnread != "" {
		add("whether outputs are lost", b.LostUnread)
	}
	return out
}

// unprovenDefinition adds what is not known of what a revision needs to start.
func (d *Diagnosis) unprovenDefinition(def Definition, add func(what, why string)) {
	for _, x := range def.Containers {
		if i := d.bundle.Images[x.Image]; i.State == "unknown" || i.State == "" {
			add("image "+x.Image, cmp.Or(i.Error, "it was not looked for"))
		}
	}
	for _, n := range def.needs() {
		if f, known := d.bundle.Needs[n]; !known || f.Unknown {
			add(n, cmp.Or(f.Why, "it was not looked for"))
		}
	}
}

package rescue

import "fmt"

// debts are what is left behind although the stack rests: the next rollback, or
// the next task that starts, would meet it. They are read off the facts that the
// checks at the end of a run read too.
func (d *Diagnosis) debts() []string {
	var out []string
	add := func(format string, a ...any) { out = append(out, fmt.Sprintf(format, a...)) }
	for _, f := range d.bundle.Services {
		if f.Unread != "" || f.Status != "ACTIVE" || f.Back == "" {
			continue
		}
		if f.Current != "" && f.Current != f.Back {
			add("service %s is set to %s, and the stack's record has %s: the next update or rollback replaces it", f.Service, short(f.Current), short(f.Back))
		}
		if bad := d.missing(f, f.Back); bad != "" {
			add("the stack's own revision of service %s, %s, cannot run: %s", f.Service, short(f.Back), bad)
		}
		def, ok := f.Definitions[f.Back]
		if ok && !def.Active {
			add("the stack's own revision of service %s, %s, is INACTIVE: it cannot be deployed again", f.Service, short(f.Back))
		}
		if bad := d.bundle.lacks(def); bad != "" {
			add("the stack's own revision of service %s, %s, cannot start another task: %s", f.Service, short(f.Back), bad)
		}
		if serving := f.Serving(); serving != "" && serving != f.Back {
			if def, ok := f.Definitions[serving]; ok && !def.Active {
				add("service %s serves on %s, which is INACTIVE: its tasks are replaced, and it cannot be deployed again", f.Service, short(serving))
			}
		}
	}
	for _, u := range d.ImageUsers {
		if u.Trouble != "" {
			add("%s", u)
		}
	}
	for _, l := range d.Lost {
		add("output %s of stack %s is lost: an update that reads it fails", l.Key, l.Stack)
	}
	return out
}

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
		if def, ok := f.Definitions[f.Back]; ok && !def.Active {
			add("the stack's own revision of service %s, %s, is INACTIVE: it cannot be deployed again", f.Service, short(f.Back))
		}
	}
	for _, l := range d.Lost {
		add("output %s of stack %s is lost: an update that reads it fails", l.Key, l.Stack)
	}
	return out
}

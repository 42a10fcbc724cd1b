package rescue

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/ecsx"
)

// unset are lines of programs that miss a setting, each with its name: Python's and
// Ruby's KeyError, where the key has an underscore, because others are of data as often
// ("KeyError: 'USD'"), and the words of the libraries that read the environment.
var unset = regexp.MustCompile(`KeyError: ['"]?([A-Z][A-Z0-9]*_[A-Z0-9_]+)|key not found: ['":]*([A-Z][A-Z0-9]*_[A-Z0-9_]+)|(?i:environment variable|env var|setting|config)\W+([A-Z][A-Z0-9_]+)\W+(?i:is |must |not |was |un|missing|required)|(?i:missing|required|undefined)\s+(?i:required\s+)?(?i:environment variable|env var|setting)s?\W+([A-Z][A-Z0-9_]+)|\b([A-Z][A-Z0-9]*_[A-Z0-9_]+)\W+(?i:is |must be |was )(?i:not |un)?(?i:set|defined|missing|required)`)

// unmended refuses to start again a revision whose tasks have failed of what the
// revision brings along, where nothing of the plan does anything about that: a setting
// that its log misses and it does not have, a command or a platform that its image does
// not fit, a migration at start that has come to grief and would write to the database
// once more. What somebody else may have mended without a trace is warned of. A
// migration of the plan addresses it; so does an image that was pushed again, and the
// operator's word: the cause named as mended, or the revision.
func (p *planner) unmended(s *ServiceFacts, target string) error {
	c, ok := ecsx.RootCause(p.d.tasks(*s, target))
	if !ok || p.runsAlready(s, target) || p.restarts(s, target) {
		return nil
	}
	if p.c.Migration != nil || p.c.Revisions[s.Service.String()] != "" || p.mended(s) || p.pushedAgain(s, target) {
		return nil
	}
	next := fmt.Sprintf("mend it and say so (Choices.Mended, -mended %s), or name another revision for the service", s.Service)
	migration, suspected := p.d.suspects(*s)
	switch {
	case suspected && target == s.Forward && c.Class == "application" && c.Excerpt != "":
		next = "record or run the migration (Choices.Migration, -migration or -migrate); or " + next
		return refuse(next, "service %s: the tasks of %s have failed, no step of the plan does anything about it, and to start them writes to the database again: %s", s.Service, short(target), migration.Text)
	case c.Class == "command", c.Class == "image-platform":
		return refuse(next, "service %s: the tasks of %s have failed of what their image is, and it is the same: %s", s.Service, short(target), c.Summary)
	}
	if name := s.misses(target, c); name != "" {
		return refuse("give the revision the setting "+name+", deploy that and name it; or "+next, "service %s: the tasks of %s have failed, and it does not have the setting that they miss, %s: %s", s.Service, short(target), name, c.Summary)
	}
	return nil
}

// misses is the setting that a container's log misses and the revision does not give
// it; "" where it is none, or is not known.
func (f *ServiceFacts) misses(revision string, c ecsx.Cause) string {
	m := unset.FindStringSubmatch(c.Excerpt)
	if m == nil {
		return ""
	}
	name := cmp.Or(m[1:]...)
	var doc struct {
		ContainerDefinitions []struct {
			Name                 string
			Environment, Secrets []struct{ Name string }
			EnvironmentFiles     []any
		}
	}
	if json.Unmarshal(f.Definitions[revision].Document, &doc) != nil {
		return ""
	}
	for _, x := range doc.ContainerDefinitions {
		if x.Name != c.Container {
			continue
		}
		is := func(v struct{ Name string }) bool { return v.Name == name }
		if len(x.EnvironmentFiles) > 0 || slices.ContainsFunc(x.Environment, is) || slices.ContainsFunc(x.Secrets, is) {
			return ""
		}
		return name
	}
	return ""
}

// mended reports whether the operator says that what a service's tasks failed for has
// been mended.
func (p *planner) mended(s *ServiceFacts) bool {
	return slices.ContainsFunc(p.c.Mended, func(name string) bool { return slices.Contains(p.causesOf(s), name) })
}

// causesOf are the names of what a service failed for.
func (p *planner) causesOf(s *ServiceFacts) []string {
	out := []string{s.Service.String()}
	if st := p.b.Tree.Stack(s.StackID); st != nil {
		out = append(out, st.Name+"."+s.LogicalID)
	}
	return out
}

// pushedAgain reports whether an image of the revision is another one than its failed
// tasks ran: its tag was pushed again.
func (p *planner) pushedAgain(s *ServiceFacts, target string) bool {
	for _, t := range p.d.tasks(*s, target) {
		for _, x := range t.Containers {
			if i := p.b.Images[x.Image]; x.Name == t.Cause.Container && x.ImageDigest != "" && i.State == "ok" && i.Digest != "" && i.Digest != x.ImageDigest {
				return true
			}
		}
	}
	return false
}

// mendable are the names that Choices.Mended takes: the subjects of the diagnosis'
// causes, and the services whose tasks have failed.
func (p *planner) mendable() []string {
	out := map[string]bool{}
	for _, causes := range [][]Cause{p.d.Causes.Update, p.d.Causes.Service, p.d.Causes.Rollback, p.d.Causes.Migration} {
		for _, c := range causes {
			out[strings.TrimPrefix(c.Subject, "service ")] = true
		}
	}
	for i := range p.b.Services {
		s := &p.b.Services[i]
		if len(s.Proofs) > 0 {
			out[s.Service.String()] = true
		}
		for _, arn := range []string{s.Forward, s.Current, s.Back} {
			if _, ok := ecsx.RootCause(p.d.tasks(*s, arn)); ok {
				out[s.Service.String()] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(out))
}

// mendedNamed refuses a name that is none of the causes', and records the others.
func (p *planner) mendedNamed() error {
	known := p.mendable()
	for _, name := range p.c.Mended {
		if !slices.Contains(known, name) {
			return refuse("name one of: "+cmp.Or(strings.Join(known, ", "), "none: the diagnosis has no cause"), "nothing that is known to have failed is called %q, which is said to be mended", name)
		}
		p.p.Warnings = append(p.p.Warnings, "as the operator says, what failed has been mended: "+name)
	}
	return nil
}

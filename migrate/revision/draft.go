package revision

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/internal/poll"
)

// planned is a stamp that was thought through.
type planned struct {
	server
	located
	change Change
	before content
	after  []Entry
	out    *Stamped
}

// draft reads the table and decides what it should hold. Where it is to be
// written, and looks unfinished, it is watched first.
func draft(ctx context.Context, db querier, c Change, o StampOptions) (*planned, error) {
	in := InspectOptions{Table: c.Table, Watch: o.Watch, Tool: c.Tool}
	first, err := read(ctx, db, in)
	if err != nil {
		return nil, err
	}
	last := first
	if wait := first.watchFor(o.Watch); wait > 0 && !o.DryRun {
		if err := poll.Sleep(ctx, wait); err != nil {
			return nil, err
		}
		if last, err = read(ctx, db, in); err != nil {
			return nil, err
		}
	}
	i, err := last.choose(c)
	if err != nil {
		return nil, err
	}
	if err := last.contents[i].readable(); err != nil {
		return nil, err
	}
	p := &planned{server: last.server, located: last.found[i], change: c, before: last.contents[i]}
	if err := p.decide(); err != nil {
		return nil, err
	}
	if t := report(first, last, in).Tables[i]; t.Verdict.held() {
		p.out.Running = t.Why
	}
	return p, nil
}

// choose finds the table that is meant.
func (s *snapshot) choose(c Change) (int, error) {
	var fit []int
	var names []string
	for i, l := range s.found {
		names = append(names, l.tool.name+" ("+l.place.String()+")")
		if (c.Tool == "" || strings.EqualFold(c.Tool, l.tool.name)) &&
			(c.Table == "" || strings.EqualFold(c.Table, l.place.String()) || strings.EqualFold(c.Table, l.place.name)) {
			fit = append(fit, i)
		}
	}
	list := strings.Join(names, ", ")
	switch {
	case len(fit) == 0:
		return 0, fmt.Errorf("%w matches tool %q and table %q; found: %s", ErrNoTable, c.Tool, c.Table, list)
	case len(fit) > 1:
		return 0, fmt.Errorf("several tables match: name the tool and the table: %s", list)
	case s.found[fit[0]].stamp == nil:
		l, n := s.found[fit[0]], s.contents[fit[0]]
		return 0, fmt.Errorf("%s keeps what cannot be written from outside; its own commands are: %s", l.tool.name, strings.Join(l.repair(n), "; "))
	}
	return fit[0], nil
}

// decide fills in the plan.
func (p *planned) decide() error {
	if n := number(p.change.To); n != "" && files[p.tool.name] != nil {
		p.change.To = n
	}
	after, err := p.stamp.target(p.before.entries, p.change)
	if err != nil {
		return fmt.Errorf("%s of %s: %w", p.place, p.tool.name, err)
	}
	p.after = after
	remove, add := difference(p.before.entries, after)
	p.out = &Stamped{
		Version: 2, Tool: p.tool.name, Table: p.place.String(), From: p.before.versionText(), To: p.change.To,
		Added: add, Removed: remove, Statements: p.stamp.statements(p.engine, p.before.entries, after), Fingerprint: p.before.fingerprint(),
	}
	for i, s := range p.out.Statements {
		s.SQL = p.engine.bind(strings.ReplaceAll(s.SQL, "{}", p.engine.quote(p.place.schema, p.place.name)))
		p.out.Statements[i] = s
	}
	return nil
}

// versionText is what the table holds, with golang-migrate's mark.
func (c content) versionText() string {
	if slices.ContainsFunc(c.entries, func(e Entry) bool { return e.Dirty }) {
		return join(c.entries)
	}
	return c.version
}

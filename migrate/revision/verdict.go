package revision

import (
	"fmt"
	"slices"
)

// report judges what was seen, once or twice.
func report(first, last *snapshot, o InspectOptions) *Inspection {
	watched := first != last
	out := &Inspection{
		Version: 2, Engine: string(last.engine), Database: last.database, Tables: []Table{},
		Sessions: last.live, Leader: last.lease.Owner, Progress: last.progress, Blind: last.blind,
	}
	alive := last.alive(first, watched)
	idle := last.idle()
	for i, l := range last.found {
		c := last.contents[i]
		t := l.table(c, o.History)
		why := slices.Clone(alive)
		if watched && first.changed(l, c) {
			why = append(why, "the table has changed while it was watched")
		}
		if c.locked != "" && !c.expired && l.tool.name == goose.name {
			// The only tool whose lock row ends by itself.
			why = append(why, "the lock of "+c.locked+" has not expired")
		}
		switch {
		case len(why) > 0:
			t.Verdict, t.Why = verdictRunning, why
		case len(idle) > 0:
			t.Verdict, t.Why = idle[0].Verdict, nil
			for _, x := range idle {
				t.Why = append(t.Why, x.String())
			}
		case !c.suspicious():
			t.Verdict = verdictClean
		case c.unread != "":
			t.Verdict, t.Why = verdictUnclear, []string{c.unread}
		case !watched:
			t.Verdict, t.Why = verdictUnclear, []string{"it was not watched for a change"}
		case last.blind != "":
			t.Verdict, t.Why = verdictUnclear, []string{"it cannot see " + last.blind}
		default:
			t.Verdict, t.Why = verdictStuck, []string{"no session and no leader is at work, and nothing has changed while it was watched"}
		}
		out.Tables = append(out.Tables, t)
	}
	return out
}

// oddities also tells that what is shown was not read.
func (c content) oddities() []string {
	if c.unread != "" {
		return append(slices.Clone(c.odd), c.unread)
	}
	return c.odd
}

// alive says who is at work, besides what the tables say.
func (s *snapshot) alive(first *snapshot, watched bool) (why []string) {
	for _, x := range s.live {
		if x.Verdict == verdictRunning {
			why = append(why, x.String())
		}
	}
	switch r := s.lease; {
	case r.Owner == "" || r.Dead:
	case !watched:
		why = append(why, fmt.Sprintf("%s holds the lease, and was not watched", r.Owner))
	case r.Version != first.lease.Version:
		why = append(why, fmt.Sprintf("%s leads and renews its lease", r.Owner))
	}
	return why
}

// changed reports whether the table held something else, or was not there.
func (s *snapshot) changed(l located, now content) bool {
	i := slices.IndexFunc(s.found, func(x located) bool { return x.place == l.place })
	return i < 0 || s.contents[i].fingerprint() != now.fingerprint()
}

// idle are the sessions that hold a lock and do nothing, those that may still be
// at work first.
func (s *snapshot) idle() []Session {
	var out []Session
	for _, v := range []Verdict{verdictIdleHolder, verdictOrphan} {
		for _, x := range s.live {
			if x.Verdict == v {
				out = append(out, x)
			}
		}
	}
	return out
}

// table is what is said about a table, but for the verdict.
func (l located) table(c content, h History) Table {
	t := Table{
		Tool: l.tool.name, Name: l.place.String(), Version: c.version, Recorded: len(c.entries), Unfinished: c.unfinished, Details: c.details,
		Locked: c.locked, Odd: c.oddities(), Stampable: l.stamp != nil, Repair: l.repair(c), Fingerprint: c.fingerprint(),
	}
	if c.unread != "" {
		t.Fingerprint = ""
	}
	if h != nil && l.stamp != nil && c.unread == "" {
		t.Pending, t.Unknown = l.compare(c, h)
	}
	return t
}

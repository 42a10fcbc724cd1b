package rescue

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Proposal is one direction that could be taken, with what it would do; or why
// it could not.
type Proposal struct {
	Direction Direction `json:"direction"`
	// Proposed is set on the one that goes furthest of those that are proven.
	Proposed bool `json:"proposed,omitempty"`
	// Plan is nil where there is none; Refused is why, and Next what to do about
	// it.
	Plan    *Plan  `json:"plan,omitempty"`
	Refused string `json:"refused,omitempty"`
	Next    string `json:"next,omitempty"`
	// Deploys are the services that it deploys to, and what; Database are the
	// steps that write to one; Irreversible are those that cannot be taken back.
	Deploys      []string `json:"deploys,omitempty"`
	Database     []string `json:"database,omitempty"`
	Irreversible []string `json:"irreversible,omitempty"`
	// Debt is what it leaves open.
	Debt []string `json:"debt,omitempty"`
	// Actions are the IAM actions of all its steps.
	Actions []string `json:"actions,omitempty"`
	// Takes is the longest it is expected to take.
	Takes time.Duration `json:"-"` // takesSeconds
}

// proposal is a [Proposal] whose methods JSON does not see.
type proposal Proposal

// MarshalJSON writes Takes as the number takesSeconds.
func (p Proposal) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		*proposal
		TakesSeconds float64 `json:"takesSeconds"`
	}{(*proposal)(&p), p.Takes.Seconds()})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (p *Proposal) UnmarshalJSON(data []byte) error {
	v := struct {
		*proposal
		TakesSeconds float64 `json:"takesSeconds"`
	}{proposal: (*proposal)(p)}
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	p.Takes = time.Duration(math.Round(v.TakesSeconds * float64(time.Second)))
	return nil
}

// Compare plans every direction with the same choices, c.Direction aside, for
// whoever has to choose: serve, forward, hold and back, in this order. One of
// them at most is proposed: forward where it gets to its end; else serve, where
// users are not served and it can do something about that; else hold, but not where it
// leaves users unserved. Back is never proposed: whether the old code fits the schema
// is not seen from here.
//
// It is pure. A nil diagnosis has no proposals.
func (d *Diagnosis) Compare(c Choices) []Proposal {
	if d == nil {
		return nil
	}
	var out []Proposal
	for _, direction := range []Direction{Serve, Forward, Hold, Back} {
		c.Direction = direction
		out = append(out, propose(d, c))
	}
	for _, i := range []int{1, 0, 2} {
		p := out[i].Plan
		if p == nil || i == 1 && p.Stop != nil {
			continue
		}
		// Where users wait for a choice of the operator's, such as a migration, to unlock
		// the stack and leave them is no way out.
		out[i].Proposed = i != 2 || len(out[i].Deploys) > 0 || !d.unserved()
		break
	}
	return out
}

// unserved reports whether users of a service are not served, or not all of them.
func (d *Diagnosis) unserved() bool {
	return slices.ContainsFunc(d.Users, func(u Users) bool { return u.State == usersNotServed || u.State == usersPartlyServed })
}

func propose(d *Diagnosis, c Choices) Proposal {
	out := Proposal{Direction: c.Direction}
	p, err := MakePlan(d, c)
	if err != nil {
		out.Refused = err.Error()
		if e, ok := errors.AsType[*Error](err); ok {
			out.Refused, out.Next = e.Err.Error(), e.Next
		}
		return out
	}
	out.Plan, out.Debt, out.Actions = p, p.Debt, p.Actions()
	for _, s := range p.Steps {
		out.Takes += s.Takes
		switch s.Risk {
		case riskService:
			if s.Redeploy != nil {
				out.Deploys = append(out.Deploys, fmt.Sprintf("%s: %s", s.Redeploy.Service, short(s.Redeploy.From)))
			} else {
				out.Deploys = append(out.Deploys, s.Subject+": what serves, as the stack's own revision")
			}
		case riskDatabase:
			out.Database = append(out.Database, s.Subject)
		case riskIrreversible:
			out.Irreversible = append(out.Irreversible, s.Subject+": "+s.Why)
		}
	}
	return out
}

// Actions are the IAM actions of all steps of the plan, sorted.
func (p *Plan) Actions() []string {
	if p == nil {
		return nil
	}
	all := ReadActions()
	for _, s := range p.Steps {
		all = append(all, s.Actions...)
	}
	for i, a := range all {
		if a == "s3:HeadObject" {
			all[i] = "s3:GetObject" // the action that IAM knows
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Commands are what one would type instead, in order, as a shell takes them; a
// step that is more than one command, or whose command is not known yet, is a comment
// that says so.
func (p *Plan) Commands() []string {
	if p == nil {
		return nil
	}
	var out []string
	for _, s := range p.Steps {
		switch {
		case s.Command != "":
			out = append(out, s.Command)
		case s.Kind == kindSavepoint:
			out = append(out, "# "+s.ID+": patch-images, then an update of "+s.Subject+" with the template that it writes")
		case s.Proof != nil:
			out = append(out, "# "+s.ID+": before anything that follows, register what the savepoint would render for "+s.Subject+", start it, and go on only if it stays up")
		case s.Redeploy != nil:
			out = append(out, "# "+s.ID+": before anything that follows, register what the savepoint would render for "+s.Subject+", deploy it, and go on only if it stays up; else deploy "+short(s.Redeploy.From))
		case s.Kind == kindImport:
			out = append(out, "# "+s.ID+": an import of what was kept into "+s.Subject+", by a change set")
		}
	}
	return out
}

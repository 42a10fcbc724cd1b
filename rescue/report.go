package rescue

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Report is what a run came to.
type Report struct {
	Version   int       `json:"version"`
	Result    Result    `json:"result"`
	Account   string    `json:"account"`
	Region    string    `json:"region"`
	Stack     string    `json:"stack"`
	Direction Direction `json:"direction"`
	// Error is why the run ended early; "" when it did not.
	Error  string       `json:"error,omitempty"`
	Users  []Users      `json:"users,omitempty"`
	Stacks []StackLine  `json:"stacks"`
	Causes Causes       `json:"causes"`
	Steps  []StepResult `json:"steps"`
	// Outputs are all outputs of all stacks at the end.
	Outputs []Restored `json:"outputs"`
	// Checks are what was looked at in the end.
	Checks []Check `json:"checks,omitempty"`
	// Debt is what the plan said that it leaves open, and what the checks found of
	// it in the end. Stop is why the plan ended before the end of its direction.
	Debt []string `json:"debt,omitempty"`
	Stop *Stop    `json:"stop,omitempty"`
	// Follow is what the team's own templates have to follow, because its next
	// update would undo it otherwise.
	Follow []string `json:"follow,omitempty"`
	// Warnings are what the run was warned of before its first step.
	Warnings []string `json:"warnings,omitempty"`
	// Calls is how often each IAM action was used, the SDK's retries not
	// counted.
	Calls map[string]int `json:"calls"`
}

// Result is how a run ended. It is one of
//   - "rescued": every step and every check holds;
//   - "served-with-debt": what the plan promised holds, and what it left open is
//     listed;
//   - "partly": every step ended well, not every promised check holds;
//   - "not-rescued": a step failed.
type Result string

const (
	resultRescued        Result = "rescued"
	resultServedWithDebt Result = "served-with-debt"
	resultPartly         Result = "partly"
	resultNotRescued     Result = "not-rescued"
)

// ok reports whether everything holds that the plan promised.
func (r *Report) ok() bool {
	return !slices.ContainsFunc(r.Checks, func(c Check) bool { return !c.OK && !c.Debt })
}

// String is the report as text.
func (r *Report) String() string {
	if r == nil {
		return "no report"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "RESULT  %s: stack %s (%s, %s), direction %s\n", r.Result, r.Stack, r.Account, r.Region, r.Direction)
	if r.Error != "" {
		fmt.Fprintf(&b, "        %s\n", r.Error)
	}
	section(&b, "USERS", len(r.Users), func(i int) string { return r.Users[i].String() })
	b.WriteString(r.Causes.String())
	section(&b, "STEPS", len(r.Steps), func(i int) string {
		s := r.Steps[i]
		return fmt.Sprintf("%-13s %-6s %s: %s", s.ID, s.Outcome, s.Subject, s.Text)
	})
	section(&b, "WARNINGS", len(r.Warnings), func(i int) string { return r.Warnings[i] })
	section(&b, "STACKS", len(r.Stacks), func(i int) string {
		s := r.Stacks[i]
		return strings.Repeat("  ", s.Depth) + s.Name + "  " + string(s.Status)
	})
	restored := r.restored()
	section(&b, "RESTORED OUTPUTS", len(restored), func(i int) string {
		return restored[i].Stack + "." + restored[i].Key + " = " + restored[i].Value
	})
	section(&b, "LEFT OPEN", len(r.Debt), func(i int) string { return r.Debt[i] })
	section(&b, "YOUR OWN TEMPLATES HAVE TO FOLLOW", len(r.Follow), func(i int) string { return r.Follow[i] })
	if r.Stop != nil {
		fmt.Fprintf(&b, "STOPPED %s\n", r.Stop)
	}
	section(&b, checksTitle(r.Checks), len(r.Checks), func(i int) string {
		c := r.Checks[i]
		mark := "[x] "
		switch {
		case c.OK:
		case c.Debt:
			mark = "[~] "
		default:
			mark = "[ ] "
		}
		if c.Detail != "" {
			return mark + c.What + " (" + c.Detail + ")"
		}
		return mark + c.What
	})
	n := 0
	for _, v := range r.Calls {
		n += v
	}
	fmt.Fprintf(&b, "CALLS   %d", n)
	for _, k := range slices.Sorted(maps.Keys(r.Calls)) {
		fmt.Fprintf(&b, "\n  %4d  %s", r.Calls[k], k)
	}
	b.WriteByte('\n')
	return b.String()
}

func (r *Report) restored() []Restored {
	var out []Restored
	for _, s := range r.Steps {
		out = append(out, s.Outputs...)
	}
	return out
}

// String is the three answers as text.
func (c Causes) String() string {
	var b strings.Builder
	for _, part := range []struct {
		title  string
		causes []Cause
	}{{"WHY THE UPDATE FAILED", c.Update}, {"WHY ECS COULD NOT GO BACK", c.Service}, {"WHY CLOUDFORMATION COULD NOT GO BACK", c.Rollback}, {"PERHAPS A MIGRATION", c.Migration}, {"WHY THE PROOF BEFORE THE UNLOCK FAILED", c.Proof}} {
		section(&b, part.title, len(part.causes), func(i int) string {
			s := part.causes[i].String()
			if n := part.causes[i].Next; n != "" {
				s += "\n    next: " + n
			}
			return s
		})
	}
	return b.String()
}

// checksTitle is what the checks come to.
func checksTitle(all []Check) string {
	left := false
	for _, c := range all {
		switch {
		case c.OK:
		case c.Unknown || !c.Debt:
			return "A ROLLBACK FROM HERE WOULD NOT SUCCEED, OR IT IS NOT KNOWN"
		default:
			left = true
		}
	}
	if left {
		return "A ROLLBACK FROM HERE WOULD NOT SUCCEED: WHAT THE PLAN LEFT OPEN"
	}
	return "A ROLLBACK FROM HERE WOULD SUCCEED"
}

func section(b *strings.Builder, title string, n int, line func(int) string) {
	if n == 0 {
		return
	}
	b.WriteString(title + "\n")
	for i := range n {
		b.WriteString("  " + line(i) + "\n")
	}
}

// String is the diagnosis as text; its first lines say whether users are
// served.
func (d *Diagnosis) String() string {
	if d == nil {
		return "no diagnosis"
	}
	var b strings.Builder
	section(&b, "USERS", len(d.Users), func(i int) string { return d.Users[i].String() })
	fmt.Fprintf(&b, "STACK   %s (%s, %s): %s\n", d.Stack, d.Account, d.Region, d.Situation)
	if d.Advice != "" {
		fmt.Fprintf(&b, "        %s\n", d.Advice)
	}
	section(&b, "STACKS", len(d.Stacks), func(i int) string {
		return strings.Repeat("  ", d.Stacks[i].Depth) + d.Stacks[i].Name + "  " + string(d.Stacks[i].Status)
	})
	b.WriteString(d.Causes.String())
	section(&b, "LOST OUTPUTS", len(d.Lost), func(i int) string { return d.Lost[i].Stack + "." + d.Lost[i].Key })
	if d.Situation != situationStuck && d.Situation != situationBusy { // there it is what the plan is for
		section(&b, "DEBT", len(d.Debt), func(i int) string { return d.Debt[i] })
	}
	section(&b, "THREATS", len(d.Threats), func(i int) string {
		return "repository " + d.Threats[i].Repository + ": " + d.Threats[i].Rule + " will take image " + d.Threats[i].Image
	})
	section(&b, "OTHER IMAGE USERS", len(d.ImageUsers), func(i int) string { return d.ImageUsers[i].String() })
	section(&b, "WHO ELSE OPERATES", len(d.Others), func(i int) string { return d.Others[i].String() })
	section(&b, "LEFT BEHIND", len(d.Leftovers), func(i int) string { return d.Leftovers[i] })
	if !d.Expires.IsZero() {
		fmt.Fprintf(&b, "EVIDENCE  ECS may forget the first stopped task from %s on\n", d.Expires.UTC().Format("2006-01-02 15:04:05 MST"))
	}
	section(&b, "ASSUMED", len(d.Assumed), func(i int) string { return d.Assumed[i] })
	section(&b, "UNKNOWN", len(d.Unknown), func(i int) string { return d.Unknown[i] })
	return b.String()
}

// String is the plan as text.
func (p *Plan) String() string {
	if p == nil {
		return "no plan"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "PLAN    stack %s (%s, %s), direction %s\n", p.Stack, p.Account, p.Region, p.Direction)
	for _, s := range p.Steps {
		fmt.Fprintf(&b, "  %s  %s\n      why     %s\n      risk    %s, at most %s\n", s.ID, s.Subject, s.Why, s.Risk, s.Takes)
		for _, l := range []struct{ k, v string }{{"before", s.Before}, {"after", s.After}, {"like", s.Command}, {"undo", s.Undo}} {
			if l.v != "" {
				fmt.Fprintf(&b, "      %-7s %s\n", l.k, l.v)
			}
		}
	}
	if p.Stop != nil {
		fmt.Fprintf(&b, "STOPS   %s\n", p.Stop)
	}
	section(&b, "LEAVES OPEN", len(p.Debt), func(i int) string { return p.Debt[i] })
	section(&b, "WARNINGS", len(p.Warnings), func(i int) string { return p.Warnings[i] })
	return b.String()
}

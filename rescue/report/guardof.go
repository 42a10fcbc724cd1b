package report

import (
	"slices"
	"strings"

	"github.com/stackrescue/stackrescue/rescue"
)

// GuardOf is what reports of [rescue.Guard] come to, for [Input]. nil reports are
// left out.
func GuardOf(reports ...*rescue.GuardReport) *Guard {
	out := &Guard{}
	for _, r := range reports {
		if r == nil {
			continue
		}
		if out.Account == "" {
			out.Account, out.Region, out.At = r.Account, r.Region, r.At
		}
		s := GuardStack{Stack: r.Stack, Verdict: "ok"}
		for _, c := range r.Unknown() {
			s.Verdict = "unknown"
			s.Unknown = append(s.Unknown, c.String())
		}
		failed := r.Failed()
		for _, c := range failed {
			s.Findings = append(s.Findings, GuardFinding{What: "not so: " + c.What, Proof: c.Detail})
		}
		for _, d := range r.Debt {
			s.Findings = append(s.Findings, GuardFinding{What: "left open: " + d})
		}
		if len(failed) > 0 {
			s.Verdict = "broken"
			// What only a lifecycle rule will take away is still there today.
			if !slices.ContainsFunc(failed, func(c rescue.Check) bool { return !strings.HasPrefix(c.What, "no lifecycle rule") }) {
				s.Verdict = "at-risk"
			}
		}
		out.Stacks = append(out.Stacks, s)
	}
	return out
}

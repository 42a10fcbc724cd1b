package report

import (
	"errors"
	"fmt"
	"strings"

	"github.com/stackrescue/stackrescue/rescue"
)

var directionSays = map[rescue.Direction]string{
	rescue.Serve:   "users are served, the stack stays as it is",
	rescue.Forward: "the new code and schema stay; the stack is unlocked and brought in line",
	rescue.Hold:    "the stack is unlocked, nothing is deployed",
	rescue.Back:    "the old code returns with the images it had; say that it fits the schema",
}

func (t *teller) choices() {
	for _, p := range t.in.Proposals {
		c := choice{Direction: string(p.Direction), What: directionSays[p.Direction], Can: "yes", Proposed: p.Proposed, Refused: say(p.Refused), Next: say(p.Next)}
		switch {
		case p.Plan == nil:
			c.Can = "no"
		case p.Plan.Stop != nil:
			c.Can, c.Refused, c.Next = "in part", say("ends before "+string(p.Plan.Stop.Before)+": "+p.Plan.Stop.Fact), say(p.Plan.Stop.Next)
		}
		if p.Plan != nil {
			c.Takes = "at most " + duration(p.Takes)
		}
		c.Users, c.Data, c.NoReturn, c.Owed = lines(p.Deploys), lines(p.Database), lines(p.Irreversible), lines(p.Debt)
		t.s.Choices = append(t.s.Choices, c)
	}
	if p := t.in.Plan; p != nil {
		t.s.Decision = fmt.Sprintf("Direction %s: %s.", p.Direction, directionSays[p.Direction])
		if p.Stop != nil {
			t.s.Decision += " It ends before " + string(p.Stop.Before) + ": " + say(p.Stop.Fact) + "."
		}
	} else if r := t.in.Report; r != nil {
		t.s.Decision = fmt.Sprintf("Direction %s: %s.", r.Direction, directionSays[r.Direction])
	}
	if t.in.Refused != nil {
		t.s.Refusal = refusalOf(t.in.Refused)
	}
}

func refusalOf(err error) *refusal {
	r := &refusal{Rule: "Nothing irreversible is planned on what is not known or does not hold.", Fact: say(err.Error())}
	if e, ok := errors.AsType[*rescue.Error](err); ok {
		r.Fact, r.Next = say(e.Err.Error()), say(e.Next)
	}
	return r
}

func lines(all []string) []string {
	var out []string
	for _, s := range all {
		out = append(out, say(s))
	}
	return out
}

// owed is what is left to do, from what was done and from what the checks found.
func (t *teller) owed() {
	add := func(o owed) { t.s.Owed = append(t.s.Owed, o) }
	done := map[string]bool{}
	for _, d := range t.s.Steps {
		done[d.ID] = d.Outcome == "done" || d.Outcome == "held"
	}
	if p := t.in.Plan; p != nil && t.s.Kind == ofRescue {
		for _, s := range p.Steps {
			if !done[s.ID] {
				continue
			}
			switch {
			case s.Freeze != nil && s.Freeze.Frozen != nil && s.Freeze.Frozen.Changes():
				f := s.Freeze.Frozen
				add(owed{Title: "Lifecycle rules of " + say(f.Repository.Name) + " are out of force", By: "by " + f.Until.UTC().Format("2 Jan"),
					Why:      "Nothing expires until they are back; put back as they were, they take the needed images. Replace rules by age with rules by count first.",
					Commands: []string{"ecr-guard propose -stack " + shell(t.s.Stack), say(s.Undo)}, DoneWhen: "ecr-guard check is clean"})
			case s.Savepoint != nil:
				add(owed{Title: "The pipeline's template still has what the stack no longer has", By: "before the next deployment",
					Why: fmt.Sprintf("%d images and %d outputs were changed in the stack's template, not in the repository: the next deployment would bring the old ones back.", len(s.Savepoint.Images), len(s.Savepoint.Outputs)), Commands: patchCommands(s.Savepoint.Images), DoneWhen: "the pipeline has succeeded once"})
			case s.Unlock != nil:
				for _, k := range s.Unlock.Skips {
					add(owed{Title: say(k.Name) + " was skipped: it may differ from its template", By: "this week", Why: "A skipped resource is recorded as it was meant to be, not as it is." + impact(k.Impact.String()),
						Commands: []string{"aws cloudformation detect-stack-resource-drift --stack-name " + shell(k.StackName) + " --logical-resource-id " + shell(k.LogicalID)}, DoneWhen: "no drift is reported"})
				}
			case s.Redeploy != nil:
				for _, d := range t.s.Steps {
					if d.ID == s.ID && d.To != "" && strings.Contains(d.To, ":") {
						add(owed{Title: "Revision " + d.To + " belongs to no stack", By: "after the next deployment", Why: "It was registered to get users served.", Commands: []string{"aws ecs deregister-task-definition --task-definition " + shell(d.To)}, DoneWhen: "no task runs it"})
					}
				}
			}
		}
	}
	var debt []string
	switch {
	case t.in.Report != nil:
		debt = t.in.Report.Debt
	case t.in.Plan != nil:
		debt = t.in.Plan.Debt
	case t.d.Situation != "stuck" && t.d.Situation != "in-progress": // there it is what a plan is for
		debt = t.d.Debt
	}
	for _, d := range debt {
		add(owed{Title: say(d)})
	}
	if t.in.Report != nil {
		for _, f := range t.in.Report.Follow {
			add(owed{Title: "The team's own template has to follow", By: "before the next deployment", Why: say(f)})
		}
	}
	for _, c := range t.s.Checks {
		if c.State == "failed" {
			add(owed{Title: c.What + ": does not hold", Why: c.Detail, By: "now"})
		}
	}
}

func impact(s string) string {
	if s == "" {
		return ""
	}
	return " Cost of the skip: " + say(s) + "."
}

func patchCommands(images map[string]string) []string {
	if len(images) == 0 {
		return nil
	}
	c := "patch-images -template app.yaml"
	for _, from := range sortedKeys(images) {
		name := from[strings.LastIndexByte(from, '/')+1:]
		if i := strings.IndexAny(name, ":@"); i > 0 {
			name = name[:i]
		}
		c += " -image " + shell(say(name)+"="+say(images[from]))
	}
	return []string{c + " -diff"}
}

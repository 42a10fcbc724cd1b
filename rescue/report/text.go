package report

import (
	"fmt"
	"io"
	"strings"
)

// TextOptions change [Story.Text]. The zero value is the default.
type TextOptions struct {
	// Width is the terminal's, in columns; 0 does not wrap.
	Width int
	// Verbose adds commands, every event and how often which call was made.
	Verbose bool
}

// Text writes the story as plain text, the result last: that is what is on the
// screen when it ends.
func (s *Story) Text(w io.Writer, o TextOptions) error {
	p := &printing{w: w, width: o.Width}
	if s.Kind == ofGuard {
		s.guardText(p)
		return p.err
	}
	if len(s.Users) > 0 {
		p.title("USERS")
		for _, b := range s.Users {
			for _, i := range b.Intervals {
				p.item(fmt.Sprintf("%s  %s to %s  %s %s", b.Service, s.moment(i.From), s.moment(i.To), strings.ReplaceAll(i.State, "-", " "), duration(i.To.Sub(i.From))))
				if i.Why != "" && o.Verbose {
					p.more(i.Why)
				}
			}
		}
	}
	for _, c := range s.Causes {
		p.title(strings.ToUpper(c.Question))
		p.item(c.Answer)
		for _, l := range c.Proof {
			mark := " "
			if l.Strong {
				mark = ">"
			}
			at := ""
			if !l.At.IsZero() {
				at = clockTime(l.At) + " "
			}
			p.more(mark + " " + at + l.Line)
		}
		if len(c.Proof) > 0 {
			p.more("(" + c.Proof[0].Source + ")")
		}
		for _, m := range c.More {
			p.item(m)
		}
		for _, n := range c.Next {
			p.more("next: " + n)
		}
	}
	if len(s.Stacks) > 0 && s.Kind != ofRescue {
		p.title("STACKS")
		for _, x := range s.Stacks {
			p.item(strings.Repeat("  ", x.Depth) + x.Name + "  " + x.Status)
		}
	}
	if len(s.Choices) > 0 {
		p.title("WAYS OUT")
		for _, c := range s.Choices {
			mark := " "
			if c.Proposed {
				mark = "*"
			}
			p.item(fmt.Sprintf("%s %-8s %-7s %s %s", mark, c.Direction, c.Can, c.What, parens(c.Takes)))
			for _, g := range []struct {
				name string
				all  []string
			}{{"deploys", c.Users}, {"database", c.Data}, {"no way back from", c.NoReturn}, {"leaves open", c.Owed}} {
				for _, x := range g.all {
					p.more("  " + g.name + ": " + x)
				}
			}
			if c.Refused != "" {
				p.more("  because: " + c.Refused)
				if c.Next != "" {
					p.more("  instead: " + c.Next)
				}
			}
		}
	}
	if s.Decision != "" {
		p.title("DECIDED")
		p.item(s.Decision)
	}
	if len(s.Steps) > 0 {
		if s.Kind == ofRescue {
			p.title("DONE")
		} else {
			p.title("PLAN")
		}
		for _, d := range s.Steps {
			switch {
			case d.Began.IsZero():
				p.item(fmt.Sprintf("%s  %s", d.ID, d.Text))
				p.more("why  " + d.Why)
				p.more(fmt.Sprintf("risk %s, at most %s", d.Risk, duration(d.Limit)))
				if o.Verbose && d.Command != "" {
					p.more("like " + d.Command)
				}
				if o.Verbose && d.Undo != "" {
					p.more("undo " + d.Undo)
				}
			default:
				p.item(fmt.Sprintf("%s  %-12s %-6s %s (%s)", clockTime(d.Began), d.ID, d.Outcome, d.Text, duration(d.Took)))
				if d.From != "" || d.To != "" {
					p.more(d.From + " -> " + d.To)
				}
			}
		}
	}
	if len(s.Restored) > 0 {
		p.title("OUTPUTS PUT BACK")
		for _, r := range s.Restored {
			p.item(r.Name + " = " + r.Value)
		}
	}
	if o.Verbose && len(s.Events) > 0 {
		p.title("WHAT HAPPENED, UTC")
		for _, e := range s.Events {
			p.item(strings.TrimSpace(fmt.Sprintf("%s  %s  %s  %s", s.moment(e.At), e.Where, e.What, e.Reason)))
		}
	} else if len(s.Moments) > 0 && s.Kind == ofRescue {
		p.title("WHAT HAPPENED, UTC")
		for _, m := range s.Moments {
			p.item(strings.TrimSpace(s.moment(m.At) + "  " + joinWords(m.Letter, m.Strong, m.Text)))
		}
	}
	if len(s.Checks) > 0 {
		p.title(checksTitle(s.Checks))
		for _, c := range s.Checks {
			if c.State == "ok" && !o.Verbose {
				continue
			}
			p.item(map[string]string{"ok": "[x] ", "failed": "[ ] ", "owed": "[~] ", "unknown": "[?] "}[c.State] + c.What + parens(c.Detail))
		}
		if n := countOK(s.Checks); n > 0 && !o.Verbose {
			p.item(fmt.Sprintf("[x] %s of %s (-v lists them)", counted(n, "check"), fmt.Sprint(len(s.Checks))))
		}
	}
	p.list("OTHER IMAGE USERS", s.ImageUsers)
	p.list("WHO ELSE OPERATES", s.Others)
	p.list("WARNINGS", s.Warnings)
	p.list("NOT KNOWN", s.Unknown)
	if s.Refusal != nil {
		p.title("WHY THERE IS NO PLAN")
		p.item(s.Refusal.Fact)
		if s.Refusal.Next != "" {
			p.more("instead: " + s.Refusal.Next)
		}
	}
	if len(s.Owed) > 0 {
		p.title("STILL OWED")
		for i, x := range s.Owed {
			p.item(fmt.Sprintf("%d. %s%s", i+1, x.Title, dash(x.By)))
			if x.Why != "" {
				p.more(x.Why)
			}
			for _, c := range x.Commands {
				p.more("$ " + c)
			}
		}
	}
	if o.Verbose && len(s.Calls) > 0 {
		p.title("CALLS")
		for _, c := range s.Calls {
			p.item(fmt.Sprintf("%5d  %s", c.Count, c.Action))
		}
	}
	p.list("FIRST", s.First)
	p.line("")
	p.line("RESULT  " + s.Word)
	p.wrapped(fmt.Sprintf("        stack %s (%s, %s)", s.Stack, s.Account, s.Region), "        ")
	p.wrapped("        "+s.Headline, "        ")
	if s.By != "" {
		p.wrapped("        by "+s.By, "        ")
	}
	if s.Kind == ofRescue && !s.Begin.IsZero() {
		p.wrapped(fmt.Sprintf("        %s to %s UTC, %s", s.moment(s.Begin), s.moment(s.End), duration(s.End.Sub(s.Begin))), "        ")
	}
	if s.Evidence != "" {
		p.wrapped("        evidence in "+s.Evidence, "        ")
	}
	return p.err
}

func (s *Story) guardText(p *printing) {
	for _, x := range s.Guard.Stacks {
		until := ""
		if !x.Until.IsZero() {
			until = ", until " + x.Until.UTC().Format("2 Jan 15:04 MST")
		}
		p.title(x.Stack + ": " + strings.ReplaceAll(x.Verdict, "-", " ") + until)
		for _, f := range x.Findings {
			p.item(f.What)
			for _, m := range []string{f.Proof, f.Means} {
				if m != "" {
					p.more(m)
				}
			}
			for _, c := range f.Commands {
				p.more("$ " + c)
			}
		}
		for _, u := range x.Unknown {
			p.item("not known: " + u)
		}
	}
	p.line("")
	p.line("RESULT  " + s.Word)
	p.wrapped("        "+s.Headline, "        ")
}

func checksTitle(all []checkedFact) string {
	if countOK(all) == len(all) {
		return "A ROLLBACK FROM HERE WOULD SUCCEED"
	}
	for _, c := range all {
		if c.State == "failed" || c.State == "unknown" {
			return "A ROLLBACK FROM HERE WOULD NOT SUCCEED, OR IT IS NOT KNOWN"
		}
	}
	return "A ROLLBACK FROM HERE WOULD NOT SUCCEED: WHAT THE PLAN LEFT OPEN"
}

func countOK(all []checkedFact) int {
	n := 0
	for _, c := range all {
		if c.State == "ok" {
			n++
		}
	}
	return n
}

func joinWords(words ...string) string {
	return strings.Join(strings.Fields(strings.Join(words, " ")), " ")
}

func parens(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

func dash(s string) string {
	if s == "" {
		return ""
	}
	return " - " + s
}

// printing writes wrapped lines and keeps the first error.
type printing struct {
	w     io.Writer
	width int
	err   error
}

func (p *printing) line(s string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, s+"\n")
	}
}

func (p *printing) wrapped(s, indent string) {
	for _, l := range wrap(s, indent, p.width) {
		p.line(l)
	}
}

func (p *printing) title(s string) {
	p.line("")
	p.wrapped(s, "  ")
}
func (p *printing) item(s string) { p.wrapped("  "+s, "      ") }
func (p *printing) more(s string) { p.wrapped("      "+s, "        ") }

func (p *printing) list(title string, all []string) {
	if len(all) == 0 {
		return
	}
	p.title(title)
	for _, s := range all {
		p.item(s)
	}
}

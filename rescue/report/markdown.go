package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/stackrescue/stackrescue/internal/neutral"
)

// summaryLimit is what is written at most: GitHub drops a step's summary of more
// than 1 MiB as a whole.
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
const summaryLimit = 900_000

// Markdown writes the story for a pull request, an issue or the summary of a CI
// job. Sections that do not fit are left out from the end, and named.
func (s *Story) Markdown(w io.Writer) error {
	md := neutral.Markdown
	var sections []string
	add := func(format string, a ...any) { sections = append(sections, fmt.Sprintf(format, a...)) }
	name := "Stack " + md(s.Stack)
	if s.Kind == ofGuard {
		name = "Guard"
	}
	add("## %s: %s\n\n**%s**\n\n%s\n\nAccount %s, region %s%s.\n", name, strings.ToLower(s.Word), md(s.Headline), md(s.Lead), md(s.Account), md(s.Region), by(s.By))
	if s.Refusal != nil {
		add("\n### Why there is no plan\n\n%s\n\nInstead: %s\n", neutral.Code(s.Refusal.Fact), md(s.Refusal.Next))
	}
	if len(s.Users) > 0 {
		var b strings.Builder
		b.WriteString("\n### Users\n\n| service | from | to | state |\n|---|---|---|---|\n")
		for _, u := range s.Users {
			for _, i := range u.Intervals {
				fmt.Fprintf(&b, "| %s | %s | %s | %s %s |\n", neutral.Code(u.Service), s.moment(i.From), s.moment(i.To), strings.ReplaceAll(i.State, "-", " "), duration(i.To.Sub(i.From)))
			}
		}
		add("%s", b.String())
	}
	for _, c := range s.Causes {
		var b strings.Builder
		fmt.Fprintf(&b, "\n### %s. %s\n\n%s\n", c.Letter, c.Question, neutral.Code(c.Answer))
		if len(c.Proof) > 0 {
			var lines []string
			for _, p := range c.Proof {
				lines = append(lines, strings.TrimSpace(at(p)+" "+p.Line))
			}
			fmt.Fprintf(&b, "\n%s\n%s\n", neutral.Fence(strings.Join(lines, "\n")), neutral.Code(c.Proof[0].Source))
		}
		for _, m := range c.More {
			b.WriteString("\n- " + neutral.Code(m))
		}
		for _, n := range c.Next {
			b.WriteString("\n- next: " + md(n))
		}
		add("%s\n", b.String())
	}
	if len(s.Choices) > 0 {
		var b strings.Builder
		b.WriteString("\n### Ways out\n\n| direction | possible | what | takes | why not |\n|---|---|---|---|---|\n")
		for _, c := range s.Choices {
			d := c.Direction
			if c.Proposed {
				d = "**" + d + "** (proposed)"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", d, c.Can, md(c.What), md(c.Takes), neutral.Code(strings.TrimSpace(c.Refused+" "+c.Next)))
		}
		add("%s", b.String())
	}
	if s.Decision != "" {
		add("\n### What was decided\n\n%s\n", md(s.Decision))
	}
	if len(s.Steps) > 0 {
		var b strings.Builder
		b.WriteString("\n### Steps\n\n| step | outcome | what | risk | took |\n|---|---|---|---|---|\n")
		for _, d := range s.Steps {
			took := "at most " + duration(d.Limit)
			if !d.Began.IsZero() {
				took = duration(d.Took)
			}
			what := d.Text
			if d.From != "" || d.To != "" {
				what += " (" + d.From + " -> " + d.To + ")"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", md(d.ID), d.Outcome, md(what), d.Risk, took)
		}
		add("%s", b.String())
	}
	if len(s.Checks) > 0 {
		var b strings.Builder
		fmt.Fprintf(&b, "\n### %s\n\n", sentence(checksTitle(s.Checks)))
		for _, c := range s.Checks {
			mark := "- [ ] "
			if c.State == "ok" {
				mark = "- [x] "
			}
			b.WriteString(mark + md(c.What) + parens(md(c.Detail)) + "\n")
		}
		add("%s", b.String())
	}
	if len(s.Owed) > 0 {
		var b strings.Builder
		b.WriteString("\n### Still owed\n\n")
		for i, o := range s.Owed {
			fmt.Fprintf(&b, "%d. **%s**%s %s\n", i+1, md(o.Title), dash(md(o.By)), md(o.Why))
			for _, c := range o.Commands {
				b.WriteString("\n   " + neutral.Code(c) + "\n")
			}
		}
		add("%s", b.String())
	}
	for _, l := range []struct {
		title string
		all   []string
	}{{"Do first", s.First}, {"Other image users", s.ImageUsers}, {"Who else operates", s.Others}, {"Warnings", s.Warnings}, {"Not known", s.Unknown}} {
		if len(l.all) > 0 {
			var b strings.Builder
			fmt.Fprintf(&b, "\n### %s\n\n", l.title)
			for _, x := range l.all {
				b.WriteString("- " + md(x) + "\n")
			}
			add("%s", b.String())
		}
	}
	if s.Guard != nil {
		var b strings.Builder
		b.WriteString("\n| stack | rollback | until | findings |\n|---|---|---|---|\n")
		for _, x := range s.Guard.Stacks {
			until := "–"
			if !x.Until.IsZero() {
				until = x.Until.UTC().Format("2006-01-02 15:04")
			}
			var found []string
			for _, f := range x.Findings {
				found = append(found, md(f.What))
			}
			for _, u := range x.Unknown {
				found = append(found, "not known: "+md(u))
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", neutral.Code(x.Stack), x.Verdict, until, strings.Join(found, "; "))
		}
		add("%s", b.String())
	}
	if len(s.Stacks) > 0 {
		var b strings.Builder
		b.WriteString("\n### Stacks\n\n| stack | status |\n|---|---|\n")
		for _, x := range s.Stacks {
			fmt.Fprintf(&b, "| %s | %s |\n", neutral.Code(x.Name), md(x.Status))
		}
		add("%s", b.String())
	}
	if len(s.Moments) > 0 {
		var b strings.Builder
		b.WriteString("\n### What happened (UTC)\n\n| at | what |\n|---|---|\n")
		for _, m := range s.Moments {
			fmt.Fprintf(&b, "| %s | %s |\n", s.moment(m.At), md(joinWords(m.Letter, m.Strong, m.Text)))
		}
		add("%s", b.String())
	}
	if s.Evidence != "" || s.Program != "" {
		add("\nEvidence: %s. %s\n", neutral.Code(s.Evidence), md(s.Program))
	}
	size, left := 0, 0
	for i, x := range sections {
		if size+len(x) > summaryLimit {
			left = len(sections) - i
			sections = sections[:i]
			break
		}
		size += len(x)
	}
	if left > 0 {
		sections = append(sections, fmt.Sprintf("\n%s left out: more does not fit. The HTML page and the folder of evidence have all of it.\n", counted(left, "section")))
	}
	_, err := io.WriteString(w, strings.Join(sections, ""))
	return err
}

func at(p proof) string {
	if p.At.IsZero() {
		return ""
	}
	return clockTime(p.At)
}

func by(who string) string {
	if who == "" {
		return ""
	}
	return ", by " + neutral.Code(who)
}

func sentence(s string) string { return s[:1] + strings.ToLower(s[1:]) }

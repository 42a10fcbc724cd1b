package rescue

import (
	"fmt"
	"strings"

	"github.com/stackrescue/stackrescue/internal/neutral"
)

// Markdown is the report for a pull request or the summary page of a CI job.
func (r *Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## Stack %s: %s\n\n", neutral.Markdown(r.Stack), r.Result)
	fmt.Fprintf(&b, "Account %s, region %s, direction %s.\n", r.Account, r.Region, r.Direction)
	if r.Error != "" {
		fmt.Fprintf(&b, "\n> %s\n", neutral.Markdown(r.Error))
	}
	list(&b, "Users", len(r.Users), func(i int) string { return neutral.Markdown(r.Users[i].String()) })
	for _, part := range []struct {
		title  string
		causes []Cause
	}{{"Why the update failed", r.Causes.Update}, {"Why ECS could not go back", r.Causes.Service}, {"Why CloudFormation could not go back", r.Causes.Rollback}} {
		list(&b, part.title, len(part.causes), func(i int) string { return neutral.Markdown(part.causes[i].String()) })
	}
	if len(r.Steps) > 0 {
		b.WriteString("\n### Steps\n\n| step | outcome | what |\n|---|---|---|\n")
		for _, s := range r.Steps {
			fmt.Fprintf(&b, "| %s | %s | %s: %s |\n", s.ID, s.Outcome, neutral.Markdown(s.Subject), neutral.Markdown(s.Text))
		}
	}
	if len(r.Stacks) > 0 {
		b.WriteString("\n### Stacks\n\n| stack | status |\n|---|---|\n")
		for _, s := range r.Stacks {
			fmt.Fprintf(&b, "| %s | %s |\n", neutral.Markdown(s.Name), s.Status)
		}
	}
	restored := r.restored()
	list(&b, "Restored outputs", len(restored), func(i int) string {
		return fmt.Sprintf("%s.%s = `%s`", neutral.Markdown(restored[i].Stack), neutral.Markdown(restored[i].Key), restored[i].Value)
	})
	list(&b, "A rollback from here would succeed", len(r.Checks), func(i int) string {
		mark := "[ ] "
		if r.Checks[i].OK {
			mark = "[x] "
		}
		return mark + neutral.Markdown(r.Checks[i].What)
	})
	return b.String()
}

func list(b *strings.Builder, title string, n int, line func(int) string) {
	if n == 0 {
		return
	}
	b.WriteString("\n### " + title + "\n\n")
	for i := range n {
		b.WriteString("- " + line(i) + "\n")
	}
}

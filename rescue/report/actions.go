package report

import (
	"io"
	"strings"
)

// Annotations writes the result as annotations of GitHub Actions: one for the
// result, and one for each cause where it is not over; never more than the ten
// of a kind that are shown.
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
func (s *Story) Annotations(w io.Writer) error {
	kind := map[string]string{"bad": "error", "warn": "warning"}[s.Tone]
	if kind == "" {
		kind = "notice"
	}
	name := "stack " + s.Stack
	if s.Kind == ofGuard {
		name = "guard"
	}
	out := annotation(kind, name+": "+strings.ToLower(s.Word), s.Headline)
	if s.Tone == "bad" {
		for _, c := range s.Causes {
			out += annotation(kind, c.Question, c.Answer)
		}
		if s.Refusal != nil {
			out += annotation(kind, "Why there is no plan", s.Refusal.Fact+": "+s.Refusal.Next)
		}
	}
	if s.Guard != nil {
		n := 0
		for _, x := range s.Guard.Stacks {
			if x.Verdict == "ok" || len(x.Findings) == 0 {
				continue
			}
			if n++; n > 8 {
				out += annotation(kind, "more", "see the summary for the others")
				break
			}
			out += annotation(kind, x.Stack+": "+x.Verdict, x.Findings[0].What)
		}
	}
	_, err := io.WriteString(w, out)
	return err
}

var (
	commandData  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	commandField = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func annotation(kind, title, text string) string {
	return "::" + kind + " title=" + commandField.Replace(say(title)) + "::" + commandData.Replace(say(text)) + "\n"
}

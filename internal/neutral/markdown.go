package neutral

import (
	"regexp"
	"strings"
)

var markdown = strings.NewReplacer(
	`\`, `\\`, "|", `\|`, "`", "\\`", "*", `\*`, "_", `\_`, "~", `\~`, "$", `\$`,
	"&", "&amp;", "<", "&lt;", ">", "&gt;", "[", `\[`, "]", `\]`,
)

// gap is nothing, to a reader: it keeps two characters from being read together.
const gap = "<!-- -->"

var (
	// link is what GitHub makes a link or a mention of without any mark.
	// https://github.github.com/gfm/#autolinks-extension-
	link = regexp.MustCompile(`@(?:sha(?:256|512):)?|#(?:\d)|\bGH-\d|\bwww\\?\.|\B:[a-z0-9+-]+:|mailto:|xmpp:`)
	// block is what begins a list, a heading, a quotation or a rule at the
	// beginning of a line.
	block = regexp.MustCompile(`^(\s*)([-+#=]|\d+[.)])`)
)

// Markdown returns s on one line, so that it is not read as Markdown or HTML and
// nobody is called and nothing is linked.
func Markdown(s string) string {
	s = strings.TrimLeft(markdown.Replace(Line(s)), " ")
	s = link.ReplaceAllStringFunc(s, func(m string) string {
		if strings.HasPrefix(m, "@sha") {
			return m // a digest
		}
		if i := strings.IndexAny(m, "@#-.:"); i >= 0 {
			if m[i] == '.' {
				return m[:i] + gap + m[i:]
			}
			return m[:i+1] + gap + m[i+1:]
		}
		return m
	})
	s = strings.ReplaceAll(s, "://", ":"+gap+"//")
	return block.ReplaceAllStringFunc(s, func(m string) string {
		if c := m[len(m)-1]; c == '.' || c == ')' {
			return m[:len(m)-1] + `\` + string(c)
		}
		return m[:len(m)-1] + `\` + m[len(m)-1:]
	})
}

// Code returns s as an inline piece of code, for identifiers and for what
// somebody else has said.
func Code(s string) string {
	return "<code>" + code.Replace(Line(s)) + "</code>"
}

var code = strings.NewReplacer(
	"&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;", "|", "&#124;", "@", "&#64;", "#", "&#35;", "://", "&#58;//",
	"*", "&#42;", "_", "&#95;", "`", "&#96;", "[", "&#91;", "]", "&#93;", "~", "&#126;", "$", "&#36;", `\`, "&#92;", "!", "&#33;", "www.", "www&#46;",
)

// Fence returns s as a block of code that nothing in it can end.
func Fence(s string) string {
	lines := Lines(s)
	longest, run := 2, 0
	for _, l := range lines {
		run = 0
		for _, c := range l {
			if run++; c != '`' {
				run = 0
			}
			longest = max(longest, run)
		}
	}
	fence := strings.Repeat("`", longest+1)
	return fence + "text\n" + strings.Join(lines, "\n") + "\n" + fence + "\n"
}

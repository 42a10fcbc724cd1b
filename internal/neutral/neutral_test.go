package neutral_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/neutral"
)

func TestLine(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain text, Grüße, 日本":                         "plain text, Grüße, 日本",
		"\x1b[31mred\x1b[0m":                            "red",
		"a\tb\nc\rd\r\ne\vf\fg\u0085h":                  "a b↵c↵d↵e↵f↵g↵h",
		"two\u2028lines\u2029":                          "two↵lines↵",
		"\u202eevil\u200b\ufeff":                        "<U+202E>evil<U+200B><U+FEFF>",
		"bell\a, C1 \u009b31m, \x7f":                    `bell\x07, C1 , \x7f`,
		"\x1b]0;title\apart":                            "part",
		"\x1b]8;;http://evil\x1b\\text\x1b]8;;\x1b\\":   "text",
		"\x1b]52;c;cm0gLXJm":                            "",
		"\x1bPq#0;2;0\x1b\\x":                           "x",
		"\x1b[?1049h\x1b[2J\x1b[Hgone":                  "gone",
		"\x1bc\x1b(0x\x1b#8y":                           "xy",
		"\x1b":                                          "",
		"raw \x9b31m":                                   "raw \ufffd31m",
		"e\u0301 " + "z" + strings.Repeat("\u0300", 20): "e\u0301 z" + strings.Repeat("\u0300", 4),
		"tag \U000e0041":                                "tag <U+E0041>",
		"nb\u00a0sp":                                    "nb sp",
		"::error::x":                                    ": :error::x",
		"  ::add-mask::x":                               "  : :add-mask::x",
		"see ##[error]x":                                "see # #[error]x",
		"AWS::ECS::Service":                             "AWS::ECS::Service",
		"private \ue000":                                "private <U+E000>",
	} {
		require.Equal(t, want, neutral.Line(in), "%q", in)
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"a", ": :error::b", "", "c"}, neutral.Lines("a\r\n::error::b\n\nc\n"))
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a|b <img> `code` [x] \x1b":  "a\\|b &lt;img&gt; \\`code\\` \\[x\\] ",
		"one\ntwo":                   "one↵two",
		"@acme/oncall":               "@<!-- -->acme/oncall",
		"fixes #12, GH-3":            "fixes #<!-- -->12, GH-<!-- -->3",
		"https://evil.test":          "https:<!-- -->//evil.test",
		"www.evil.test":              "www<!-- -->.evil.test",
		":tada:":                     ":<!-- -->tada:",
		"- [x] done":                 `\- \[x\] done`,
		"# heading":                  `\# heading`,
		"1. one":                     `1\. one`,
		"    code":                   "code",
		"--- rule":                   `\--- rule`,
		"> [!CAUTION]":               `&gt; \[!CAUTION\]`,
		"</details><!-- x":           `&lt;/details&gt;&lt;!-- x`,
		"&#64;acme ![](u) $x$ ~~y~~": `&amp;#<!-- -->64;acme !\[\](u) \$x\$ \~\~y\~\~`,
	} {
		require.Equal(t, want, neutral.Markdown(in), "%q", in)
	}
}

func TestFence(t *testing.T) {
	t.Parallel()
	got := neutral.Fence("a\n```\n````x\n::error::\n")
	require.Equal(t, "`````text\na\n```\n````x\n: :error::\n`````\n", got)
}

func TestCode(t *testing.T) {
	t.Parallel()
	got := neutral.Code("</code>`|@x\n#1 https://e")
	require.Equal(t, "<code>&lt;/code&gt;&#96;&#124;&#64;x↵&#35;1 https&#58;//e</code>", got)
}

func TestJSON(t *testing.T) {
	t.Parallel()
	require.JSONEq(t, `{"a":"##[error]"}`, string(neutral.JSON([]byte(`{"a":"##[error]"}`))))
	require.NotContains(t, string(neutral.JSON([]byte(`{"a":"##[error]"}`))), "##[")
}

// Whatever a text is, its line has nothing in it that a terminal, a CI system or
// a reader could be deceived by.
func FuzzLine(f *testing.F) {
	f.Add("\x1b]0;owned\x07\r\n::error::")
	f.Add("##[##[x\u202e::a")
	f.Fuzz(func(t *testing.T, s string) {
		got := neutral.Line(s)
		if i := strings.IndexFunc(got, func(r rune) bool {
			return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'
		}); i >= 0 {
			t.Fatalf("%q at %d of %q", s, i, got)
		}
		if !utf8.ValidString(got) || strings.Contains(got, "##[") || strings.HasPrefix(strings.TrimSpace(got), "::") || strings.Contains(got, " ::") {
			t.Fatalf("%q -> %q", s, got)
		}
		if again := neutral.Line(got); again != got {
			t.Fatalf("%q -> %q -> %q", s, got, again)
		}
	})
}

func FuzzMarkdown(f *testing.F) {
	f.Add("- [x] @a\n# b `c` <d> ![e](f) | www.g.h https://i :j: $k$ 1. l")
	f.Fuzz(func(t *testing.T, s string) {
		got := neutral.Markdown(s)
		bare := strings.ReplaceAll(got, "<!-- -->", "\x00")
		for _, bad := range []string{"<", "\n", "://", "@a"} {
			if strings.Contains(bare, bad) {
				t.Fatalf("%q -> %q", s, got)
			}
		}
		for i := range len(bare) {
			if strings.IndexByte("|`*_[]~$", bare[i]) >= 0 && (i == 0 || bare[i-1] != '\\') {
				t.Fatalf("%q -> %q", s, got)
			}
		}
	})
}

func TestJSONEscapes(t *testing.T) {
	t.Parallel()
	in := "a\u202eb\u0085c\U000e0001d\x1b é"
	b, err := json.Marshal(in)
	require.NoError(t, err)
	got := neutral.JSON(b)
	require.NotContains(t, string(got), "\u202e")
	require.NotContains(t, string(got), "\u0085")
	var out string
	require.NoError(t, json.Unmarshal(got, &out))
	require.Equal(t, in, out)
}

package redact

import (
	"regexp"
	"strings"
)

// scheme is what is before the authority of a URL, in JSON with its slashes
// escaped too.
var scheme = regexp.MustCompile(`:\\?/\\?/`)

// urls hides passwords and tokens in the userinfo of URLs, and the paths of
// webhooks, which are all that is needed to post to them.
func (t *scan) urls() {
	if !strings.Contains(t.s, ":/") && !strings.Contains(t.s, `:\/`) {
		return
	}
	for _, m := range scheme.FindAllStringIndex(t.s, -1) {
		from := m[0]
		for from > 0 && (alphanumeric(t.s[from-1]) || strings.IndexByte("+.-", t.s[from-1]) >= 0) {
			from--
		}
		if from == m[0] {
			continue
		}
		v := t.plain(m[1], func(c byte) bool { return strings.IndexByte(" \t\r\n\"'`<>", c) >= 0 })
		t.userinfo(strings.ToLower(t.s[from:m[1]]), v.span)
	}
	if !gated(t.s, []string{"hook", "telegram", "ifttt", "pagerduty", "victorops", "infura", "hc-ping", "/incoming/", "/integration"}) {
		return
	}
	for _, w := range webhooks {
		for _, m := range w.FindAllStringSubmatchIndex(t.s, -1) {
			t.hide(m[2], m[3])
		}
	}
}

var (
	hostAfter = regexp.MustCompile(`^(?:[A-Za-z0-9_.*-]+|\[[0-9a-fA-F:.]+\]|\$\{?\w+\}?|%\w+)(?::\d{1,5}|:\$\{?\w+\}?)?(?:[/?#,;:)\]}|\\&]|$)`)
	portFirst = regexp.MustCompile(`^\d{1,5}(?:[/?#;,)]|$)`)
)

func alphanumeric(c byte) bool { return letter(c) || digit(c) }

// userinfo hides what is between the first colon and the last @ before the host:
// people put /, # and @ into passwords without encoding them.
func (t *scan) userinfo(scheme string, p span) {
	s := t.s[p.from:p.to]
	authority := s
	if i := strings.IndexAny(s, "/?#\\"); i >= 0 {
		authority = s[:i]
	}
	for at := strings.LastIndexByte(s, '@'); at >= 0; at = strings.LastIndexByte(s[:at], '@') {
		if !hostAfter.MatchString(s[at+1:]) {
			continue
		}
		user, password, found := strings.Cut(s[:at], ":")
		switch {
		case !found && at > len(authority):
			continue // an @ in the path
		case !found:
			t.user(scheme, s[at+1:], user, p.from)
			return
		case strings.ContainsAny(user, "/?#;&\\"):
			continue
		case portFirst.MatchString(password) && at > len(authority), portFirst.MatchString(password) && strings.Contains(password, ";"):
			continue // host:port, and an @ behind it
		}
		if !benign(password) {
			t.hide(p.from+len(user)+1, p.from+at)
		}
		t.user(scheme, s[at+1:], user, p.from)
		return
	}
}

// user hides a token that is given as the name of the user.
func (t *scan) user(scheme, host, user string, from int) {
	if len(user) < 16 || !tokenLike(user) || strings.Contains(host, "sentry") {
		return
	}
	if strings.HasPrefix(scheme, "http") || strings.HasPrefix(scheme, "git") {
		t.hide(from, from+len(user))
	}
}

// webhooks are URLs of which the path is the secret.
var webhooks = []*regexp.Regexp{
	regexp.MustCompile(`\bhooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/([A-Za-z0-9_/+-]{8,})`),
	regexp.MustCompile(`\b(?:discord|discordapp)\.com/api/(?:v\d+/)?webhooks/([\w/-]{8,})`),
	regexp.MustCompile(`\bapi\.telegram\.org/(?:file/)?bot([0-9]+:[A-Za-z0-9_-]+)`),
	regexp.MustCompile(`\b[\w.-]*(?:webhook\.office\.com|outlook\.office(?:365)?\.com)/webhook\w*/([\w@/.-]{8,})`),
	regexp.MustCompile(`\bhooks\.zapier\.com/hooks/catch/([\w/-]{6,})`),
	regexp.MustCompile(`\bhook\.[\w.]*(?:make|integromat)\.com/([\w-]{8,})`),
	regexp.MustCompile(`\bmaker\.ifttt\.com/(?:trigger/[\w-]+/)(?:json/)?with/key/([\w-]{8,})`),
	regexp.MustCompile(`\bevents\.pagerduty\.com/integration/([\w-]{8,})`),
	regexp.MustCompile(`\b[\w.-]+/(?:api/)?(?:v\d+/)?(?:web_?hooks?|hooks|incoming|integrations?/v\d+/(?:json|webhook))/((?:[\w-]+/)*[\w-]*[0-9][\w-]{15,})`),
	regexp.MustCompile(`\bopen\.(?:feishu\.cn|larksuite\.com)/open-apis/bot/v2/hook/([\w-]{8,})`),
	regexp.MustCompile(`\balert\.victorops\.com/integrations/generic/\d+/alert/([\w/-]{8,})`),
	regexp.MustCompile(`\b(?:mainnet|goerli|sepolia|polygon-mainnet)\.infura\.io/v3/(\w{16,})`),
	regexp.MustCompile(`\bhc-ping\.com/([\w-]{16,})`),
}

package redact

import (
	"regexp"
	"regexp/syntax"
	"strings"
)

// shape is the form of a vendor's tokens.
type shape struct {
	// gate are words of which a text has one if the shape can be in it.
	gate    []string
	pattern *regexp.Regexp
	// is is a further condition; nil for none.
	is func(string) bool
}

// prefixed are tokens that begin with letters of their vendor's (its manual; also
// GitHub's list of secret scanning patterns). A name before them is not needed.
// https://docs.github.com/code-security/secret-scanning/introduction/supported-secret-scanning-patterns
var prefixed = []string{
	// AWS: session tokens, Bedrock keys, IMDSv2 tokens, Marketplace
	`IQoJb3JpZ2lu[\w+/%=-]{20,}`, `F[wQ]oGZXIvYXdz[\w+/%=-]{20,}`, `AQoDYXdz[\w+/%=-]{20,}`, `ABSK[A-Za-z0-9+/]{40,}={0,2}`, `bedrock-api-key-[\w+/=-]{20,}`,
	`AQAEA[A-Za-z0-9_-]{30,}={0,2}`, `amzn\.mws\.[0-9a-f-]{36}`, `amzn1\.oa2-cs\.v1\.[0-9a-f]{32,}`,
	// GitHub, GitLab, Bitbucket, Atlassian
	`gh[pousr]_[A-Za-z0-9]{20,}`, `github_pat_\w{20,}`, `gl(?:pat|dt|rtr?|cbt|ptt|ft|soat|imt|agent|oas|ffct|wt)-[\w.=-]{10,}`, `GR1348941[\w-]{20,}`,
	`ATBB[A-Za-z0-9]{20,}`, `AT[AC]TT3xFfG[\w=.-]{20,}`, `BBDC-[A-Za-z0-9+/]{30,}`,
	// chat
	`xox[a-z](?:\.xox[a-z])?-[\w-]{10,}`, `xapp-[\w-]{10,}`, `xwfp-[\w-]{10,}`, `[MNO][A-Za-z\d_-]{23,25}\.[A-Za-z\d_-]{6}\.[A-Za-z\d_-]{27,38}`,
	`\d{8,10}:A[A-Za-z0-9_-]{33,40}`, `EAA[A-Za-z0-9]{60,}`,
	// payments
	`(?:sk|rk)_(?:live|test|prod)_[A-Za-z0-9]{10,}`, `whsec_[A-Za-z0-9+/=]{16,}`, `sq0(?:atp|csp|idp)-[\w-]{20,}`, `EAAA[\w-]{56,}`, `access_token\$(?:production|sandbox)\$[\w$]+`,
	`(?:live|test)_[A-Za-z0-9]{35}`, `shp(?:at|ca|pa|ss|tka|ua|rt)_[0-9a-fA-F]{16,}`, `FLWSECK_?(?:TEST|LIVE)?-[0-9a-fA-F]{12,}[\w-]*`, `rzp_(?:live|test)_[A-Za-z0-9]{14,}`,
	// models
	`sk-(?:proj|svcacct|admin|ant|or|lf)[\w-]{16,}`, `sk-[A-Za-z0-9]{20,}[\w-]*`, `hf_[A-Za-z0-9]{20,}`, `api_org_[A-Za-z0-9]{20,}`, `gsk_[A-Za-z0-9]{20,}`, `xai-[A-Za-z0-9]{20,}`, `pplx-[A-Za-z0-9]{20,}`, `r8_[A-Za-z0-9]{20,}`, `fw_[A-Za-z0-9]{20,}`, `tvly-[\w-]{16,}`, `nvapi-[\w-]{20,}`,
	// Google
	`AIza[\w-]{30,}`, `GOCSPX-[\w-]{20,}`, `ya29\.[\w-]{20,}`, `1//0[\w-]{30,}`, `AAAA[\w-]{7}:APA91[\w-]{60,}`, `GOOG[\w]{10,}[A-Z2-7]{10,}`,
	`[A-Za-z0-9+/]{76}(?:APIM|AzCa|AZEG|\+ABa|\+AMC|\+ASt|AzFu|AzSe|\+ARm)[A-Za-z0-9+/]{4,8}={0,2}`,
	// other clouds and hosts
	`do[oprs]_v1_[0-9a-f]{20,}`, `dapi[0-9a-f]{32}(?:-\d)?`, `dose[0-9a-f]{32}`, `HRKU-[\w-]{20,}`, `LTAI[A-Za-z0-9]{12,24}`, `AKID[A-Za-z0-9]{13,40}`, `pscale_(?:tkn|pw|oauth)_[\w.=-]{16,}`,
	`pul-[0-9a-f]{40}`, `(?:hv[sbr]|b|r)\.[A-Za-z0-9_-]{20,}`, `dp\.(?:pt|st|sa|scim|audit|ct|said)\.[\w.-]{20,}`,
	`nfp_[A-Za-z0-9]{20,}`, `(?:vcp|vercel|vck|vci|vcr|vca)_[A-Za-z0-9]{20,}`, `fm[12]_[\w+/=-]{30,}`, `fo1_[\w-]{30,}`, `rnd_[A-Za-z0-9]{20,}`, `sb[pa]_[0-9a-f]{30,}`, `sb_secret_[\w-]{16,}`, `tskey-[\w-]{16,}`, `CFPAT-[\w-]{20,}`, `v1\.0-[0-9a-f]{24}-[0-9a-f]{60,}`,
	`ops_eyJ[\w+/=-]{20,}`, `A3-[A-Z0-9]{6}-(?:[A-Z0-9]{5,11}-){3,4}[A-Z0-9]{5}`, `AGE-SECRET-KEY-1[0-9A-Z]{30,}`, `dvc_(?:server|client)_\w{20,}`, `exps_[\w-]{16,}`, `eyJrIjoi[\w+/=-]{30,}`,
	// registries
	`npm_[A-Za-z0-9]{20,}`, `pypi-AgE[\w-]{20,}`, `dckr_[op]at_[\w-]{16,}`, `rubygems_[0-9a-f]{30,}`, `cio[A-Za-z0-9]{32}`, `oy2[a-z0-9]{43}`, `AKCp[A-Za-z0-9]{60,}`, `cmVmdGtu[A-Za-z0-9+/=]{50,}`, `quay_[\w-]{20,}`, `NuGet-[\w-]{20,}`, `sgp_(?:[0-9a-f]{16}_)?[0-9a-f]{40}`,
	// observability
	`NR(?:AK|JS|II|IQ|RA)-[A-Z0-9a-z_-]{16,}`, `sntry[su]_[\w+/=-]{20,}`, `gls?[ac]_[A-Za-z0-9+/=_]{20,}`, `glsa_[A-Za-z0-9]{20,}_?[0-9a-f]*`, `ph[xs]_[A-Za-z0-9]{30,}`, `dt0[a-z]\d{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}`, `hcaik_\w{30,}`, `hlxk?_[\w-]{20,}`, `lightstep_\w{20,}`, `ddp_[A-Za-z0-9]{30,}`, `pub[0-9a-f]{32}x?secret`, `u\+[\w-]{18}(?:pagerduty)?`, `pd[ue]\+[\w-]{16,}`, `opsg_[\w-]{20,}`, `rbk_[\w-]{20,}`,
	// mail and messages
	`SG\.[\w-]{16,32}\.[\w-]{30,}`, `key-[0-9a-z]{32}`, `xkeysib-[0-9a-f]{40,}-?\w*`, `xsmtpsib-[0-9a-f]{40,}-?\w*`, `re_[A-Za-z0-9]{8,}_[A-Za-z0-9]{16,}`, `[0-9a-f]{32}-us\d{1,2}`, `SK[0-9a-f]{32}`, `(?:P|S)M-[\w-]{30,}`, `mlsn\.[0-9a-f]{40,}`, `MTA-[\w-]{30,}`,
	// tools
	`lin_(?:api|oauth)_[A-Za-z0-9]{20,}`, `PMA[KT]-[0-9a-fA-F-]{24,}`, `(?:sdk|mob|api)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`, `fig[dorup]{1,2}_[\w-]{20,}`, `secret_[A-Za-z0-9]{40,}`, `ntn_[A-Za-z0-9]{30,}`, `pat[A-Za-z0-9]{14}\.[0-9a-f]{40,}`, `CCIP(?:AT|RJ)_[\w]{16,}`, `bk(?:ua|ct|aj|cu|ps)_?[0-9a-f]{30,}`, `tfp_[\w-]{30,}`, `rdme_[a-z0-9]{40,}`, `sc[wa]_[\w-]{30,}`, `squ_[0-9a-f]{30,}`, `sq[ap]_[0-9a-f]{30,}`, `snyk_(?:uat|sat)\.[\w.-]{20,}`, `jfrog_\w{20,}`, `eyJ2ZXIi[\w.-]{30,}`, `pat-(?:na|eu)\d-[0-9a-f-]{36}`, `cal_(?:live|test)_[\w]{20,}`, `clojars_[0-9a-z]{50,}`, `sm_(?:live|at|sat)\w{16,}`, `apify_api_[A-Za-z0-9]{20,}`, `ion_[A-Za-z0-9]{30,}`, `waka_[0-9a-f-]{36}`, `cfut_[A-Za-z0-9]{20,}`, `infracost?_?ico-[A-Za-z0-9]{30,}`, `ico-[A-Za-z0-9]{32}`, `prefect?_?pn[ub]_[A-Za-z0-9]{30,}`, `pn[ub]_[A-Za-z0-9]{36}`, `acctp?_[a-z0-9]{40,}`, `doo_v1_[0-9a-f]{40,}`, `nfc_[A-Za-z0-9]{20,}`, `pa-[A-Za-z0-9_-]{40,}`,
}

// hashes are of passwords: they can be guessed from.
var hashes = []string{
	`\$2[abxy]?\$\d{2}\$[./A-Za-z0-9]{53}`, `\$argon2(?:id|i|d)\$[^\s"'<>;]{10,}`, `\$(?:apr1|1|5|6|7|y|gy|sha1|md5)\$[^\s"'<>,;:()]{6,}`,
	`\{S?SHA(?:256|384|512)?\}[A-Za-z0-9+/=]{20,}`, `\{SMD5\}[A-Za-z0-9+/=]{20,}`, `SCRAM-SHA-(?:1|256)\$[^\s"'<>,;]{10,}`, `pbkdf2_sha\d+\$[^\s"'<>,;]{10,}`, `pbkdf2:sha\d+:\d+\$[^\s"'<>,;]{10,}`, `scrypt:\d+:\d+:\d+\$[^\s"'<>,;]{10,}`, `bcrypt_sha256\$[^\s"'<>,;]{10,}`, `\$scrypt\$[^\s"'<>,;]{10,}`, `\$pbkdf2[\w-]*\$[^\s"'<>,;]{10,}`,
}

// vendor is one of the prefixed shapes.
type vendor struct {
	// prefix is what every match begins with; it may be "".
	prefix  string
	pattern *regexp.Regexp
}

// vendors are the prefixed shapes, each tried where a word begins that its first
// byte may begin.
var vendors = func() (index [128][]vendor) {
	for _, p := range prefixed {
		prefix, _ := regexp.MustCompile(p).LiteralPrefix()
		v := vendor{prefix, regexp.MustCompile(`^(?:` + p + `)`)}
		for c := range index {
			if mayBegin(p, byte(c)) {
				index[c] = append(index[c], v)
			}
		}
	}
	return index
}()

// vendorBytes are those that one of the prefixed shapes has: none goes on past
// another byte. An expression is tried on no more than such a run, because what
// trying costs grows with all that follows.
var vendorBytes = func() (may [256]bool) {
	for _, p := range prefixed {
		prog := program(p)
		if prog == nil {
			continue
		}
		for _, i := range prog.Inst {
			switch i.Op {
			case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
				for c := range may {
					may[c] = may[c] || c >= 0x80 || i.MatchRune(rune(c))
				}
			}
		}
	}
	return may
}()

// program is the program of a pattern; nil for one that is no expression, which does
// not compile as one either.
func program(pattern string) *syntax.Prog {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil
	}
	return prog
}

// mayBegin reports whether a match of the pattern may begin with c.
func mayBegin(pattern string, c byte) bool {
	prog := program(pattern)
	if prog == nil {
		return true
	}
	seen := make([]bool, len(prog.Inst))
	var from func(pc uint32) bool
	from = func(pc uint32) bool {
		if seen[pc] {
			return false
		}
		seen[pc] = true
		switch i := &prog.Inst[pc]; i.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			return from(i.Out) || from(i.Arg)
		case syntax.InstCapture, syntax.InstNop, syntax.InstEmptyWidth:
			return from(i.Out)
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			return i.MatchRune(rune(c))
		}
		return false
	}
	return from(uint32(prog.Start))
}

var shapes = []shape{
	{gate: []string{"AKIA", "ASIA", "ABIA", "ACCA", "A3T"}, pattern: regexp.MustCompile(`(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}`), is: accessKey},
	{gate: []string{"AKIA"}, pattern: regexp.MustCompile(`AKIA[A-Z0-9]{16}`), is: accessKey},
	// JWS and JWE (RFC 7519): base64url of {"…
	{gate: []string{"eyJ", "eyK"}, pattern: regexp.MustCompile(`ey[JK][A-Za-z0-9_-]{8,}(?:\.|%2E)[A-Za-z0-9_-]{8,}(?:(?:\.|%2E)[A-Za-z0-9_-]*){0,3}`)},
	// base64 of a JSON object, such as ECR's password for docker login
	{gate: []string{"eyJ"}, pattern: regexp.MustCompile(`eyJ[A-Za-z0-9+/_-]{60,}={0,2}`)},
	{gate: []string{"$", "SHA", "{SMD5}", "pbkdf2:", "scrypt:"}, pattern: regexp.MustCompile(strings.Join(hashes, "|"))},
	// Django's generator says that it is not safe, and people use it
	{gate: []string{"django-insecure-"}, pattern: regexp.MustCompile(`django-insecure-[^\s"']{20,}`)},
	// tokens that have what tells them in the middle or at the end
	{gate: []string{"Q~"}, pattern: regexp.MustCompile(`[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{30,36}`)},
	{gate: []string{".atlasv1."}, pattern: regexp.MustCompile(`[A-Za-z0-9]{14}\.atlasv1\.[\w-]{30,}`)},
	{gate: []string{"NRAL"}, pattern: regexp.MustCompile(`[0-9a-f]{30,36}NRAL`)},
	{gate: []string{"APIM", "AzCa", "AZEG", "+ABa", "+AMC", "+ASt", "AzFu", "AzSe", "+ARm"}, pattern: regexp.MustCompile(`[A-Za-z0-9+/]{76}(?:APIM|AzCa|AZEG|\+ABa|\+AMC|\+ASt|AzFu|AzSe|\+ARm)[A-Za-z0-9+/]{4,8}={0,2}`)},
}

// shapes hides what a vendor's prefix gives away.
func (t *scan) shapes() {
	s, run := t.s, 0
	for i := 0; i < len(s); {
		if !t.begins(i) || s[i] >= 0x80 {
			i++
			continue
		}
		end := i + 1
		if i >= run {
			for run = i; run < len(s) && vendorBytes[s[run]]; run++ {
			}
		}
		for _, v := range vendors[s[i]] {
			if !strings.HasPrefix(s[i:run], v.prefix) {
				continue
			}
			if m := v.pattern.FindStringIndex(s[i:run]); m != nil && vendorToken(s[i:i+m[1]]) && !t.keeps(i) {
				t.hide(i, i+m[1])
				end = max(end, i+m[1])
			}
		}
		i = end
	}
	for _, sh := range shapes {
		if !gated(s, sh.gate) {
			continue
		}
		for _, m := range sh.pattern.FindAllStringIndex(s, -1) {
			if t.begins(m[0]) && !t.keeps(m[0]) && (sh.is == nil || sh.is(s[m[0]:m[1]])) {
				t.hide(m[0], m[1])
			}
		}
	}
}

// gated reports whether a text has one of some words, without which it is not
// worth looking.
func gated(s string, words []string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return len(words) == 0
}

// begins reports whether a word may begin at i: no letter is before it, or one
// of an escape such as \n or %3D.
func (t *scan) begins(i int) bool {
	if i == 0 || !letter(t.s[i-1]) && !digit(t.s[i-1]) {
		return true
	}
	return i >= 2 && t.s[i-2] == '\\' && (t.s[i-1] == 'n' || t.s[i-1] == 'r' || t.s[i-1] == 't') ||
		i >= 3 && t.s[i-3] == '%'
}

// accessKey tells a key id from a word of capitals, such as
// ASIAPACIFICSOUTHEAST.
func accessKey(s string) bool {
	if strings.ContainsAny(s[4:], "0123456789") {
		return true
	}
	run := 0
	for i := 4; i < len(s); i++ {
		if run++; strings.IndexByte("AEIOUY", s[i]) >= 0 {
			run = 0
		}
		if run == 4 {
			return true
		}
	}
	return false
}

// vendorToken asks for a digit or letters of both cases: some prefixes are the
// beginnings of words.
func vendorToken(s string) bool {
	return strings.ContainsAny(s, "0123456789") || s != strings.ToLower(s) && s != strings.ToUpper(s)
}

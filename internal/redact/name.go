package redact

import (
	"slices"
	"strings"
)

// strength is how sure a name makes it that its value is a secret.
type strength int

const (
	none strength = iota
	// weak names are shared with values that are none: a key, a session, a code.
	// Their values are secrets where they look like tokens.
	weak
	// strong names leave no doubt, but for prose and references.
	strong
)

var (
	// passwords name a secret wherever they are in a name.
	passwords = words("password passwd pwd pw passphrase passcode passwort kennwort senha contrasena contraseña pass motdepasse userpassword dbpass secret secrets credential credentials creds cred")
	// tokens do so where they come last.
	tokens = words("token jwt bearer apikey accesskey secretkey privatekey signingkey encryptionkey masterkey licensekey accountkey authkey sharedkey appkey sasl otp totp mfa pat sas license hmac authorization cookie cookies cryptkey rootkey userkey writekey adminkey deploykey servicekey apitoken authtoken accesstoken refreshtoken sessiontoken idtoken csrftoken xsrftoken")
	// hints need a value that looks like a token.
	hints = words("key auth session sid sessid sessionid phpsessid jsessionid signature sig code pin salt seed nonce pepper webhook digestauth sso assertion ticket keys xsrf csrf")
	// glued are the ends of names that are written in one word.
	glued = []string{"password", "passwd", "passphrase", "passwort", "kennwort", "secret", "apikey", "secretkey", "privatekey", "accesskey", "authtoken", "accesstoken", "refreshtoken", "sessiontoken", "credentials", "masterkey", "encryptionkey", "authkey"}
	// about are last words of names that say something about a secret.
	about = words("arn arns id ids name names file files path paths url urls uri uris endpoint host port region version versions type types kind class length len size count limit max min " +
		"ttl expires expiry expiration expire age at date time timeout duration rotation rotate enabled enable disabled required optional allowed policy policies encryption hashing algorithm alg issuer audience " +
		"user username users owner provider providers manager service error errors exception status state reason message field header prefix suffix env environment var variable variables " +
		"mode method format store storage backend role source ref reference from to in out updated created changed reset validator validation rules rule strength attempts retries stdin prompt file_ " +
		"java py go rb js ts kt cs php c h cpp rs scala yml yaml json sql txt conf cfg html log sh vue tsx jsx xml toml ini properties " +
		"not match does mismatch missing invalid resource resources plugin driver extension handler controller filter middleware module helper util utils factory client server lambda function bucket table column index group " +
		"descriptor description label title hint question strategy scheme schemes scope scopes arn_ rotated deleted replaced exists set lookup request requests response responses")
	// public qualify a key, or another hint, as none that opens anything.
	public = words("public pub primary partition sort foreign cache row index unique routing shard range object s3 bucket config map registry lookup group field column dict kms tag composite natural path order search event message msg dedup deduplication idempotency resource translation i18n feature flag known host next page pagination continuation client request start last exclusive hot arrow shortcut function tab escape press alias sns sqs dynamo dynamodb hk pk sk gsi lsi status error exit return response http zip postal country currency language lang region area source product coupon promo git commit content file etag sha sha1 sha256 md5 checksum tree block image build cdk asset template")
	// trailing may follow the word that names a secret.
	trailing = words("value values string plain plaintext text raw data base b64 base64 encoded hex pem prod production dev development test testing stage staging live sandbox old new current previous prev next primary secondary backup default main master replica rw ro admin root read write app db database api internal external bedrock override")
)

func words(s string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(s) {
		out[w] = true
	}
	return out
}

func nameStrength(name string) strength {
	parts := split(name)
	if len(parts) == 0 || len(name) > 200 {
		return none
	}
	for len(parts) > 1 && (isDigits(parts[len(parts)-1]) || versionWord(parts[len(parts)-1])) {
		parts = parts[:len(parts)-1]
	}
	last := parts[len(parts)-1]
	if about[last] && len(parts) > 1 {
		return none
	}
	if slices.ContainsFunc(parts, func(p string) bool { return passwords[p] || gluedSecret(p) }) {
		if parts[0] == "secretsmanager" {
			return none
		}
		return strong
	}
	// The word that names the secret is the last one, but for what may trail it.
	core := parts
	for len(core) > 1 && trailing[core[len(core)-1]] {
		core = core[:len(core)-1]
	}
	last = core[len(core)-1]
	before := core[:len(core)-1]
	switch {
	case idempotent(parts):
		return none
	case tokens[last]:
		if slices.ContainsFunc(before, func(p string) bool { return p == "next" || p == "page" || p == "continuation" || p == "pagination" }) {
			return none
		}
		return strong
	case hints[last]:
		if slices.ContainsFunc(before, func(p string) bool { return public[p] }) {
			return none
		}
		if last == "key" && slices.ContainsFunc(before, func(p string) bool { return keyWords[p] }) {
			return strong
		}
		return weak
	}
	return none
}

// keyWords make a key one that opens something.
var keyWords = words("secret api access private signing sign encryption encrypt decryption master license licence account storage auth session crypto cipher aes rsa hmac fernet jwt token preshared psk wep wpa shared admin service integration ingest ingestion subscription functions consumer app application stripe datadog dd")

// idempotent names are of tokens that make a request repeatable; they open
// nothing, and tell who did it.
func idempotent(parts []string) bool {
	n := len(parts)
	return n > 1 && (parts[n-1] == "token" || parts[n-1] == "key") &&
		(parts[n-2] == "request" || parts[n-2] == "client" || parts[n-2] == "idempotency")
}

func gluedSecret(p string) bool {
	if strings.HasPrefix(p, "secretsmanager") || strings.HasPrefix(p, "nopassword") || strings.HasPrefix(p, "passwordless") {
		return false
	}
	for _, g := range glued {
		if strings.HasSuffix(p, g) {
			return true
		}
	}
	return len(p) > 3 && strings.HasSuffix(p, "pwd") || strings.HasPrefix(p, "password") && !strings.HasPrefix(p, "passworda") // passwordauthentication
}

func versionWord(p string) bool { return len(p) > 1 && p[0] == 'v' && isDigits(p[1:]) }

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// split is a name's words in lower case: at separators, at changes from lower
// to upper case, and at the last capital of several.
func split(name string) []string {
	var out []string
	start := 0
	flush := func(end int) {
		if end > start {
			out = append(out, strings.ToLower(name[start:end]))
		}
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case !letter(c) && (c < '0' || c > '9') && c < 0x80:
			flush(i)
			start = i + 1
		case i > start && upper(c) && (lower(name[i-1]) || digit(name[i-1])),
			i > start && upper(c) && upper(name[i-1]) && i+1 < len(name) && lower(name[i+1]),
			i > start && digit(c) && letter(name[i-1]) && digitsToEnd(name, i):
			flush(i)
			start = i
		}
	}
	flush(len(name))
	return out
}

// digitsToEnd reports whether only digits follow up to the end of a word.
func digitsToEnd(s string, i int) bool {
	for i < len(s) && digit(s[i]) {
		i++
	}
	return i == len(s) || !letter(s[i])
}

func upper(c byte) bool  { return c >= 'A' && c <= 'Z' }
func lower(c byte) bool  { return c >= 'a' && c <= 'z' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }
func letter(c byte) bool { return upper(c) || lower(c) }

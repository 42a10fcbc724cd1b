package redact_test

import (
	"strings"
	"testing"

	"github.com/stackrescue/stackrescue/internal/redact"
)

// TestSecretsOfPrograms has secrets in places that programs and code give them, § for
// the secret, and behind ¦ what must stay.
func TestSecretsOfPrograms(t *testing.T) {
	t.Parallel()
	for _, c := range []string{
		"AUTH §", "AUTH default §", "auth app §\n+OK", "redis> AUTH §", "127.0.0.1:6379> AUTH §", `1700000000.1 [0 10.0.0.7:4242] "AUTH" "§"`, `1700000000.1 [0 10.0.0.7:4242] "AUTH" "app" "§"`,
		"HELLO 3 AUTH app §", "*2\r\n$4\r\nAUTH\r\n$11\r\n§\r\n", "CONFIG SET requirepass §", "requirepass §", "masterauth \"§\"", "ACL SETUSER app on >§ ~* ¦ ACL SETUSER app on",
		`setPassword("§") ¦ setPassword`, `user.setPassword('§'); ¦ user.setPassword`, `dataSource.setDbPassword("§")`, `.withPassword("§")`, "cfg.SetToken(`§`)", `log: {"msg":"calling setPassword(\"§\")"}`, `new Client().password("§")`, `set_password("§")`, `.apiKey("§")`,
		"app/§@//db.internal:1521/ORCL ¦ db.internal:1521/ORCL", "connect app/§@//db.internal/ORCL ¦ db.internal/ORCL", "DSN=app/§@//10.0.0.7:1521/ORCL", "scott/§@tcps://db.internal:2484/x ¦ db.internal:2484/x", `oracle: "app/§@//db:1521/x"`,
		"PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\n§\nPrivate-MAC: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef ¦ PuTTY-User-Key-File-3: ssh-ed25519",
		"Private-Lines: 2\r\nAAAAIFzShort\r\n§=\r\nPrivate-MAC: 00", `"Private-Lines: 1\n§\nPrivate-MAC: x"`,
		"echo § | docker login --username AWS --password-stdin x.dkr.ecr.eu-west-1.amazonaws.com ¦ docker login --username AWS --password-stdin x.dkr.ecr", "+ echo '§' | docker login -u app --password-stdin", `printf '%s' "§" | helm registry login --password-stdin h`,
		"echo -n § | podman login --password-stdin h", "docker login --password-stdin <<< '§'", "echo § | gh auth login --with-token", "echo app:§ | chpasswd", "echo \"§\" | sudo -S true", "printf %s § | openssl enc -pass stdin",
	} {
		text, stays, _ := strings.Cut(c, " ¦ ")
		for _, secret := range []string{"Zt4-lantern_77", "Zt4lantern77"} {
			if strings.Contains(c, "Private-") || strings.Contains(c, "$11") {
				secret = "Zt4lantern77"
			}
			in := strings.ReplaceAll(text, "§", secret)
			got := redact.Text(in)
			if strings.Contains(got, "lantern") || !strings.Contains(got, stays) {
				t.Errorf("%q\n-> %q", in, got)
			}
			if again := redact.Text(got); again != got {
				t.Errorf("not idempotent: %q -> %q", got, again)
			}
		}
	}
	if got := redact.Text("Private-MAC: 0123456789abcdef0123456789abcdef01234567"); strings.Contains(got, "89abcdef") {
		t.Error(got)
	}
}

// TestProgramsThatStay has texts that look like those and have no secret.
func TestProgramsThatStay(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"redis: AUTH failed", "ERR Client sent AUTH, but no password is set", "AUTH required", "NOAUTH Authentication required.", "auth is required", "auth service started", "AUTH_ENABLED=true",
		`getSecret("prod/db")`, `client.getSecretValue("prod/db/password")`, `getToken()`, `setPassword(password)`, `setPassword(null)`, "at com.acme.User.setPassword(User.java:88)",
		"echo $PASSWORD | docker login --password-stdin x", "echo \"${TOKEN}\" | gh auth login --with-token", "cat key | docker login --password-stdin", "aws ecr get-login-password | docker login --username AWS --password-stdin x.dkr.ecr.eu-west-1.amazonaws.com",
		"GET https://registry.internal/@acme/shop", "see docs/a@//b", "Public-Lines: 2", "requirepass is not set",
	} {
		if got := redact.Text(s); got != s {
			t.Errorf("%q\n-> %q", s, got)
		}
	}
}

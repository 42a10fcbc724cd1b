package redact_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/redact"
)

// notations are how programs, shells, languages and services write a secret; §
// is the secret, and what is behind ¦ must stay.
var notations = []string{
	// connection strings
	"dial postgresql://app:§@db.internal:5432/shop failed ¦ db.internal:5432/shop failed",
	"redis://:§@cache.internal:6379/0 ¦ cache.internal:6379/0",
	"DATABASE_URL=mysql2://app:§@db.internal/shop?pool=5 ¦ db.internal/shop?pool=5",
	"mongodb+srv://app:§@c0.ab1cd.mongodb.net/shop?retryWrites=true ¦ c0.ab1cd.mongodb.net/shop?retryWrites=true",
	"mongodb://app:§@a.internal:27017,b.internal:27017/shop?replicaSet=rs0 ¦ b.internal:27017/shop",
	"amqps://worker:§@mq.internal/%2F ¦ mq.internal/%2F",
	"clickhouse://default:§@ch.internal:9000/x ¦ ch.internal:9000/x",
	"nats://svc:§@nats.internal:4222 ¦ nats.internal:4222",
	"ftp://sync:§@files.internal/in ¦ files.internal/in",
	"sqlserver://sa:§@db.internal?database=shop ¦ db.internal?database=shop",
	"cockroachdb://root:§@[2001:db8::1]:26257/shop ¦ :26257/shop",
	"app:§@tcp(db.internal:3306)/shop?parseTime=true ¦ tcp(db.internal:3306)/shop?parseTime=true",
	"app:§@/shop?parseTime=true ¦ /shop?parseTime=true",
	"jdbc:oracle:thin:app/§@//db.internal:1521/ORCL ¦ db.internal:1521/ORCL",
	"sqlplus app/§@db.internal/ORCL ¦ db.internal/ORCL",
	"jdbc:mysql://db.internal/shop?user=app&password=§&useSSL=true ¦ &useSSL=true",
	"Server=tcp:db.internal,1433;Initial Catalog=shop;User ID=app;Password=§;Encrypt=True; ¦ Encrypt=True",
	"Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=root;SharedAccessKey=§;EntityPath=q ¦ EntityPath=q",
	"host=db user=app password=§ dbname=shop ¦ dbname=shop",
	"connecting with app:§@db.internal:5432 ¦ db.internal:5432",
	"http_proxy=http://corp:§@proxy.internal:3128 ¦ proxy.internal:3128",
	"fatal: unable to access 'https://oauth2:§@git.internal/a/b.git/' ¦ git.internal/a/b.git",
	`{"url":"postgres:\/\/app:§@db.internal\/shop"} ¦ db.internal`,
	// environments, shells, flags
	"DB_PASSWORD=§ ¦ DB_PASSWORD",
	"export PGPASSWORD='§' ¦ export PGPASSWORD",
	"PGPASSWORD=§ psql -h db.internal ¦ psql -h db.internal",
	"+ MYSQL_PWD=§ mysqldump shop ¦ mysqldump shop",
	"set SECRET_TOKEN=§ ¦ set SECRET_TOKEN",
	"ENV API_TOKEN §",
	"SPRING_DATASOURCE_PASSWORD=§ ¦ SPRING_DATASOURCE_PASSWORD",
	"DB_PASSWORD_PROD=§",
	"DB_PASSWORD2=§",
	"SMTP_PASS=§",
	"REDIS_AUTH_TOKEN=§",
	"--db-password §  --port 8080 ¦ --port 8080",
	"--db-password=§ --port=8080 ¦ --port=8080",
	"-Dspring.datasource.password=§ -jar app.jar ¦ -jar app.jar",
	`["server","--api-token","§","--port"] ¦ --port`,
	`['server', '--password', '§', '--port'] ¦ --port`,
	"docker run -e DB_PASSWORD=§ shop:v1 ¦ shop:v1",
	"docker login -u AWS -p § 123456789012.dkr.ecr.eu-west-1.amazonaws.com ¦ dkr.ecr.eu-west-1",
	"mysql -h db -uapp -p§ shop ¦ -h db",
	"sshpass -p '§' ssh x@y ¦ ssh x@y",
	"redis-cli -h cache -a § ping ¦ ping",
	"curl -sS -u deploy:§ https://ci.internal ¦ https://ci.internal",
	"curl --user deploy:§ https://ci.internal ¦ https://ci.internal",
	"ldapsearch -x -D cn=admin -w § -b dc=x ¦ -b dc=x",
	"sqlcmd -S db -U sa -P § -Q 'select 1' ¦ select 1",
	"openssl pkcs12 -passin pass:§ -in x.p12 ¦ -in x.p12",
	"aws configure set aws_secret_access_key §",
	"machine files.internal login sync password §",
	"db.internal:5432:shop:app:§",
	// data formats
	`{"password":"§","host":"db"} ¦ "host":"db"`,
	`{"password" : "§" , "host":"db"} ¦ "host":"db"`,
	`{"log":"{\"password\":\"§\",\"host\":\"db\"}"} ¦ \"host\":\"db\"`,
	`{"log":"{\\\"password\\\":\\\"§\\\",\\\"host\\\":\\\"db\\\"}"} ¦ host`,
	`{"msg":"login with password=§\nnext line","level":"info"} ¦ "level":"info"`,
	`{'password': '§', 'host': 'db'} ¦ 'host': 'db'`,
	`{'password': b'§', 'host': 'db'} ¦ 'host': 'db'`,
	`{"password"=>"§", "host"=>"db"} ¦ "host"=>"db"`,
	`{:password=>"§", :host=>"db"} ¦ :host=>"db"`,
	`%{password: "§", host: "db"} ¦ host: "db"`,
	"[password] => §\n[host] => db ¦ [host] => db",
	"[\"password\"]=>\n  string(14) \"§\"\n  [\"host\"]=> ¦ [\"host\"]",
	"{Host:db Password:§ Port:1} ¦ Port:1",
	`&main.Config{Host:"db", Password:"§", Port:1} ¦ Port:1`,
	"Config(host=db, password=§, port=1) ¦ port=1",
	`Config { host: "db", password: Some("§"), port: 1 } ¦ port: 1`,
	"  password: §\n  host: db ¦ host: db",
	"password: \"§\" # rotated ¦ # rotated",
	"password: |\n  §\nhost: db ¦ host: db",
	"{password: §, host: db} ¦ host: db",
	"password = \"§\"\nhost = \"db\" ¦ host = \"db\"",
	"aws_session_token = §",
	"~ password = \"x9-before\" -> \"§\"",
	"<password>§</password><host>db</host> ¦ <host>db</host>",
	"<ns:password>§</ns:password> ¦ </ns:password>",
	`<add key="ApiPassword" value="§" /> ¦ ApiPassword`,
	`<property name="hibernate.connection.password" value="§"/> ¦ hibernate`,
	`<entry value="§" key="DB_PASSWORD"/> ¦ DB_PASSWORD`,
	`level=error password="§" host=db ¦ host=db`,
	`&quot;password&quot;:&quot;§&quot;,&quot;host&quot;:1 ¦ host`,
	`\u0022password\u0022:\u0022§\u0022,\u0022host\u0022:1 ¦ host`,
	"%22password%22%3A%22§%22%2C%22host%22 ¦ host",
	"| password | § | x |",
	"password\t§\thost",
	"the password is §.",
	`Content-Disposition: form-data; name="password"` + "\r\n\r\n§\r\n--b1",
	// SQL
	"CREATE USER app WITH PASSWORD '§' CREATEDB ¦ CREATEDB",
	"ALTER ROLE app ENCRYPTED PASSWORD '§'; ¦ ALTER ROLE app",
	"CREATE USER 'app'@'%' IDENTIFIED BY '§' REQUIRE SSL ¦ REQUIRE SSL",
	"IDENTIFIED WITH mysql_native_password BY '§' ¦ IDENTIFIED",
	"SET PASSWORD FOR app = '§'",
	// names and values
	`{"name":"DB_PASSWORD","value":"§"},{"name":"PORT","value":"8080"} ¦ "value":"8080"`,
	`{"value":"§","name":"DB_PASSWORD"},{"value":"8080","name":"PORT"} ¦ "value":"8080"`,
	`{"Name":"API_TOKEN","Value":"§","Type":"PLAINTEXT"} ¦ PLAINTEXT`,
	`{\"name\":\"DB_PASSWORD\",\"value\":\"§\"} ¦ DB_PASSWORD`,
	"- Name: DB_PASSWORD\n  Value: §\n- Name: PORT\n  Value: \"8080\" ¦ \"8080\"",
	"- Value: §\n  Name: DB_PASSWORD\n- Value: \"8080\"\n  Name: PORT ¦ \"8080\"",
	"ParameterKey=DbPassword,ParameterValue=§ ParameterKey=Tag,ParameterValue=v42 ¦ ParameterValue=v42",
	`{"ParameterKey":"DbPassword","ParameterValue":"§"} ¦ DbPassword`,
	"{Name: DB_PASSWORD, Value: §}",
	`{ Name: "DB_PASSWORD", Value: "§" } ¦ DB_PASSWORD`,
	`KeyValuePair(name=DB_PASSWORD, value=§) ¦ DB_PASSWORD`,
	`"AdminPw":{"NoEcho":"true","Type":"String","Default":"§"} ¦ NoEcho`,
	"DbPw:\n  Type: String\n  NoEcho: true\n  Default: §\nTag:\n  Default: v42 ¦ Default: v42",
	"Parameters:\n  AdminPassword: {Type: String, Default: §}\n  Tag: {Default: v42} ¦ Default: v42",
	"Parameters:\n  AdminPassword:\n    Type: String\n    Default: §\n  Tag:\n    Default: v42 ¦ Default: v42",
	`"ClientSecret":{"Description":"x","Value":"§"},"Tag":{"Value":"v42"} ¦ "Value":"v42"`,
	`{"Name":"/prod/x","Type":"SecureString","Value":"§"} ¦ /prod/x`,
	`{"SecretString":"§","Name":"prod/x"} ¦ prod/x`,
	`{"SecretString":"{\"username\":\"app\",\"password\":\"§\"}"} ¦ SecretString`,
	`"MasterUserPassword":"§","Engine":"postgres" ¦ postgres`,
	// headers
	"Authorization: Bearer §a1b2c3d4e5 ¦ Authorization",
	"authorization: Basic YXBwOl§3MQ== ¦ authorization",
	"> Authorization: token §xyz",
	"X-Api-Key: §",
	"x-amz-security-token: §",
	"X-Vault-Token: §",
	"X-aws-ec2-metadata-token: §",
	"Cookie: theme=§; session=§ ¦ Cookie",
	"Set-Cookie: sid=§; Path=/; Secure ¦ Path=/; Secure",
	`headers={"Authorization": "Bearer §12345678", "Host": "x"} ¦ "Host": "x"`,
	"map[Authorization:[Bearer §12345678] Host:[x]] ¦ Host:[x]",
	`-H "X-Auth-Token: §" https://x.internal ¦ https://x.internal`,
	"GET /cb?code=§abcdef&state=1 ¦ state=1",
	"GET /x?access_token=§&y=1 ¦ y=1",
	"otpauth://totp/x?secret=§&issuer=acme ¦ issuer=acme",
	"https://x.blob.core.windows.net/c?sv=2024-01-01&sig=§%3D&se=2026 ¦ se=2026",
	"https://d1.cloudfront.net/x?Expires=1&Signature=§~-&Key-Pair-Id=K2 ¦ Key-Pair-Id=K2",
	"X-Amz-Credential=§%2F20261126&X-Amz-Date=1 ¦ X-Amz-Date=1",
}

// plain are secrets that every notation can hold.
var plain = []string{"Zt4-lantern_77", "w8Rx+q/3vLh=", "hunter2horse"}

func TestNotations(t *testing.T) {
	t.Parallel()
	n := 0
	for _, notation := range notations {
		in, stays, _ := strings.Cut(notation, " ¦ ")
		for _, secret := range plain {
			if strings.Contains(in, "connecting with") && strings.ContainsAny(secret, "/") {
				continue
			}
			text := strings.ReplaceAll(in, "§", secret)
			got := redact.Text(text)
			n++
			if strings.Contains(got, secret) || strings.Contains(got, secret[3:]) {
				t.Errorf("not hidden: %s\n        -> %s", text, got)
			}
			if !strings.Contains(got, stays) {
				t.Errorf("%q is lost: %s\n        -> %s", stays, text, got)
			}
			if again := redact.Text(got); again != got {
				t.Errorf("not idempotent: %s\n        -> %s", got, again)
			}
		}
	}
	t.Logf("%d texts in %d notations", n, len(notations))
}

// Values that have blanks, quotes and signs end where their notation says.
func TestWhereAValueEnds(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"key AKIAIOSFODNN7EXAMPLE used":       "key [redacted] used",
		"GET /x?X-Amz-Signature=abc123&y=1":   "GET /x?X-Amz-Signature=[redacted]&y=1",
		"DATABASE_PASSWORD=hunter2 next":      "DATABASE_PASSWORD=[redacted] next",
		`{"password": "a b\"c", "user": "x"}`: `{"password": "[redacted]", "user": "x"}`,
		"dsn: password='two words' user=x":    "dsn: password='[redacted]' user=x",
		`dsn: password='it\'s' user=x`:        "dsn: password='[redacted]' user=x",
		"PASSWORD=ab#c&d;e,f":                 "PASSWORD=[redacted]",
		`export PASSWORD="a b c" # why`:       `export PASSWORD="[redacted]" # why`,
		"PWD={semi;colon};Encrypt=yes":        "PWD=[redacted];Encrypt=yes",
		"postgres://a:b/c#d@e@h:1/x":          "postgres://a:[redacted]@h:1/x",
		"IDENTIFIED BY 'it''s' REQUIRE":       "IDENTIFIED BY '[redacted]' REQUIRE",
		`cut: {"password":"hunter2 and the l`: `cut: {"password":"[redacted]`,
		"  password: correct horse battery":   "  password: [redacted]",
		"a=1&password=x%20y&b=2":              "a=1&password=[redacted]&b=2",
		"(password=abc)":                      "(password=[redacted])",
		"Cookie: a=1x2y3z; b=4":               "Cookie: a=[redacted]; b=[redacted]",
		"Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261126/x, SignedHeaders=host, Signature=abcdef0123": "Authorization: AWS4-HMAC-SHA256 Credential=[redacted], SignedHeaders=host, Signature=[redacted]",
	} {
		require.Equal(t, want, redact.Text(in), in)
	}
}

// Texts that a diagnosis rests on stay as they are.
func TestWhatStays(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"arn:aws:secretsmanager:us-east-1:1:secret:rds!db-1-AbCd",
		`relation "plans" already exists`,
		"ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf from secrets manager: AccessDeniedException: User is not authorized",
		"CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref 123456789012.dkr.ecr.eu-west-1.amazonaws.com/backend:v1: not found",
		"prod.DbSecret: CREATE_FAILED", "prod.DbPassword: Resource handler returned message: \"Invalid request provided\" (RequestToken: 6a1f0d36-0b44-9b0a-3a5e-5d3f9d5d9b1a, HandlerErrorCode: InvalidRequest)",
		"FATAL: password authentication failed for user \"app\"", "Access denied for user 'app'@'10.0.0.7' (using password: YES)",
		"operation error Secrets Manager: GetSecretValue, https response error StatusCode: 400, RequestID: 6a1f0d36-0b44-9b0a-3a5e-5d3f9d5d9b1a, api error AccessDeniedException: no",
		"get credentials: failed to refresh cached credentials, no EC2 IMDS role found", "login failed: token expired", "SyntaxError: Unexpected token: <", "error: invalid token: unexpected end of input",
		"SECRET_ARN=arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-AbCdEf", "POSTGRES_PASSWORD_FILE=/run/secrets/db", "GOOGLE_APPLICATION_CREDENTIALS=/var/secrets/google/key.json",
		`{"name":"DB_PASSWORD","valueFrom":"arn:aws:ssm:eu-west-1:123456789012:parameter/prod/db/password"}`, "Password: !Ref DbPassword", "Password: '{{resolve:ssm-secure:/prod/db/password:3}}'",
		`"Secret":{"Fn::GetAtt":["DbSecret","Arn"]}`, "password=${DB_PASSWORD}", "max_tokens=4096", "token_type: Bearer", "TOKEN_URL=https://auth.internal/token", "secret_id=prod/db",
		"PWD=/app", "primary key: 5", "cache key: user/42/profile", "duplicate key value violates unique constraint \"users_pkey\" DETAIL: Key (email)=(a@b) already exists.",
		"sha256:d73deef29b389ce595b5645dd1475eb805de71859cf5cfa895a74a59c4cbae01", "backend:v2@sha256:77777ef29b389ce595b5645dd1475eb805de71859cf5cfa895a74a59c4cbae01",
		"task 0300469871b21cdb3e09387dec4c8255 stopped", "request id: 6a1f0d36-0b44-9b0a-3a5e-5d3f9d5d9b1a", "s3 request id 5K2Q8F3N7P1R9T4V", "AROADLFXHJ3H5CTLEHERH:deployer", "ASIAPACIFICSOUTHEAST",
		"http://localhost:3000;contact=ops@example.test", "GET https://registry.internal:443/@acme/shop 404", "https://github.com/acme/shop@v1.2.3", "ssh://git@github.com:22/acme/shop.git", "mail ops@example.test:25",
		"at com.acme.auth.TokenService.verify(TokenService.java:88)", "open /etc/passwd: permission denied", "cat /run/secrets/db_password: no such file", "tests pass: 12, fail: 3",
		"password=", `password=""`, "password=******", "password=[FILTERED]", "password: null", "DB_PASSWORD is not set", "NextToken: ", "monkey=banana", "author: Anna", "AUTH_ENABLED=true", "session_timeout=30",
		"resources to skip: DbSecret, TokenTable", "user anonymous has no password", "basic health check passed", "kid: 2026-01", "key pair web-1", "Bearer of news", "2026-11-26T21:52:21Z 200 GET /login",
		"h1:kxfkTcDjzRx6epUsBacRI5X4aX7QHDqQ7kGANYS1Be8=", "integrity sha512-4VM3GkU3AAgtfHBnPXWKgD4g2RAfw/GNw4mRHCsjTtuyVf547eOX8R1nKujxK38jMDjcaH71GT5i8qzDt7OgVG==",
		"https://s3.eu-west-1.amazonaws.com/templates/app-1a2b3c.yaml", "stack prod-backend-1ABCDEFGHIJKL", "Configuring access key rotation for app", "secret prod/db was rotated",
	} {
		require.Equal(t, s, redact.Text(s))
	}
}

func TestKeysOverSeveralEvents(t *testing.T) {
	t.Parallel()
	var st redact.Stream
	events := []string{
		"starting", "-----BEGIN RSA " + "PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED", "", "MIIEowIBAAKCAQEAx5Zt4lanternQQ", "shortTail==", "-----END RSA " + "PRIVATE KEY-----", "listening on :8080",
		"-----BEGIN EC " + "PRIVATE KEY-----", "MHcCAQEEIZt4lanternB3B7", "2026-11-26 crashed, the key was cut",
	}
	var out []string
	for _, e := range events {
		out = append(out, st.Event(e))
	}
	all := strings.Join(out, "\n")
	require.NotContains(t, all, "lantern")
	require.NotContains(t, all, "shortTail")
	for _, stays := range []string{"starting", "BEGIN RSA", "END RSA", "listening on :8080", "crashed, the key was cut"} {
		require.Contains(t, all, stays)
	}
	require.Contains(t, redact.Text("before\n-----BEGIN "+"PRIVATE KEY-----\nMIIEZt4lantern\nabc\nno key line, this\n"), "no key line, this")
	require.NotContains(t, redact.Text("MIIEZt4lanternAAAA\nBBBB\n-----END "+"PRIVATE KEY-----\n"), "lantern")
}

func TestKnownValues(t *testing.T) {
	t.Parallel()
	var k redact.Known
	k.Add("DB_PASSWORD", "lantern/77 x")
	k.Add("PORT", "8080808080")
	k.Add("DB_SECRET", "arn:aws:secretsmanager:eu-west-1:1:secret:x")
	k.AddValue("production") // a plain word is in too many texts
	for in, want := range map[string]string{
		"tried lantern/77 x twice":                    "tried [redacted] twice",
		"q=lantern%2F77+x":                            "q=[redacted]",
		"b64 bGFudGVybi83NyB4":                        "b64 [redacted]",
		"port 8080808080 in production":               "port 8080808080 in production",
		"arn:aws:secretsmanager:eu-west-1:1:secret:x": "arn:aws:secretsmanager:eu-west-1:1:secret:x",
	} {
		require.Equal(t, want, k.Text(in))
	}
}

// Nothing that a reader does not see keeps a secret from being recognised.
func TestUnseenCharacters(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"pass\u200bword=lantern77", "password=lan\u200dtern77", "pass\x1b[0mword=\x1b[31mlantern77\x1b[0m", "\x1b]0;password=lantern77\apassword", "ｐassword=lantern77",
		"pass\u00adword: lantern77", "password\u2060=lantern77", "A\u200bKIAIOSFODNN7LANTERN",
	} {
		got := redact.Text(s)
		require.NotContains(t, got, "lantern77", "%q", s)
		require.NotContains(t, got, "tern77", "%q", s)
		require.NotContains(t, got, "LANTERN", "%q", s)
	}
}

func FuzzText(f *testing.F) {
	for _, n := range notations {
		f.Add(strings.ReplaceAll(n, "§", "Zt4-lantern_77"))
	}
	f.Add("password=[redacted] [redacted]x")
	f.Add(`password="\\\"'` + "\n'")
	f.Fuzz(func(t *testing.T, s string) {
		got := redact.Text(s)
		if again := redact.Text(got); again != got {
			t.Fatalf("%q\n-> %q\n-> %q", s, got, again)
		}
	})
}

// A secret in a line of its own is hidden whatever the lines around it are.
func FuzzAround(f *testing.F) {
	f.Add("before", "after")
	f.Add("it's \"", "'")
	f.Fuzz(func(t *testing.T, before, after string) {
		const secret = "Zt4lantern77"
		if strings.Contains(before+after, secret) {
			t.Skip()
		}
		got := redact.Text(before + "\nDB_PASSWORD=" + secret + "\n" + after)
		if strings.Contains(got, secret) {
			t.Fatalf("%q", got)
		}
	})
}

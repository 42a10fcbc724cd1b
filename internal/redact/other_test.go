package redact_test

import (
	"strings"
	"testing"

	"github.com/stackrescue/stackrescue/internal/redact"
)

// TestOtherSecrets has texts as they were seen, each with a part that must not be
// left. ¦ is taken out first: scanners of repositories take whole tokens for
// real ones.
func TestOtherSecrets(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{"dial postgres://app:p%40ss%2Fw0rd@db.internal:5432/shop", "p%40ss%2Fw0rd"},
		{"hash $argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b4dWRWJTmaaJObG", "RdescudvJCsg"},
		{"SES_SMTP_PASSWORD=BKd7sJ2x0Zq9Lk3vTfP1aWmYcXnEr5UiOhGg4jD6bVsQ", "BKd7sJ2x"},
		{"PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=", "yAnz5TF"},
		{"LD=sdk¦-01234567-89ab-cdef-0123-456789abcdef", "01234567-89ab-cdef"},
		{"https://x.blob.core.windows.net/c/b?sv=2024-11-04&ss=b&srt=co&sp=rl&se=2026-12-01T00:00:00Z&sig=Zt4QkXlantern77%2Fq%3D", "lantern"},
		{"SENDGRID=SG¦.ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf-09kqeF8tAmbihYzrnopKc-1s5cr", "TwL2iGAB"},
		{"MG=key-¦3ax6xnjp29jd6fds4gc373sgvjxteol0", "3ax6xnjp"},
		{"DOPPLER=dp.pt¦.Zt4lantern77Zt4lantern77Zt4lantern77Zt4", "lantern"},
		{"PS=pscale_pw¦_Zt4lantern77Zt4lantern77Zt4lantern77", "lantern"},
		{"GRAFANA=glsa¦_Zt4lantern77Zt4lantern77Zt4lante_0a1b2c3d", "lantern"},
		{"GET /callback?code=4%2FP7q7W91a-oMsCeLvIaQm6bTrgtp7&state=xyz", "P7q7W91a"},
		{`ResourceProperties: {"DBInstanceIdentifier":"x","MasterUserPassword":"Zt4-lantern_77","Engine":"postgres"}`, "lantern"},
		{"FERNET_KEY=cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=", "cw_0x689"},
		{"ENCRYPTION_KEYS=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "9f86d081"},
		{"RAILS_MASTER_KEY=0b5b8f2f4a1c7e9d3a6b1c2d4e5f6071", "0b5b8f2f"},
		{"DD_API_KEY=0b5b8f2f4a1c7e9d3a6b1c2d4e5f6071", "0b5b8f2f"},
		{"MYSQL_ROOT_PASSWORD: Zt4-lantern_77", "lantern"},
		{"dbPasswordForReplica=Zt4-lantern_77", "lantern"},
		{"Config{Password:\"Zt4-lantern_77\", Host:\"db\"}", "lantern"},
		{"redis-cli -h cache -a Zt4-lantern_77", "lantern"},
		{"Cookie: sessionid=Zt4lantern77; csrftoken=Zt4lantern78", "lantern"},
		{"TOKEN=$(cat x) X-aws-ec2-metadata-token: AQAE¦ALanternABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abc==", "Lantern"},
		{"aws ecr get-login-password: eyJwY¦Xlsb2FkIjoiLanternLanternLanternLanternLanternLanternLanternLanternLanternLanternLantern", "Lantern"},
		{"CI_JOB_TOKEN=glcbt¦-64_Zt4lantern77Zt4", "lantern"},
		{"xapp¦-1-A0123-4567-Zt4lantern77Zt4lantern", "lantern"},
		{"NR=NRAK¦-ZT4LANTERN77ZT4LANTERN77ZT4", "LANTERN"},
		{"PYPI=pypi-Ag¦EIcHlwaS5vcmcCJGLantern77Lantern77Lantern77Lantern", "Lantern77"},
		{"ANT=sk-ant¦-api03-Zt4lantern77Zt4lantern77Zt4lantern77AA", "lantern"},
		{"VAULT_TOKEN=hvs¦.CAESIZt4lantern77Zt4lantern77", "lantern"},
		{"AGE-SECRET-KEY-¦1QQPZT4LANTERN77ZT4LANTERN77ZT4LANTERN77ZT4LANTERN77ABCDEF", "LANTERN77"},
		{`"private_key": "-----BEGIN PRIVATE KEY-----\nMIIELantern\n-----END PRIVATE KEY-----\n"`, "Lantern"},
		{"export CLIENT_SECRET=Zt4-lantern_77 && run", "lantern"},
		{"JDBC jdbc:postgresql://db/x?user=a&password=Zt4-lantern_77", "lantern"},
		{"clientSecret: 'Zt4 lantern 77'", "lantern"},
		{"ParameterKey=DbPassword,ParameterValue='Zt4 lantern 77'", "lantern"},
		{`{"environment":[{"value":"Zt4-lantern_77","name":"API_KEY"}]}`, "lantern"},
		{"amqp://guest:Zt4lantern@rabbit:5672", "lantern"},
		{"sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=\"app\" password=\"Zt4-lantern_77\";", "lantern"},
		{"--from-literal=password=Zt4-lantern_77", "lantern"},
		{"DB_URI=mongodb://root:Zt4@lantern@h1:27017,h2:27017/x?authSource=admin", "lantern"},
		{"elasticsearch: http://elastic:Zt4lantern@es:9200", "lantern"},
		{"ldap bind cn=admin,dc=x password Zt4-lantern_77", "lantern"},
		{"curl https://api.x.test/v1?apikey=Zt4lantern77abcd", "lantern"},
		{"Authorization: ApiKey VuaCfGcBCdbkQm-e5aOx:Zt4lantern77", "lantern"},
		{"auth_token: 'Zt4lantern77'", "lantern"},
		{"passwd=Zt4lantern", "lantern"},
		{"{user: app, pass: Zt4lantern}", "lantern"},
		{"snowflake://app:Zt4lantern@acct/db?warehouse=w", "lantern"},
		{"Data Source=db;User Id=app;Pwd=Zt4lantern;", "lantern"},
		{"secret_key_base: Zt4lantern77Zt4lantern77", "lantern"},
		{"Twilio SK012¦3456789abcdef0123456789abcdef used", "0123456789abcdef"},
		{"[env] SLACK_SIGNING_SECRET => Zt4lantern", "lantern"},
		{"webhook https://acme.webhook.office.com/webhoo¦kb2/0a1b@c2d/IncomingWebhook/Zt4lantern77/xyz", "lantern"},
		{"AccessKeyId ASIAY¦5KXJ6L422XG4DEM", "ASIAY5KXJ6"},
		{"INSERT INTO users VALUES ('ann','{SSHA}Zt4lantern77Zt4lantern77Zt4l')", "lantern"},
		{"SecretString: Zt4-lantern_77", "lantern"},
		{"password: 123456", "123456"},
		{"password=secret", "=secret"},
	} {
		text := strings.ReplaceAll(c[0], "¦", "")
		if got := redact.Text(text); strings.Contains(got, c[1]) {
			t.Errorf("%s\n-> %s", text, got)
		}
	}
}

// TestOtherTextsThatStay has texts that look like secrets and are none.
func TestOtherTextsThatStay(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"x-amzn-trace-id: Root=1-67891233-abcdef012345678912345678", "X-Amzn-Trace-Id: Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1",
		"DBSecret: !Ref DatabaseSecret", "SecretArn: !GetAtt Secret.Arn", `"valueFrom": "arn:aws:secretsmanager:eu-west-1:1:secret:x:password::"`,
		"Resource: AWS::SecretsManager::Secret DbSecret", "fingerprint SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU", "commit a4ead9109411ca6ac935b59512ced612ba0bad2f",
		"deployment ecs-svc/5716873535886798232 of backend:3", "service revision arn:aws:ecs:us-east-1:1:service-revision/prod/web/123456789", "KeyError: 'DATABASE_PASSWORD'", "environment variable DB_PASSWORD is required",
		"The secret arn:aws:secretsmanager:x is marked for deletion", "psycopg2.OperationalError: fe_sendauth: no password supplied", "Secret: {Ref: DbSecret}", "DB_PASSWORD: ${DB_PASSWORD}", "token bucket: 100 requests", "api key rotation: done", "monitoring key metrics: cpu",
		"error: secret \"db\" not found", "HandlerErrorCode: GeneralServiceException", "session 42 closed", "author=ann", "keys: 12", "Parameters: [Tag, DbPassword]", "Bearer token missing", "s3://bucket/key/with/path.json", "kind: Secret",
		"unauthorized: authentication required", "auth: ok", "auth=none", "Set-Cookie header missing", "csrf: disabled", "password_encryption = scram-sha-256", "ssl_key_file = '/etc/ssl/key.pem'", "x-amz-id-2: eftixk72aD6Ap51TnqcoF8eFidJG9Z/2mkiDFu8yU9AS1ed4OpIszj7UDNEHGran",
		"secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:eu-west-1:1:secret:x", "hash: 9f86d081", "code: 404", "code=ECONNREFUSED", "exit code: 137", "status code: 503", "Sid: AllowPull", "Key: environment", "pk=42 sk=7",
		"session id: none", "PGPASSFILE=/home/app/.pgpass", "SECRET_NAME=prod/db", "password policy: at least 12 characters", "NoEcho: true", "cookie: accepted",
	} {
		if got := redact.Text(s); got != s {
			t.Errorf("%s\n-> %s", s, got)
		}
	}
}

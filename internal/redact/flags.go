package redact

import (
	"regexp"
	"strings"
)

// flags are secrets that programs take in a place of their own, without a name
// (their manuals); the first group is the secret.
var flags = []shape{
	// mysql -pSECRET
	{gate: []string{"mysql", "mariadb"}, pattern: regexp.MustCompile(`\b(?:mysql|mysqldump|mysqladmin|mysqlimport|mysqlcheck|mysqlsh|mariadb|mariadb-dump|mariadb-admin)\b[^\n|;&]*? -p(?:'([^'\n]+)'|"([^"\n]+)"|([^\s'"]+))`)},
	// sshpass -p SECRET, and others that take it as the next word
	{gate: []string{"sshpass"}, pattern: regexp.MustCompile(`\bsshpass\b[^\n]*? -p *(?:'([^'\n]+)'|"([^"\n]+)"|([^\s'"]+))`)},
	{gate: []string{"redis-cli"}, pattern: regexp.MustCompile(`\bredis-cli\b[^\n|;&]*? -a +(?:'([^'\n]+)'|"([^"\n]+)"|([^\s'"]+))`)},
	// Redis: AUTH [user] SECRET as a command of its own, as MONITOR and RESP print it;
	// HELLO 3 AUTH user SECRET; CONFIG SET requirepass SECRET; ACL SETUSER user >SECRET
	// https://redis.io/docs/latest/commands/auth/
	{gate: []string{"AUTH", "auth", "Auth"}, pattern: regexp.MustCompile(`(?i)(?:^|[\n>"'\]]|\bredis\S*:?|\bvalkey\S*:?|\bHELLO +[23]) *"?AUTH"? +(?:"[\w.@-]+" +|[\w.@-]+ +)?(?:"([^"\n]+)"|'([^'\n]+)'|([^\s"']+))"?[ \t]*(?:$|[\n"'])`), is: redisPassword},
	{gate: []string{"AUTH\r\n", "auth\r\n", `AUTH\r\n`, `auth\r\n`}, pattern: regexp.MustCompile(`(?i)AUTH(?:\r\n|\\r\\n)(?:\$\d+(?:\r\n|\\r\\n)[\w.@-]+(?:\r\n|\\r\\n))??\$\d+(?:\r\n|\\r\\n)([^\r\n\\]+)(?:\r\n|\\r\\n)?$`)},
	{gate: []string{"requirepass", "masterauth", "REQUIREPASS", "MASTERAUTH"}, pattern: regexp.MustCompile(`(?i)\b(?:requirepass|masterauth)"? +(?:"([^"\n]+)"|'([^'\n]+)'|([^\s"']+))`), is: func(s string) bool { return !functionWords[strings.ToLower(s)] }},
	{gate: []string{"SETUSER", "setuser"}, pattern: regexp.MustCompile(`(?i)\bsetuser\b[^\n]*? ["']?>([^\s"']+)`)},
	// setPassword("…"), withPassword('…'), password("…") and their like in code and logs
	{gate: []string{"(\"", "('", "(`", `(\"`}, pattern: regexp.MustCompile("(?i)\\b(?:\\w{0,32}?(?:password|passwd|passphrase|secret|apikey|api_key|accesskey|secretkey|privatekey|authtoken|accesstoken|credential|credentials|token))\\((?:\\\\?\"([^\"\\n\\\\]+)\\\\?\"|'([^'\\n]+)'|`([^`\\n]+)`)\\)"), is: calledWith},
	// echo SECRET | docker login --password-stdin, and others that read it there
	{gate: []string{"stdin", "chpasswd", "sudo -S", "kinit", "--with-token"}, pattern: regexp.MustCompile(`\b(?:echo|printf)(?: +-\w+)*(?: +["']?%s(?:\\n)?["']?)? +(?:'([^'\n]+)'|"([^"\n]+)"|([^\s"'|]+)) *\|[^\n|;]*(?:--?(?:[\w-]*(?:password|passphrase|token|secret|key)[\w-]*stdin|pass[\w-]* stdin|pass(?:in|out)? stdin|password-stdin|with-token)\b|\bchpasswd\b|\bsudo -S\b|\bkinit\b)`), is: literal},
	{gate: []string{"stdin"}, pattern: regexp.MustCompile(`stdin\b[^\n|;&]*<<< *(?:'([^'\n]+)'|"([^"\n]+)"|([^\s"']+))`), is: literal},
	{gate: []string{" -p ", " -P "}, pattern: regexp.MustCompile(`\b(?:docker|podman|nerdctl|helm registry|skopeo|buildah|crane|az|mongo|mongosh|mongodump|mongorestore|cqlsh|clickhouse-client|vertica|vsql|impala-shell|influx|couchbase-cli|isql|ipmitool|bteq|kinit|ldapadmin|rabbitmqadmin|cbq|beeline|snowsql|neo4j-admin|cypher-shell|oc|ibmcloud|cf)\b(?: login| auth)?[^\n|;&]*? -[pP] +(?:'([^'\n]+)'|"([^"\n]+)"|([^\s'"]+))`)},
	{gate: []string{"sqlcmd", "bcp", "osql"}, pattern: regexp.MustCompile(`\b(?:sqlcmd|bcp|osql)\b[^\n|;&]*? -P *(?:'([^'\n]+)'|"([^"\n]+)"|([^\s'"]+))`)},
	{gate: []string{"ldap"}, pattern: regexp.MustCompile(`\bldap(?:search|add|modify|passwd|whoami|delete|compare)\b[^\n|;&]*? -w +(?:'([^'\n]+)'|"([^"\n]+)"|([^\s'"]+))`)},
	{gate: []string{" -U "}, pattern: regexp.MustCompile(`\b(?:smbclient|rpcclient|net|mount\.cifs)\b[^\n|;&]*? -U +'?[^\s%']+%([^\s']+)`)},
	{gate: []string{"htpasswd"}, pattern: regexp.MustCompile(`\bhtpasswd\b -\w*b\w* +\S+ +\S+ +(\S+)`)},
	{gate: []string{"zip", "7z", "unrar"}, pattern: regexp.MustCompile(`\b(?:zip|7z|unzip|unrar)\b[^\n|;&]*? -[pP](\S{3,})`)},
	{gate: []string{"pass:"}, pattern: regexp.MustCompile(`\bpass(?:in|out|word)?[= ]+pass:(\S+)|-pass(?:in|out)? +pass:(\S+)`)},
	// curl -u user:SECRET; the user stays
	{gate: []string{" -u", " -U", "'-u", "\"-u", "--auth", "--credentials", "-user"}, pattern: regexp.MustCompile(`(?:^|[\s"'])(?:-u|--user|--proxy-user|-U|--auth|--credentials) ?=?["']?[\w.@+\\-]+:([^\s"']+)`)},
	{gate: []string{"-u\"", "--user\""}, pattern: regexp.MustCompile(`\[?"(?:-u|--user)", ?"[\w.@+-]+:([^"]+)"`)},
	// user/SECRET@service, as Oracle's programs and drivers write it
	{gate: []string{"@"}, pattern: regexp.MustCompile(`\b(?:thin:|oci:|oci8:|sqlplus +(?:-\w+ +)*|sqlldr +|expdp +|impdp +|exp +|imp +|rman target +|userid=)["']?[\w$#.]+/("[^"\n]+"|[^\s@"']+)@`)},
	// user/SECRET@//host:port/service, Oracle's easy connect, with any program or none
	// https://docs.oracle.com/en/database/oracle/oracle-database/23/netag/configuring-naming-methods.html
	{gate: []string{"@//", "@tcp://", "@tcps://", `@\/\/`}, pattern: regexp.MustCompile(`(?:^|[\s"'=(,:])[A-Za-z][\w$#.]*\\?/("[^"\n]+"|[^\s/"'@]{2,})@(?:tcps?:)?\\?/\\?/[\w.\[-]`)},
	// user:SECRET@tcp(host)/db, a DSN of Go's MySQL driver
	{gate: []string{"@tcp", "@udp", "@unix", "@cloudsql", "@pipe", "@memory"}, pattern: regexp.MustCompile(`[\w.+$-]*:([^\s]+)@(?:tcp|tcp4|tcp6|udp|unix|cloudsql|pipe|memory)\(`)},
	// the same with the driver's own network: user:SECRET@/db
	{gate: []string{"@/"}, pattern: regexp.MustCompile(`(?:^|[\s"'=(,])[A-Za-z_][\w.+-]*:([^\s:/"'(),;][^\s:"'(),;]{2,})@/\w`)},
	// user:SECRET@host:port without a scheme
	{gate: []string{"@"}, pattern: regexp.MustCompile(`(?:^|[\s"'=(,])[A-Za-z_][\w.+-]*:([^\s:/@"'(),;]{3,})@(?:[A-Za-z][\w-]*(?:\.[\w-]+)*|\d{1,3}(?:\.\d{1,3}){3}):\d{2,5}\b`)},
	// a bearer or basic token without its header
	{gate: []string{"bearer", "basic", "Bearer", "Basic", "BEARER", "BASIC"}, pattern: regexp.MustCompile(`(?i)\b(?:bearer|basic)[ :]+([A-Za-z0-9._~+/-]*[0-9][A-Za-z0-9._~+/-]*={0,2})`), is: func(s string) bool { return len(s) >= 12 }},
	// SQL
	{gate: []string{"dentified", "DENTIFIED"}, pattern: regexp.MustCompile(`(?i)\bidentified\s+(?:with\s+\S+\s+)?(?:by|as)\s+(?:password\s+|random\s+)?(?:\\*'((?:[^'\\\n]|\\.|'')+)'|\\*"((?:[^"\\\n]|\\.)+)\\*"|([^\s'";]+))`)},
	{gate: []string{"set password", "SET PASSWORD", "Set Password", "set PASSWORD", "SET password"}, pattern: regexp.MustCompile(`(?i)\bset\s+password\b[^\n='"]*(?:=|to)\s*(?:password\s*\()?\s*'([^'\n]+)'`)},
	// multipart forms
	{gate: []string{"name=\"", "NAME=\""}, pattern: regexp.MustCompile(`(?i)name="[^"\n]*(?:password|passwd|secret|token|api_?key|credential)[^"\n]*"\r?\n(?:[^\r\n]+\r?\n)*\r?\n([^\r\n]+)`)},
	// the role of a task can be had by who knows its path
	// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
	{gate: []string{"/v2/credentials/"}, pattern: regexp.MustCompile(`/v2/credentials/([0-9a-fA-F-]{32,36})`)},
	// .netrc, .pgpass
	{gate: []string{"machine "}, pattern: regexp.MustCompile(`\bmachine +\S+ +login +\S+ +password +(\S+)`)},
	{gate: []string{":5432:", ":5433:", ":6432:", ":26257:", ":*:"}, pattern: regexp.MustCompile(`(?m)^[\w.*-]+:(?:\d{2,5}|\*):[\w.*-]+:[\w.*-]+:(\S+)$`)},
	// an access key with its secret beside it, as the console's CSV has it
	{gate: []string{"AKIA", "ASIA"}, pattern: regexp.MustCompile(`(?:AKIA|ASIA)[A-Z2-7]{16}["']?[\s,;:|]{1,3}["']?([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)`)},
}

// redisPassword tells a password from the words that sentences have after "auth".
func redisPassword(s string) bool {
	return !functionWords[strings.ToLower(s)] && (strings.ContainsAny(s, "0123456789_-!$%^*+#@") || len(s) >= 12 || s != strings.ToLower(s) && s != strings.ToUpper(s))
}

// calledWith tells a value from the name of one, as in getSecret("prod/db").
func calledWith(s string) bool {
	return !strings.ContainsAny(s, " /") || strings.ContainsAny(s, "!$%^*+#@")
}

// literal tells a value from a variable or another program's output.
func literal(s string) bool { return !strings.HasPrefix(s, "$") && !strings.HasPrefix(s, "`") }

func (t *scan) flags() {
	for _, f := range flags {
		if !gated(t.s, f.gate) {
			continue
		}
		for _, m := range f.pattern.FindAllStringSubmatchIndex(t.s, -1) {
			for g := 2; g+1 < len(m); g += 2 {
				if m[g] < 0 || benign(t.s[m[g]:m[g+1]]) || t.keeps(m[g]) || f.is != nil && !f.is(t.s[m[g]:m[g+1]]) {
					continue
				}
				t.hide(m[g], m[g+1])
			}
		}
	}
}

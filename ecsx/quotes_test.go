package ecsx_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecsx"
)

// TestQuotes has ends of logs as frameworks write them, with a part of the line
// that a person would quote.
func TestQuotes(t *testing.T) {
	t.Parallel()
	rows := map[string]struct{ log, want string }{
		"Flyway":              {"INFO: Flyway Community Edition 10.0\nERROR: Migration of schema \"public\" to version \"12 - add plan\" failed! Please restore backups and roll back database and code!\nERROR: Unable to connect\n  SQL State  : 42P07\nERROR: relation \"plans\" already exists\n  Position: 14\nLine: 1\n", "already exists"},
		"golang-migrate":      {"error: Dirty database version 20260101. Fix and force version.", "Dirty database version"},
		"goose":               {"2026/11/26 10:00:00 OK   0001_init.sql (12ms)\n2026/11/26 10:00:00 goose run: ERROR 0002_plan.sql: failed to run SQL migration: pq: column \"plan\" already exists", "column \"plan\" already exists"},
		"Rails":               {"rails aborted!\nStandardError: An error has occurred, this and all later migrations canceled:\n\nPG::DuplicateColumn: ERROR:  column \"plan\" of relation \"users\" already exists\n/app/db/migrate/1_add.rb:3:in `change'\n\nCaused by:\nPG::DuplicateColumn: ERROR:  column \"plan\" of relation \"users\" already exists\n/app/db/migrate/1_add.rb:3:in `change'\nTasks: TOP => db:migrate\n(See full trace by running task with --trace)", "PG::DuplicateColumn"},
		"Django":              {"Traceback (most recent call last):\n  File \"/app/manage.py\", line 22, in <module>\n    main()\n  File \"/usr/lib/python3/django/db/backends/utils.py\", line 89, in _execute\n    return self.cursor.execute(sql, params)\npsycopg2.errors.DuplicateColumn: column \"plan\" of relation \"users\" already exists\n\n\nThe above exception was the direct cause of the following exception:\n\nTraceback (most recent call last):\n  File \"/app/manage.py\", line 22, in <module>\ndjango.db.utils.ProgrammingError: column \"plan\" of relation \"users\" already exists\n", "django.db.utils.ProgrammingError"},
		"SQLAlchemy":          {"sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) could not translate host name \"db\" to address: Name or service not known\n\n(Background on this error at: https://sqlalche.me/e/20/e3q8)", "could not translate host name"},
		"uvicorn":             {"INFO:     Started server process [1]\nINFO:     Waiting for application startup.\nERROR:    Traceback (most recent call last):\n  File \"/app/main.py\", line 3, in lifespan\n    raise RuntimeError(\"no broker\")\nRuntimeError: no broker\n\nERROR:    Application startup failed. Exiting.", "RuntimeError: no broker"},
		"Node rejection":      {"/app/index.js:5\n    throw new TypeError('bad config')\n    ^\n\nTypeError: bad config\n    at Object.<anonymous> (/app/index.js:5:11)\n    at node:internal/main/run_main_module:23:47\n\nNode.js v20.11.0", "TypeError: bad config"},
		"Node unhandled":      {"[UnhandledPromiseRejection: This error originated either by throwing inside of an async function without a catch block. The promise rejected with the reason \"no url\".] {\n  code: 'ERR_UNHANDLED_REJECTION'\n}\n\nNode.js v20.11.0", "no url"},
		"npm":                 {"\n> web@1.0.0 start\n> node server.js\n\nError: listen EADDRINUSE: address already in use :::8080\n    at Server.setupListenHandle (node:net:1463:16)\nnpm ERR! code ELIFECYCLE\nnpm ERR! errno 1\nnpm ERR! A complete log of this run can be found in:\nnpm ERR!     /root/.npm/_logs/debug.log", "EADDRINUSE"},
		"Sequelize":           {"ERROR: Access denied for user 'app'@'10.0.0.1' (using password: YES)\n", "Access denied for user"},
		"Spring bean":         {"2026-11-26 10:00:00 ERROR 1 --- [main] o.s.boot.SpringApplication : Application run failed\norg.springframework.beans.factory.BeanCreationException: Error creating bean with name 'flyway'\n\tat org.springframework.X.y(X.java:1)\nCaused by: org.flywaydb.core.api.FlywayException: Validate failed: Migrations have failed validation\n\tat org.flywaydb.X.y(X.java:1)\n\t... 21 common frames omitted", "FlywayException: Validate failed"},
		"Kotlin":              {"Exception in thread \"main\" kotlin.UninitializedPropertyAccessException: lateinit property url has not been initialized\n\tat MainKt.main(Main.kt:3)", "lateinit property url"},
		".NET":                {"Unhandled exception. System.AggregateException: One or more errors occurred. (Connection refused)\n ---> System.Net.Sockets.SocketException (111): Connection refused\n   at System.Net.X()\n   --- End of inner exception stack trace ---\n   at Program.Main()", "SocketException (111): Connection refused"},
		"Elixir":              {"** (RuntimeError) environment variable SECRET_KEY_BASE is missing.\nYou can generate one by calling: mix phx.gen.secret\n    (elixir 1.15) config/runtime.exs:3", "SECRET_KEY_BASE is missing"},
		"Laravel":             {"\n   Illuminate\\Database\\QueryException \n\n  SQLSTATE[42S21]: Column already exists: 1060 Duplicate column name 'plan'\n\n  at vendor/laravel/framework/src/Illuminate/Database/Connection.php:829\n", "SQLSTATE[42S21]"},
		"Go log.Fatal":        {"2026/11/26 10:00:00 starting on :8080\n2026/11/26 10:00:00 open /etc/app/config.yaml: no such file or directory", "no such file or directory"},
		"logrus":              {"time=\"2026-11-26T10:00:00Z\" level=info msg=starting\ntime=\"2026-11-26T10:00:01Z\" level=fatal msg=\"cannot reach broker\" error=\"dial tcp: lookup kafka: no such host\"", "cannot reach broker"},
		"zap":                 {"{\"level\":\"fatal\",\"ts\":1,\"caller\":\"main.go:3\",\"msg\":\"config\",\"error\":\"DATABASE_URL is empty\",\"stacktrace\":\"main.main\"}\n", "DATABASE_URL is empty"},
		"pino, numeric level": {"{\"level\":30,\"time\":1,\"msg\":\"listening\"}\n{\"level\":60,\"time\":2,\"err\":{\"type\":\"Error\",\"message\":\"no region\",\"stack\":\"Error: no region\\n    at x\"},\"msg\":\"boot failed\"}\n{\"level\":30,\"time\":3,\"msg\":\"closed\"}", "boot failed"},
		"slog":                {"time=2026-11-26T10:00:00Z level=ERROR msg=\"listen failed\" err=\"bind: permission denied\"\ntime=2026-11-26T10:00:00Z level=INFO msg=bye", "listen failed"},
		"klog":                {"I1126 10:00:00.000000       1 main.go:10] starting\nF1126 10:00:01.000000       1 main.go:12] unable to load key pair: tls: failed to find any PEM data\ngoroutine 1 [running]:", "unable to load key pair"},
		"shell":               {"+ exec gunicorn app:app\n/entrypoint.sh: line 9: exec: gunicorn: not found", "gunicorn: not found"},
		"MySQL client":        {"ERROR 1045 (28000): Access denied for user 'app'@'10.0.0.1' (using password: YES)", "Access denied for user"},
		"PostgreSQL server":   {"2026-11-26 10:00:00 UTC [1] LOG:  database system is shut down\n2026-11-26 10:00:00 UTC [1] FATAL:  data directory \"/data\" has wrong ownership\n2026-11-26 10:00:00 UTC [1] HINT:  The server must be started by the user that owns the data directory.", "data directory"},
		"Rust":                {"thread 'main' panicked at src/main.rs:4:5:\nDATABASE_URL must be set: NotPresent\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace", "DATABASE_URL must be set"},
		"Rust anyhow":         {"Error: failed to connect\n\nCaused by:\n    0: error communicating with database\n    1: Connection refused (os error 111)", "Connection refused (os error 111)"},
		"Haskell":             {"app: Network.Socket.bind: resource busy (Address already in use)", "Address already in use"},
		"C++":                 {"terminate called after throwing an instance of 'std::runtime_error'\n  what():  cannot open config\nAborted (core dumped)", "cannot open config"},
		"celery":              {"[2026-11-26 10:00:00,000: CRITICAL/MainProcess] Unrecoverable error: OperationalError('[Errno 111] Connection refused')\nTraceback (most recent call last):\n  File \"/x.py\", line 1, in y\nkombu.exceptions.OperationalError: [Errno 111] Connection refused", "Connection refused"},
		"supervisor":          {"2026-11-26 INFO spawned: 'web' with pid 8\nFileNotFoundError: [Errno 2] No such file or directory: '/app/wsgi.py'\n2026-11-26 INFO exited: web (exit status 1; not expected)\n2026-11-26 INFO gave up: web entered FATAL state, too many start retries too quickly", "wsgi.py"},
		"success words":       {"panic: cache is cold\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:3\nserver stopped without errors", "panic: cache is cold"},
		"healthy noise":       {"GET /errors 200\nGET /health 200 error=null\nFATAL: cannot bind\nGET /failed 404", "FATAL: cannot bind"},
		"one multi-line":      {"Traceback (most recent call last):\n  File \"/a.py\", line 1\nValueError: bad port", "ValueError: bad port"},
		"Windows lines":       {"Starting\r\nError: Cannot open database\r\n", "Error: Cannot open database"},
		"only a heading":      {"Error:\n\nno configuration file was given\n", "no configuration file was given"},
		"Ruby Sinatra":        {"/usr/lib/ruby/net.rb:9:in `initialize': Failed to open TCP connection to db:5432 (Connection refused - connect(2) for \"db\" port 5432) (Errno::ECONNREFUSED)\n\tfrom /usr/lib/ruby/net.rb:9:in `open'\n\tfrom /app/app.rb:3:in `<main>'", "Failed to open TCP connection"},
		"Prisma":              {"Prisma schema loaded from prisma/schema.prisma\n\nError: P1001: Can't reach database server at `db`:`5432`\n\nPlease make sure your database server is running at `db`:`5432`.", "P1001"},
		"Alembic multi head":  {"INFO  [alembic.runtime.migration] Context impl PostgresqlImpl.\nERROR [alembic.util.messaging] Multiple head revisions are present for given argument 'head'; please specify a specific target revision\n  FAILED: Multiple head revisions are present for given argument 'head'; please specify a specific\n  target revision, '<branchname>@head' to narrow to a specific head", "Multiple head revisions"},
		"Liquibase":           {"Starting Liquibase\nUnexpected error running Liquibase: Migration failed for changeset db.xml::2::me:\n     Reason: liquibase.exception.DatabaseException: ERROR: column \"plan\" already exists\nFor more information, please use the --logLevel flag", "column \"plan\" already exists"},
		"EF Core":             {"Failed executing DbCommand (5ms)\nMicrosoft.Data.SqlClient.SqlException (0x80131904): Cannot open database \"app\" requested by the login.\n   at Microsoft.Data.X()", "Cannot open database"},
	}
	wrong := 0
	for name, row := range rows {
		one := 1
		task := ecsx.StoppedTask{Group: "service:web", StopCode: types.TaskStopCodeEssentialContainerExited, Containers: []ecsx.StoppedContainer{{Name: "web", Essential: true, ExitCode: &one}}}
		lines := strings.Split(row.log, "\n")
		if name == "one multi-line" {
			lines = []string{row.log} // one event of several lines: awslogs-multiline-pattern
		}
		for _, line := range lines {
			task.Containers[0].Log.Lines = append(task.Containers[0].Log.Lines, ecsx.Line{Message: line})
		}
		c := task.Classify()
		if !strings.Contains(c.Excerpt, row.want) {
			wrong++
			t.Errorf("%s: quoted %q, want %q", name, c.Excerpt, row.want)
		}
		require.NotContains(t, c.Excerpt, "\n", name)
	}
	t.Logf("%d logs, %d quoted otherwise than a person", len(rows), wrong)
}

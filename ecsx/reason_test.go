package ecsx_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecsx"
)

// Where the texts below come from.
const (
	docPull  = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_cannot_pull_image.html"
	docInit  = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/resource-initialization-error.html"
	docCodes = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html"
	docFail  = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html"
	agent    = "https://github.com/aws/amazon-ecs-agent"
	roadmap  = "https://github.com/aws/containers-roadmap/issues"
	moby     = "https://github.com/moby/moby"
	repost   = "https://repost.aws"
)

// TestClassifyTextsWithTheirSources is a table of texts as AWS, its agent and
// container runtimes write them, names and ids replaced, with the class and a
// word of the next step that a person would give.
func TestClassifyTextsWithTheirSources(t *testing.T) {
	t.Parallel()
	const me = "User: arn:aws:sts::123456789012:assumed-role/web-exec/0123456789abcdef is not authorized to perform: "
	const secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:web-AbCdEf"
	const asm = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): "
	const ssm = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secrets from ssm: service call has been retried 1 time(s): "
	const logs = "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: "
	rows := []struct {
		source, text string
		class        ecsx.Class
		next         string // a word of the next step
	}{
		{docPull, "CannotPullContainerError: The task can't pull the image. Check that the role has the permissions to pull images from the registry. Error response from daemon: pull access denied for 123456789012.dkr.ecr.us-east-1.amazonaws.com/web, repository does not exist or may require 'docker login': denied: " + me + "ecr:BatchGetImage on resource: arn:aws:ecr:us-east-1:123456789012:repository/web", "image-denied", "role web-exec ecr:BatchGetImage on arn:aws:ecr:us-east-1:123456789012:repository/web"},
		{docPull, "CannotPullContainerError: The task cannot pull image '123456789012.dkr.ecr.us-east-1.amazonaws.com/web:9' from the registry. There is a connection issue between the task and the registry. Check your task network configuration. : failed to copy: httpReadSeeker: failed open: failed to do request: dial tcp 10.0.0.9:443: i/o timeout", "image-pull", "network"},
		{docPull, "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref 123456789012.dkr.ecr.us-east-1.amazonaws.com/web:latest@sha256:0000: not found", "image-missing", "image"},
		{docPull, "CannotPullContainerError: ref pull has been retried 5 time(s): failed to copy: httpReadSeeker: failed open: unexpected status code https://registry-1.docker.io/v2/library/nginx/manifests/sha256:0: 429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit.", "image-pull", "log in"},
		{docPull, "CannotPullContainerError: failed to register layer: Error processing tar file(exit status 1): write /usr/lib/x: no space left on device", "image-pull", "disk"},
		{docPull, "CannotPullContainerError: Error: image 123456789012.dkr.ecr.us-east-1.amazonaws.com/web:1.2 not found", "image-missing", "image"},
		{docPull, "CannotPullContainerError: Error response from daemon: toomanyrequests: Rate exceeded", "image-pull", "limits"},
		{docPull, "CannotPullContainerError: Error response from daemon: Head \"https://123456789012.dkr.ecr.us-east-1.amazonaws.com/v2/web/manifests/9\": no basic auth credentials", "image-denied", "credentials"},
		{docPull, "CannotPullContainerError: Error response from daemon: denied: Your authorization token has expired. Reauthenticate and try again.", "image-denied", "credentials"},
		{docPull, "CannotPullContainerError: Error response from daemon: Get \"https://123456789012.dkr.ecr.us-east-1.amazonaws.com/v2/\": net/http: TLS handshake timeout", "image-pull", "network"},
		{docPull, "CannotPullContainerError: Error response from daemon: Get \"https://123456789012.dkr.ecr.us-east-1.amazonaws.com/v2/\": dial tcp: lookup 123456789012.dkr.ecr.us-east-1.amazonaws.com: no such host", "image-pull", "network"},
		{docPull, "CannotPullContainerError: pull command failed: panic: runtime error: invalid memory address or nil pointer dereference", "image-pull", "registry"},
		{docPull, "CannotPullContainerError: pull image manifest has been retried 1 time(s): image Manifest does not contain descriptor matching platform 'linux/arm64'", "image-platform", "platform"},
		{docPull, "CannotPullContainerError: no matching manifest for windows/amd64 10.0.17763 in the manifest list entries", "image-platform", "platform"},
		{docPull, "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref 210987654321.dkr.ecr.us-east-1.amazonaws.com/base:3: unexpected status from HEAD request to https://210987654321.dkr.ecr.us-east-1.amazonaws.com/v2/base/manifests/3: 401 Unauthorized", "image-denied", "policy"},
		{docPull, "CannotPullImageManifestError: Error response from daemon: manifest unknown: manifest unknown", "image-missing", "image"},
		{docPull, "CannotPullECRContainerError: AccessDeniedException: " + me + "ecr:GetAuthorizationToken on resource: *", "image-denied", "role web-exec ecr:GetAuthorizationToken"},
		{roadmap + "/2493", "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref ghcr.io/team/web:9: failed to authorize: failed to fetch oauth token: unexpected status from GET request to https://ghcr.io/token: 403 Forbidden", "image-denied", "credentials"},
		{roadmap + "/1332", "CannotPullContainerError: ref pull has been retried 1 time(s): failed to unpack image on snapshotter overlayfs: failed to extract layer sha256:c0: write /var/lib/containerd/x: no space left on device: unknown", "image-pull", "storage"},
		{agent, "CannotPullContainerAuthError: the registry's credentials were refused", "image-pull", "registry"},
		{docInit, "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve ecr registry auth: service call has been retried 3 time(s): RequestError: send request failed caused by: Post \"https://api.ecr.us-east-1.amazonaws.com/\": dial tcp 10.0.0.7:443: i/o timeout. Please check your task network configuration.", "image-pull", "network"},
		{docInit, "ResourceInitializationError: unable to pull secrets or registry auth: The task cannot pull registry auth from Amazon ECR: There is a connection issue between the task and Amazon ECR. Check your task network configuration. RequestError: send request failed", "image-pull", "network"},
		{docInit, "ResourceInitializationError: unable to pull secrets or registry auth: The task cannot pull registry auth from Amazon ECR: operation error ECR: GetAuthorizationToken, https response error StatusCode: 400, api error AccessDeniedException: " + me + "ecr:GetAuthorizationToken on resource: * because no identity-based policy allows the ecr:GetAuthorizationToken action", "image-denied", "role web-exec ecr:GetAuthorizationToken"},
		{docInit, asm + "failed to fetch secret " + secret + " from secrets manager: AccessDeniedException: " + me + "secretsmanager:GetSecretValue on resource: " + secret + " because no identity-based policy allows the secretsmanager:GetSecretValue action", "secret-denied", "secretsmanager:GetSecretValue on " + secret},
		{docInit, asm + "failed to fetch secret " + secret + " from secrets manager: RequestCanceled: request context canceled caused by: context deadline exceeded. Please check your task network configuration.", "initialization", "network"},
		{docInit, asm + "failed to fetch secret " + secret + " from secrets manager: AccessDeniedException: Access to KMS is not allowed", "secret-denied", "kms:Decrypt"},
		{docInit, asm + "failed to fetch secret " + secret + " from secrets manager: ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: AWSCURRENT", "secret-missing", "secret"},
		{docInit, asm + "failed to fetch secret " + secret + " from secrets manager: InvalidRequestException: You can't perform this operation on the secret because it was marked for deletion.", "initialization", "secrets"},
		{docInit, asm + "retrieved secret from Secrets Manager did not contain json key DB_PASSWORD", "secret-format", "JSON"},
		{docInit, asm + "invalid character 'h' looking for beginning of value", "secret-format", "JSON"},
		{docInit, ssm + "AccessDeniedException: " + me + "ssm:GetParameters on resource: arn:aws:ssm:eu-west-1:123456789012:parameter/web/key because no identity-based policy allows the ssm:GetParameters action", "secret-denied", "ssm:GetParameters on arn:aws:ssm:eu-west-1:123456789012:parameter/web/key"},
		{docInit, ssm + "invalid ssm parameters: /web/key, /web/other", "secret-missing", "secret"},
		{docInit, ssm + "RequestCanceled: request context canceled", "initialization", "network"},
		{docInit, "ResourceNotFoundException: The task can’t retrieve the secret with ARN '" + secret + "' from AWS Secrets Manager. Check whether the secret exists in the specified Region.", "secret-missing", "secret"},
		{docInit, "ResourceInitializationError: The task can't retrieve the environment variable files. failed to download env files: file download command: non empty error stream: service call has been retried 1 time(s): AccessDenied: Access Denied", "initialization", "environment file"},
		{docInit, logs + "failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1", "log-group-missing", "log group"},
		{docInit, logs + "failed to create Cloudwatch log stream: AccessDeniedException: " + me + "logs:CreateLogStream on resource: arn:aws:logs:eu-west-1:123456789012:log-group:/web:log-stream:web/web/1 because no identity-based policy allows the logs:CreateLogStream action", "initialization", "role web-exec logs:CreateLogStream"},
		{docInit, logs + "failed to create Cloudwatch log group: AccessDeniedException: " + me + "logs:CreateLogGroup on resource: arn:aws:logs:eu-west-1:123456789012:log-group:/web", "initialization", "logs:CreateLogGroup"},
		{docInit, "ResourceInitializationError: failed to validate logger args: The task cannot find the Amazon CloudWatch log group defined in the task definition. There is a connection issue between the task and Amazon CloudWatch. Check your network configuration. : signal: killed", "initialization", "network"},
		{docInit, "ResourceInitializationError: unable to get awslogs driver arguments: awslogs-region is required", "initialization", "log configuration"},
		{docInit, "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: mount.nfs4: Connection timed out : unsuccessful EFS utils command execution; code: 32", "initialization", "volume"},
		{docInit, "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: b'mount.nfs4: access denied by server while mounting 127.0.0.1:/' : unsuccessful EFS utils command execution; code: 32", "initialization", "volume"},
		{docCodes, "Timeout waiting for EBS volume to attach", "initialization", "volume"},
		{docCodes, "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment enabled in subnet 'subnet-0': InsufficientFreeAddressesInSubnet", "initialization", "addresses"},
		{docCodes, "Timeout waiting for network interface provisioning to complete.", "initialization", "network"},
		{docCodes, "InternalError: an internal error occurred", "interrupted", "again"},
		{docCodes, "OutOfMemoryError: Container killed due to memory usage", "out-of-memory", "memory"},
		{docCodes, "Task failed container health checks", "health-check", "log"},
		{docCodes, "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef)", "health-check", "grace"},
		{docCodes, "Scaling activity initiated by (deployment ecs-svc/0123456789012345678)", "replaced", ""},
		{docCodes, "Host EC2 (instance i-0123456789abcdef0) stopped/terminated.", "interrupted", "replacement"},
		{docCodes, "Your Spot Task was interrupted.", "interrupted", "replacement"},
		{docCodes, "ECS is performing maintenance on the underlying infrastructure hosting the task.", "interrupted", "replacement"},
		{docCodes, "Task stopped by user", "stopped-by-user", ""},
		{docFail, "TaskFailedToStart: RESOURCE:MEMORY", "capacity", "capacity"},
		{docFail, "RESOURCE:PORTS", "capacity", "port"},
		{docFail, "TaskFailedToStart: MemberOf placement constraint unsatisfied.", "capacity", "attribute"},
		{docFail, "TaskFailedToStart: NO ACTIVE INSTANCES", "capacity", "capacity"},
		{docFail, "TaskFailedToStart: EMPTY CAPACITY PROVIDER", "capacity", "capacity"},
		{docFail, "AGENT", "capacity", "agent"},
		{docFail, "Capacity is unavailable at this time. Please try again later or in a different availability zone", "capacity", "capacity"},
		{docFail, "You've reached the limit on the number of vCPUs you can run concurrently", "capacity", "capacity"},
		{agent, "CannotStartContainerError: Error response from daemon: OCI runtime create failed: container_linux.go:380: starting container process caused: exec: \"./start.sh\": permission denied: unknown", "command", "command"},
		{agent, "CannotStartContainerError: Error response from daemon: failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"/app/server\": stat /app/server: no such file or directory: unknown", "command", "entry point"},
		{agent, "CannotStartContainerError: Error response from daemon: driver failed programming external connectivity on endpoint ecs-web: Bind for 0.0.0.0:80 failed: port is already allocated", "initialization", "port"},
		{agent, "CannotCreateContainerError: Error response from daemon: devmapper: Thin Pool has 10 free data blocks which is less than minimum required 4449 free data blocks", "initialization", "disk"},
		{agent, "DockerTimeoutError: Could not transition to created; timed out after waiting 4m0s", "initialization", "check"},
		{agent, "CannotStartContainerError: exec /usr/bin/app: exec format error", "image-platform", "platform"},
		{agent, "TaskDependencyError: dependency graph: cannot resolve dependencies; container migrate exited", "initialization", "log"},
		{agent, "CannotCreateVolumeError: error mounting volume: no such volume", "initialization", "volume"},
		{moby, "CannotPullContainerError: Error response from daemon: Get \"https://registry-1.docker.io/v2/\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)", "image-pull", "network"},
		{repost, "Essential container in task exited", "unknown", "events"},
		{repost, "Task failed to start", "unknown", "events"},
		{repost, "The quick brown fox", "unknown", "events"},
	}
	unknown := 0
	for _, r := range rows {
		for _, level := range []string{"task", "container"} {
			task := ecsx.StoppedTask{Group: "service:web", Reason: r.text}
			if level == "container" {
				task.Reason = "Task failed to start"
				task.Containers = []ecsx.StoppedContainer{{Name: "proxy", Essential: true}, {Name: "web", Essential: true, Reason: r.text}}
				if strings.HasPrefix(r.text, "Scaling") || strings.HasPrefix(r.text, "Task stopped") {
					continue // said of tasks only
				}
			}
			c := task.Classify()
			if !strings.EqualFold(string(r.class), string(c.Class)) {
				t.Errorf("%s level: %s, want %s: %s\n   %s", level, c.Class, r.class, r.text, r.source)
			}
			if !strings.Contains(strings.ToLower(c.Next), strings.ToLower(r.next)) {
				t.Errorf("%s level: next step %q does not speak of %q: %s", level, c.Next, r.next, r.text)
			}
			if level == "container" && c.Class != "unknown" && c.Class != "health-check" {
				require.Equal(t, "web", c.Container, r.text)
			}
			if c.Class == "unknown" {
				unknown++
			}
		}
	}
	t.Logf("%d texts, %d of %d judgements unknown", len(rows), unknown, 2*len(rows))
	require.GreaterOrEqual(t, len(rows), 60)
}

// A denial is never explained by capacity, whatever resource it names.
func TestDenialIsNotCapacity(t *testing.T) {
	t.Parallel()
	for _, resource := range []string{"*", "arn:aws:ecs:us-east-1:123456789012:cluster/AGENT", "RESOURCE:MEMORY"} {
		c := ecsx.StoppedTask{StopCode: types.TaskStopCodeTaskFailedToStart, Reason: "CannotPullContainerError: AccessDeniedException: User: arn:aws:sts::1:assumed-role/exec/x is not authorized to perform: ecr:BatchGetImage on resource: " + resource}.Classify()
		require.Equal(t, ecsx.Class("image-denied"), c.Class)
		require.NotContains(t, c.Next, "capacity")
	}
}

// The exit code and the container are there for both levels of EC2's texts.
func TestCauseNamesItsContainer(t *testing.T) {
	t.Parallel()
	code := 137
	c := ecsx.StoppedTask{
		Group: "service:web", StopCode: types.TaskStopCodeEssentialContainerExited, Reason: "Essential container in task exited",
		Containers: []ecsx.StoppedContainer{{Name: "web", Essential: true, ExitCode: &code, Reason: "OutOfMemoryError: Container killed due to memory usage"}},
	}.Classify()
	require.Equal(t, ecsx.Class("out-of-memory"), c.Class)
	require.Equal(t, "web", c.Container)
	require.Equal(t, 137, *c.ExitCode)
}

// TestExcerpts has the line that a person would quote from the end of a log.
func TestExcerpts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ log, want string }{
		"Python":           {"Traceback (most recent call last):\n  File \"/a.py\", line 1, in <module>\n    import x\nImportError: cannot import name 'x' from 'y'", "ImportError: cannot import name 'x'"},
		"Python, chained":  {"Traceback (most recent call last):\n  File \"/a.py\", line 1\nKeyError: 'A'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"/b.py\", line 2\napp.errors.ConfigError: A is not set\n", "ConfigError: A is not set"},
		"Java":             {"Exception in thread \"main\" java.lang.IllegalStateException: boot failed\n\tat com.x.Main.main(Main.java:3)\nCaused by: java.sql.SQLException: Access denied for user 'app'\n\t... 3 more", "Caused by: java.sql.SQLException: Access denied"},
		"Go":               {"2026/11/26 starting\npanic: open /etc/app.yaml: no such file or directory\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:9 +0x1\nexit status 2", "panic: open /etc/app.yaml"},
		"Node":             {"node:internal/modules/cjs/loader:1\n  throw err;\n  ^\n\nError: Cannot find module './server'\nRequire stack:\n- /app/index.js\n    at Module._load (node:internal:1:1) {\n  code: 'MODULE_NOT_FOUND'\n}\n\nNode.js v20.11.0", "Error: Cannot find module './server'"},
		"Rust":             {"thread 'main' panicked at src/main.rs:4:5:\ncalled `Result::unwrap()` on an `Err` value: NotPresent\nnote: run with RUST_BACKTRACE=1", "thread 'main' panicked"},
		"Ruby":             {"bundler: failed to load command: puma\n/app/config/environment.rb:5:in `<top (required)>': PG::ConnectionBad (PG::ConnectionBad)\n\tfrom /gems/x.rb:1:in `y'", "PG::ConnectionBad"},
		"JSON":             {`{"level":"error","msg":"listen","error":"bind: address already in use"}` + "\n" + `{"level":"info","msg":"stopped, 0 errors"}`, "listen: bind: address already in use"},
		"marked":           {"[ERROR] could not connect to redis\n[INFO] retrying\n[INFO] stopped", "[ERROR] could not connect to redis"},
		"benign afterward": {"FATAL: role \"app\" does not exist\nshutdown complete: 0 errors", "FATAL: role \"app\" does not exist"},
		"nothing telling":  {"one\ntwo", "two"},
		"PostgreSQL":       {"psql: error: connection to server at \"db\" (10.0.0.5), port 5432 failed: FATAL:  password authentication failed for user \"app\"", "password authentication failed"},
		"colours":          {"\x1b[31;1mERROR\x1b[0m disk is full\x1b]0;owned\x07\r", "ERROR disk is full"},
		"empty":            {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one := 1
			task := ecsx.StoppedTask{Group: "service:web", StopCode: types.TaskStopCodeEssentialContainerExited, Containers: []ecsx.StoppedContainer{{Name: "web", Essential: true, ExitCode: &one}}}
			for line := range strings.SplitSeq(test.log, "\n") {
				task.Containers[0].Log.Lines = append(task.Containers[0].Log.Lines, ecsx.Line{Message: line})
			}
			c := task.Classify()
			require.Contains(t, c.Excerpt, test.want)
			require.NotContains(t, c.Excerpt, "\x1b")
			require.Equal(t, ecsx.Class("application"), c.Class)
		})
	}
}

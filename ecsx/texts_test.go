package ecsx_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecsx"
)

const issue = "https://github.com/"

// TestClassifyTextsOfUsers has texts as users quote them in public, cut as the
// console cuts them, and events of services; each with what a person would answer.
func TestClassifyTextsOfUsers(t *testing.T) {
	t.Parallel()
	const pull = "CannotPullContainerError: "
	const init = "ResourceInitializationError: "
	rows := []struct {
		source, text string
		class        ecsx.Class
		next         string
	}{
		{issue + "Releem/releem-agent/issues/195", init + "unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 5 time(s): failed to fetch secret arn:aws:secretsmanager:us-west-2:*:secret:DB-* from secrets manager: RequestCanceled: request context canceled caused by: context deadline exceeded. Please check your task network configuration.", "initialization", "network"},
		{issue + "hashicorp/terraform-provider-aws/issues/33044", init + "unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secrets from ssm: service call has been retried 5 time(s): RequestCanceled: request context canceled caused by: context deadline exceeded. Please check your task network configuration.", "initialization", "network"},
		{issue + "aws-samples/keycloak-on-aws/issues/222", init + "unable to pull secrets or registry auth: execution resource retrieval failed: unable to get registry auth from asm: service call has been retried 5 time(s): asm fetching secret from the service for ...", "initialization", "role"},
		{issue + "aws/aws-app-mesh-examples/issues/413", init + "unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve ecr registry auth: service call has been retried 5 time(s): RequestError: send request failed caused by: Post https://api.ecr....", "image-pull", "network"},
		{issue + "docker-archive/compose-cli/issues/1510", "TaskFailedToStart: " + init + "unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret arn:aws:secretsmanager:eu-west-1:123456789...", "initialization", "secret"},
		{issue + "aws/amazon-ecs-cli/issues/194", "CannotCreateContainerError: API error (500): Untar", "initialization", "check"},
		{issue + "aws/amazon-ecs-agent/issues/218", "CannotStartContainerError: API error (404): Cannot start container 986d: adding interface veth0e8d337 to bridge docker0 failed: could not find bridge docker0: no such network interface", "initialization", "network"},
		{issue + "aws/containers-roadmap/issues/1133", pull + "containerd: pull command failed: time=\"2021-08-20T13:58:49Z\" level=info msg=\"apply failure, attempting cleanup\" error=\"failed to extract layer sha256:e246: write /var/lib/x: no space left on device", "image-pull", "storage"},
		{issue + "aws/containers-roadmap/issues/1133", pull + "containerd: pull command failed: time=\"2021-08-20T13:58:49Z\" level=fatal msg=\"failed to resolve reference \\\"123456789012.dkr.ecr.us-east-1.amazonaws.com/web:9\\\": pulling from host 123456789012.dkr.ecr.us-east-1.amazonaws.com failed with status code [manifests 9]: 401 Unauthorized\"", "image-denied", "credentials"},
		{issue + "aws/aws-xray-daemon/issues/146", pull + "ref pull has been retried 1 time(s): failed to copy: httpReaderSeeker: failed open: unexpected status code https://registry-1.docker.io/v2/amazon/aws-xray-daemon/manifests/sha256:2d964e1dbe7a...", "image-pull", "registry"},
		{issue + "aws-samples/net-modernization/issues/13", "CannotStartContainerError: " + init + "unable to create new container: mount callback failed on /tmp/containerd-mount916692511: open /tmp/containerd-mount916692511/etc/passwd: no such file or directory", "initialization", "image"},
		{"https://cloudwithgagan.com/blog/fix-aws-ecs-task-failed-to-start-errors/", "ECS was unable to assume the role 'arn:aws:iam::123456789012:role/web-exec' that was provided for this task. Please verify that the role being passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this role.", "initialization", "web-exec"},
		{agent, "TaskStoppedBeforePullBeginError: Task stopped before image pull could begin", "unknown", "events"},
		{agent, "ContainerRuntimeTimeoutError: Could not transition to running; timed out after waiting 3m0s", "initialization", "check"},
		{agent, "CannotInspectContainerError: Could not transition to inspecting; timed out after waiting 30s", "initialization", "check"},
		{agent, "ContainerNetworkingError: failed to set up container network namespace", "initialization", "network"},
		{agent, "CannotPullContainerError: Could not reach any registry endpoint", "image-pull", "network"},
		{moby, pull + "Error response from daemon: Get \"https://registry.example.com/v2/\": x509: certificate signed by unknown authority", "image-pull", "certificate"},
		{moby, pull + "Error response from daemon: Get \"https://registry.example.com/v2/\": dial tcp 10.1.2.3:443: connect: connection refused", "image-pull", "network"},
		{moby, pull + "invalid reference format: repository name must be lowercase", "image-missing", "reference"},
		{moby, pull + "Error response from daemon: received unexpected HTTP status: 503 Service Unavailable", "image-pull", "try again"},
		{moby, pull + "Error response from daemon: Get \"https://123456789012.dkr.ecr.us-east-1.amazonaws.com/v2/web/manifests/9\": EOF", "image-pull", "network"},
		{moby, "CannotStartContainerError: Error response from daemon: failed to initialize logging driver: dial tcp 127.0.0.1:24224: connect: connection refused", "initialization", "log"},
		{moby, "CannotStartContainerError: Error response from daemon: failed to initialize logging driver: failed to create Cloudwatch log stream: NoCredentialProviders: no valid providers in chain. Deprecated.", "initialization", "role"},
		{moby, "CannotCreateContainerError: Error response from daemon: Minimum memory limit allowed is 6MB", "initialization", "memory"},
		{moby, "CannotStartContainerError: Error response from daemon: OCI runtime create failed: runc create failed: unable to start container process: error during container init: error mounting \"/host/app.conf\" to rootfs at \"/etc/app.conf\": mount /host/app.conf:/etc/app.conf, flags: 0x5000: not a directory: unknown", "initialization", "volume"},
		{moby, "CannotStartContainerError: OCI runtime create failed: container_linux.go:348: starting container process caused \"process_linux.go:402: container init caused \\\"exec user process caused: no such file or directory\\\"\"", "command", "entry point"},
		{moby, "CannotStartContainerError: Error response from daemon: failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: chdir to cwd (\"/srv/app\") set in config.json failed: no such file or directory", "command", "entry point"},
		{moby, "CannotStartContainerError: Error response from daemon: unable to find user app: no matching entries in passwd file", "command", "user"},
		{docInit, init + "failed to download env files: file download command: non empty error stream: service call has been retried 1 time(s): NoSuchKey: The specified key does not exist. status code: 404", "initialization", "environment file"},
		{docInit, init + "failed to download env files: file download command: non empty error stream: RequestCanceled: waiter context canceled caused by: context deadline exceeded", "initialization", "network"},
		{docInit, init + "The task cannot pull 'arn:aws:ssm:eu-west-1:123456789012:parameter/web/key' from AWS Systems Manager. There is a connection issue between the task and AWS Systems Manager. Check your task network configuration.", "initialization", "network"},
		{docInit, init + "unable to pull secrets or registry auth: netlink failure", "initialization", "network"},
		{docInit, init + "unable to pull secrets or registry auth: pull command failed: : signal: killed", "initialization", "network"},
		{docInit, init + "failed to invoke EFS utils commands to set up EFS volumes: stderr: b'mount.nfs4: mounting 127.0.0.1:/data failed, reason given by server: No such file or directory' : unsuccessful EFS utils command execution; code: 32", "initialization", "volume"},
		{docInit, init + "failed to configure ENI: failed to setup regular eni: netplugin failed with no error message", "initialization", "network"},
		{docCodes, "ResourceNotFoundException: Fetching secret data from SSM Parameter Store in eu-west-1: invalid parameters: /web/key", "secret-missing", "secret"},
		{docCodes, "Fetching secret data from AWS Secrets Manager in region eu-west-1: secret arn:aws:secretsmanager:eu-west-1:123456789012:secret:web-AbCdEf: ResourceNotFoundException: Secrets Manager can't find the specified secret. status code: 400", "secret-missing", "secret"},
		{docCodes, "Task failed VPC Lattice target health checks in (target-group arn:aws:vpc-lattice:eu-west-1:123456789012:targetgroup/tg-0)", "health-check", "log"},
		{"https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html", "(service web) (task 0123456789abcdef0123456789abcdef) (port 8080) is unhealthy in (target-group arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0) due to (reason Health checks failed with these codes: [502])", "health-check", "log"},
		{"https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html", "(service web) (port 8080) is unhealthy in (target-group arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0) due to (reason Request timed out)", "health-check", "log"},
		{"https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html", "(service web) was unable to place a task because no container instance met all of its requirements. The closest matching (container-instance 0123) has insufficient CPU units available.", "capacity", "capacity"},
		{"https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html", "(service web) was unable to place a task. Reason: You've reached the limit on the number of Fargate vCPUs you can run concurrently.", "capacity", "quota"},
		{"https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html", "(service web) was unable to place a task. Reason: CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to resolve ref 123456789012.dkr.ecr.eu-west-1.amazonaws.com/web:9: not found", "image-missing", "image"},
		{roadmap, "No Fargate Spot capacity was available.", "capacity", "capacity"},
		{roadmap, "Scaling activity initiated by deployment ecs-svc/0123456789012345678", "replaced", ""},
		{issue + "aws/amazon-ecs-agent/issues/4825", "Timeout waiting for network interface provisioning to complete.", "initialization", "network"},
		{issue + "sil-org/ecs-deploy/issues/277", "was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in a different availability zone", "capacity", "capacity"},
		{issue + "aws/containers-roadmap/issues/1425", "CannotCreateVolumeError: unable to copy contents to volume on host: containerd: failed to get image reference: context deadline exceeded", "initialization", "volume"},
		{issue + "aws/containers-roadmap/issues/2599", "CannotCreateVolumeError: unable mirror /var/lib/two/volumes/0/volumes/vf-1 to /var/lib/two/volumes/0/volumes/v: failed to copy existing contents to task volume unable to copy contents from the image /var/lib/two/volumes/0", "initialization", "volume"},
		{issue + "cloudstax/firecamp/issues/46", "CannotStartContainerError:  API error (500): error while mounting volume  '/var/lib/docker/plugins/2ec1/rootfs':  VolumeDriver.Mount: Mount failed, get service member error Timeout,  serviceUUID d5cc", "initialization", "volume"},
		{issue + "aws/amazon-ecs-agent/issues/712", "CannotStartContainerError: API error (500): invalid header field value \"oci runtime error: container_linux.go:247: starting container process caused \\\"process_linux.go:359: container init caused \\\\\\\"rootfs_linux.go:53: mounting \\\\\\\"/root/app.properti", "initialization", "volume"},
		{issue + "aws/amazon-ecs-agent/issues/951", "CannotStartContainerError: API error (500): oci runtime error: container_linux.go:247: starting container process caused \"process_linux.go:359: container init caused \\\"rootfs_linux.go:54: mounting \\\"/opt/conf\\\" to rootfs \\\"/var/lib/docker/overlay/9fe4/merged\\\" at \\\"/etc/nginx/sites-enabled\\\" caused \\\"mkdir /etc/nginx/sites-enabled: read-only file system\\\"\"", "initialization", "volume"},
		{issue + "aws/amazon-ecs-agent/issues/3526", "Cannotstartcontainererror: ResourceInitializationError: failed to create new container runtime task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: error creating device nodes: mknod /run/containerd/rootfs/dev/null: errno 524: unknown", "initialization", "check"},
		{issue + "aws/amazon-ecs-agent/issues/321", "HostConfigError: Unable to resolve volume mounts; invalid path: pipeline-1-0-1 -tmp;  -> /tmp", "initialization", "volume"},
		{issue + "aws/aws-cdk/issues/14457", pull + "inspect image has been retried 1 time(s): failed to resolve ref \"registry.example/web\": unexpected status code [manifests 6981141]: 403 Forbidden", "image-denied", "role"},
		{issue + "aws/amazon-ecs-agent/issues/1128", pull + "API error (500): Get https://registry-1.docker.io/v2/: net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)", "image-pull", "network"},
		{issue + "aws/aws-for-fluent-bit/issues/234", pull + "inspect image has been retried 5 time(s): httpReaderSeeker: failed open: unexpected status code https://registry-1.docker.io/v2/amazon/aws-for-fluent-bit/manifests/sha256:330a24bcd4e0058d70e70a0bb1ff805065161ffe3aa96296f09b555...", "image-pull", "registry"},
		{issue + "deepfence/terraform-aws-cloud-scanner/issues/13", pull + "pull image manifest has been retried 5 time(s): failed to resolve ref quay.io/deepfenceio/cloud-scanner:latest: failed to do request: Head \"https://quay.io/v2/deepfenceio/cloud-scanner/manifests/latest\": dial tcp 3.210.148.47:443: i/o timeout", "image-pull", "network"},
		{issue + "terraform-aws-modules/terraform-aws-ecs/pull/313", init + "failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log group: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/web-ecs-task-execution-role/0 is not authorized to perform: logs:CreateLogGroup on resource: arn:aws:logs:eu-central-1:123456789012:log-group:web:log-stream: because no identity-based policy allows the logs:CreateLogGroup action : exit status 1", "initialization", "role web-ecs-task-execution-role logs:CreateLogGroup"},
		{issue + "PrefectHQ/prefect/issues/20237", "TaskFailedToStart - " + init + "failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log group: operation error CloudWatch Logs: CreateLogGroup, https response error StatusCode: 400, RequestID: c8e093f6, api error AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/PrefectEcsTaskExecutionRole/7a29 is not authorized to perform: logs:CreateLogGroup on resource: arn:aws:logs:us-east-2:123456789012:log-group:prefect:log-stream: because no identity-based policy allows the logs:CreateLogGroup action : exit status 1", "initialization", "role PrefectEcsTaskExecutionRole logs:CreateLogGroup"},
		{issue + "prakhar1989/docker-curriculum/issues/260", "CannotStartContainerError: Error response from daemon: failed to initialize logging driver: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist.", "log-group-missing", "log group"},
		{issue + "prakhar1989/docker-curriculum/issues/260", "CannotStartContainerError: Error response from daemon: failed to initialize logging driver: failed to create Cloudwatch log group: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/amazon-ecs-cli-setup-EcsInstanceRole-1II7J9P4", "initialization", "log group"},
		{issue + "acp-io/terraform-grafana/issues/4", init + "failed to invoke EFS utils commands to set up EFS volumes: stderr: b'mount.nfs4: mounting fs-0123456789abcdef0.efs.eu-west-1.amazonaws.com:/grafana failed, reason given by server: No such file or directory' : unsuccessful EFS utils command execution; code: 32", "initialization", "volume"},
		{issue + "cn-terraform/terraform-aws-jenkins/issues/23", init + "failed to invoke EFS utils commands to set up EFS volumes: stderr: Failed to resolve \"fs-0867a83d8ed398433.efs.", "initialization", "volume"},
		{issue + "cn-terraform/terraform-aws-jenkins/issues/23", "Attempting to lookup mount target ip address using botocore. Failed to import necessary dependency botocore, please install botocore first. : unsuccessful EFS utils command execution; code: 1", "initialization", "volume"},
		{issue + "docker-archive/compose-cli/issues/1490", init + "failed to invoke EFS utils commands to set up EFS volumes: stderr: mount.nfs4: Connection reset by peer : unsuccessful EFS utils command execution; code: 32", "initialization", "volume"},
		{issue + "aws-actions/amazon-ecs-deploy-task-definition/issues/232", "DockerTimeoutError: Could not tranisition to started; timed out after waiting 8m0s", "initialization", "check"},
		{"https://www.fixdevs.com/blog/aws-ecs-task-failed-to-start/", "CannotStartContainerError: bind for 0.0.0.0:8080 failed: port is already allocated", "initialization", "port"},
		{"https://errornotes.dev/vi/errors/aws/fix-aws-ecs-resourceinitializationerror-unable-to-retrieve-ecr-registry-auth", init + "unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve ecr registry auth: service call has been retried 3 time(s): RequestError: send request failed", "image-pull", "network"},
		{"https://gist.github.com/efekarakus/fe4afc1ab8b54835d27e47e253f46254", "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/nginxTarge-16DD4KDLKAI7U/a6d71c9b9c18b389)", "health-check", "log"},
		{issue + "aws/amazon-ecs-agent/issues/1654", "Task failed to start", "unknown", "events"},
	}
	unknown, wrong := 0, 0
	for _, r := range rows {
		c := ecsx.StoppedTask{Group: "service:web", StopCode: types.TaskStopCodeTaskFailedToStart, Reason: r.text}.Classify()
		if r.class != c.Class || !strings.Contains(strings.ToLower(c.Next), strings.ToLower(r.next)) {
			wrong++
			t.Errorf("%s with next step %q, want %s with %q: %s\n   %s", c.Class, c.Next, r.class, r.next, r.text, r.source)
		}
		if c.Class == "unknown" {
			unknown++
		}
	}
	t.Logf("%d texts, %d unknown, %d otherwise than a person", len(rows), unknown, wrong)
	require.GreaterOrEqual(t, len(rows), 60)
}

package ecsx_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/ecsx"
)

func TestClassifyReasons(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]ecsx.Class{
		"CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref 1.dkr.ecr.eu-west-1.amazonaws.com/app:v1: not found":                                             "image-missing",
		"CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/amd64'":                                                                                            "image-platform",
		"CannotPullContainerError: failed to resolve ref docker.io/library/x:latest: pull access denied, repository does not exist or may require authorization":                                          "image-denied",
		"CannotPullContainerError: ref pull has been retried 1 time(s): failed to copy: httpReaderSeeker: failed open: unexpected status code: toomanyrequests":                                           "image-pull",
		"ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: ResourceNotFoundException: The specified log group does not exist.":                         "log-group-missing",
		"ResourceNotFoundException: The task can’t retrieve the secret with ARN 'arn:aws:secretsmanager:eu-west-1:1:secret:x' from AWS Secrets Manager. Secrets Manager can't find the specified secret.": "secret-missing",
		"Fetching secret data from AWS Secrets Manager in region eu-west-1: secret arn:aws:secretsmanager:eu-west-1:1:secret:x: AccessDeniedException: not allowed":                                       "secret-denied",
		"ResourceInitializationError: unable to pull secrets or registry auth: invalid character 'p' in literal":                                                                                          "secret-format",
		"ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes":                                                                                                          "initialization",
		"Task failed container health checks":                                    "health-check",
		"Task failed ELB health checks in (target-group arn:aws:x)":              "health-check",
		"Scaling activity initiated by (deployment ecs-svc/1234567890123456789)": "replaced",
		"Host EC2 (instance i-0123) terminated.":                                 "interrupted",
		"TaskFailedToStart: RESOURCE:MEMORY":                                     "capacity",
		"something new":                                                          "unknown",
	} {
		require.Equal(t, want, ecsx.StoppedTask{Group: "service:web", Reason: reason}.Classify().Class, reason)
	}
}

func TestClassifyOutOfMemoryOnlyWhenSaid(t *testing.T) {
	t.Parallel()
	code := 137
	killed := ecsx.StoppedTask{Group: "service:web", StopCode: types.TaskStopCodeEssentialContainerExited, Containers: []ecsx.StoppedContainer{{Name: "app", Essential: true, ExitCode: &code}}}
	require.Equal(t, ecsx.Class("application"), killed.Classify().Class)
	killed.Containers[0].Reason = "OutOfMemoryError: container killed due to memory usage"
	require.Equal(t, ecsx.Class("out-of-memory"), killed.Classify().Class)
}

func TestClassifyExitOfAServiceContainerWithZero(t *testing.T) {
	t.Parallel()
	zero := 0
	c := ecsx.StoppedTask{Group: "service:web", StopCode: types.TaskStopCodeEssentialContainerExited, Reason: "Essential container in task exited", Containers: []ecsx.StoppedContainer{{Name: "app", Essential: true, ExitCode: &zero}}}.Classify()
	require.Equal(t, ecsx.Class("application"), c.Class)
	require.True(t, c.Class.Failure())
}

// TestClassifyTextsFromTheField holds the classes against texts that were seen
// in public, each classified by hand.
func TestClassifyTextsFromTheField(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("STACKRESCUE_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "corpus")
	}
	b, err := os.ReadFile(filepath.Join(dir, "events", "stopped_reasons.tsv"))
	if err != nil {
		if os.Getenv("STACKRESCUE_NO_SKIP") == "1" {
			t.Fatal(err)
		}
		t.Skip("the corpus is not here, set STACKRESCUE_CORPUS: ", err)
	}
	want := map[string][]ecsx.Class{
		"health":         {"health-check"},
		"oom":            {"out-of-memory"},
		"pull:denied":    {"image-denied"},
		"pull:disk":      {"image-pull"},
		"pull:network":   {"image-pull", "initialization"},
		"pull:not-found": {"image-missing", "image-denied", "secret-missing"}, // a registry that denies may mean either
		"pull:platform":  {"image-platform"},
		"scheduler":      {"replaced"},
		"spot":           {"interrupted", "capacity"},
	}
	seen := 0
	for line := range strings.Lines(string(b)) {
		f := strings.Split(line, "\t")
		if classes := want[f[0]]; classes != nil {
			seen++
			task := ecsx.StoppedTask{Group: "service:web", Reason: f[2]}
			if got := task.Classify().Class; !slices.Contains(classes, got) {
				t.Errorf("%s: %s: %s", f[0], got, f[2])
			}
		}
	}
	require.Greater(t, seen, 30)
}

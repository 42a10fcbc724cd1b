package clients

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// TestAWSCLI takes the AWS CLI through the steps: the one of version 2 if there
// are several in PATH, all of them with STACKRESCUE_ALL_CLIENTS=1.
func TestAWSCLI(t *testing.T) {
	t.Parallel()
	clis := findCLIs()
	if len(clis) == 0 {
		skip(t, "no AWS CLI in PATH")
	}
	if os.Getenv("STACKRESCUE_ALL_CLIENTS") != "1" {
		clis = preferred(clis)
	}
	some := steps // each is a process of the CLI, a second of CPU
	if !sample.Wide() {
		some = steps[:6]
		t.Logf("a sample: the first %d of %d steps (STACKRESCUE_SAMPLE=2); TestBoto3 takes all", len(some), len(steps))
	}
	for _, c := range clis {
		t.Run(c.version, func(t *testing.T) {
			t.Parallel()
			perform(t, some, func(cloud *rescuetest.Cloud) client {
				url := serve(t, cloud)
				return cliClient{c, url, environment(t, url)}
			})
		})
	}
}

func preferred(clis []awsCLI) []awsCLI {
	for _, c := range clis {
		if strings.HasPrefix(c.version, "2.") {
			return []awsCLI{c}
		}
	}
	return clis[:1]
}

type cliClient struct {
	cli awsCLI
	url string
	env []string
}

func (c cliClient) old() bool { return strings.HasPrefix(c.cli.version, "2.9.") }

func (c cliClient) do(t *testing.T, s step) outcome {
	t.Helper()
	service := s.service
	if service == "s3" {
		service = "s3api"
	}
	args := []string{service}
	if s.waiter != "" {
		args = append(args, "wait", s.waiter)
	} else {
		args = append(args, strings.Join(words(s.operation), "-"))
	}
	if s.operation == "GetObject" { // takes a file's name, and then no JSON
		var in struct{ Bucket, Key string }
		require.NoError(t, json.Unmarshal([]byte(s.input), &in))
		args = append(args, "--bucket", in.Bucket, "--key", in.Key)
	} else {
		args = append(args, "--cli-input-json", s.input)
	}
	if s.page > 0 {
		args = append(args, "--page-size", strconv.Itoa(s.page))
	}
	file := filepath.Join(t.TempDir(), "body")
	switch s.operation {
	case "PutObject":
		require.NoError(t, os.WriteFile(file, []byte(s.file), 0o600))
		args = append(args, "--body", file)
	case "GetObject":
		args = append(args, file)
	}
	o, err := c.cli.run(t, c.env, c.url, args...)
	require.NoError(t, err, "%s", s)
	if s.operation == "GetObject" && o.Code == "" {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, s.file, string(b))
	}
	return o
}

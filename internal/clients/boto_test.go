package clients

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// TestBoto3 takes boto3 through the steps.
func TestBoto3(t *testing.T) {
	t.Parallel()
	python := ""
	for _, name := range []string{"python3", "python"} {
		path, err := exec.LookPath(name)
		if err == nil && exec.CommandContext(t.Context(), path, "-c", "import boto3").Run() == nil {
			python = path
			break
		}
	}
	if python == "" {
		t.Skip("no Python in PATH that has boto3: an extra check, where it is installed")
	}
	perform(t, steps, func(cloud *rescuetest.Cloud) client { return startBoto(t, python, cloud) })
}

type botoClient struct {
	in  *json.Encoder
	out *bufio.Scanner
}

func startBoto(t *testing.T, python string, cloud *rescuetest.Cloud) client {
	t.Helper()
	url := serve(t, cloud)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), python, "testdata/steps.py", url)
	cmd.Env = environment(t, url)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, stdin.Close())
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %s", err, stderr.String())
		}
	})
	c := botoClient{json.NewEncoder(stdin), bufio.NewScanner(stdout)}
	c.out.Buffer(nil, 64<<20)
	require.True(t, c.out.Scan(), "%v", io.ErrUnexpectedEOF)
	t.Log(c.out.Text())
	return c
}

func (c botoClient) old() bool { return false }

func (c botoClient) do(t *testing.T, s step) outcome {
	t.Helper()
	require.NoError(t, c.in.Encode(map[string]any{"service": s.service, "operation": s.operation, "name": strings.Join(words(s.operation), "_"),
		"input": json.RawMessage(s.input), "page": s.page, "waiter": strings.ReplaceAll(s.waiter, "-", "_"), "file": s.file}))
	require.True(t, c.out.Scan(), "%s: %v", s, c.out.Err())
	var answer struct {
		Result     any
		Code, Text string
	}
	require.NoError(t, json.Unmarshal(c.out.Bytes(), &answer), c.out.Text())
	return outcome{answer.Result, answer.Code, answer.Text}
}

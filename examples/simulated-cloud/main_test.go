package main

import (
	"bytes"
	"context"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/stretchr/testify/require"
)

// lines is a writer that tests may read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestServesUntilInterrupted(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	var out lines
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"-incident", "expired-rollback-image", "-speed", "60"}, &out, io.Discard)
	}()
	endpoint := regexp.MustCompile(`AWS_ENDPOINT_URL=(http://127\.0\.0\.1:\d+)\n`)
	require.Eventually(t, func() bool { return endpoint.MatchString(out.String()) }, 30*time.Second, 10*time.Millisecond)
	c := cloudformation.New(cloudformation.Options{Region: "us-east-1", BaseEndpoint: &endpoint.FindStringSubmatch(out.String())[1],
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "s", "")})
	stacks, err := c.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String("prod")})
	require.NoError(t, err)
	require.EqualValues(t, "UPDATE_ROLLBACK_FAILED", stacks.Stacks[0].StackStatus)
	interrupt()
	require.NoError(t, <-done)
	require.Contains(t, out.String(), "stopped after 1 calls")
}

func TestUsage(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, run(t.Context(), []string{"-speed", "0"}, io.Discard, io.Discard), errUsage)
	require.ErrorIs(t, run(t.Context(), []string{"-nonsense"}, io.Discard, io.Discard), errUsage)
	require.ErrorContains(t, run(t.Context(), []string{"-incident", "other"}, io.Discard, io.Discard), "no incident")
	for flag, want := range map[string]string{
		"-switch=OutputsAfterSkip=lost": "there are kept, dropped, stale, child-dropped",
		"-switch=Nothing=x":             "no switch",
		"-fail=prod.Service":            "want STACK.RESOURCE",
		"-deny=everything":              "want an IAM action",
		"-image=nginx=dances":           "there are runs, exits:CODE:AFTER, slow:AFTER and sick, and gone",
	} {
		err := run(t.Context(), []string{flag}, io.Discard, io.Discard)
		require.ErrorIs(t, err, errUsage, flag)
		require.ErrorContains(t, err, want, flag)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-list"}, &out, io.Discard))
	require.Contains(t, out.String(), "  later-resource           The service is fine with the new code")
	require.Contains(t, out.String(), "  ForceRollback                failed-and-failing, failed-only, unknown\n")
}

// The settings reach the cloud, and what is printed is bash.
func TestSettings(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	var out lines
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"-incident", "flat-stack", "-deny", "cloudformation:ContinueUpdateRollback", "-switch", "LockedShows=attempted"}, &out, io.Discard)
	}()
	endpoint := regexp.MustCompile(`AWS_ENDPOINT_URL=(http://127\.0\.0\.1:\d+)\n`)
	require.Eventually(t, func() bool { return endpoint.MatchString(out.String()) }, 30*time.Second, 10*time.Millisecond)
	c := cloudformation.New(cloudformation.Options{Region: "us-east-1", BaseEndpoint: &endpoint.FindStringSubmatch(out.String())[1],
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "s", "")})
	_, err := c.ContinueUpdateRollback(t.Context(), &cloudformation.ContinueUpdateRollbackInput{StackName: aws.String("prod")})
	require.ErrorContains(t, err, "AccessDenied")
	stacks, err := c.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String("prod")})
	require.NoError(t, err)
	require.Equal(t, "v2", *stacks.Stacks[0].Parameters[0].ParameterValue)
	interrupt()
	require.NoError(t, <-done)
	check := exec.CommandContext(t.Context(), "bash", "-n")
	check.Stdin = strings.NewReader(strings.Split(out.String(), "\nstopped after")[0])
	text, err := check.CombinedOutput()
	require.NoError(t, err, string(text))
	require.NotContains(t, out.String(), "%!")
}

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/stackrescue/stackrescue/migrate/toolcmd"
)

// metadata is where ECS tells a container about its task.
//
// Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html
const metadata = "ECS_CONTAINER_METADATA_URI_V4"

func inTask() bool { return os.Getenv(metadata) != "" }

// name is what people see of this replica.
func name(ctx context.Context, given string) string {
	if given != "" {
		return given
	}
	host, _ := os.Hostname()
	if !inTask() {
		return host
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, os.Getenv(metadata)+"/task", nil)
	if err != nil {
		return host
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return host
	}
	defer resp.Body.Close()
	var task struct{ TaskARN string }
	if json.NewDecoder(resp.Body).Decode(&task) != nil {
		return host
	}
	return cmp.Or(task.TaskARN, host)
}

// shell is a [toolcmd.Command] on this machine.
func shell(ctx context.Context, args []string) ([]string, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	out, err := cmd.Output()
	lines := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Exited() {
		return lines, &toolcmd.CommandError{Args: args, Code: exit.ExitCode(), Lines: strings.Split(strings.TrimRight(string(exit.Stderr), "\n"), "\n")}
	}
	return lines, err
}

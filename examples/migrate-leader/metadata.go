package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"
)

// metadata is where ECS tells a container about itself and its task.
//
// Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html
const metadata = "ECS_CONTAINER_METADATA_URI_V4"

func inTask() bool { return os.Getenv(metadata) != "" }

// describe reads one document of the endpoint.
func describe(ctx context.Context, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, os.Getenv(metadata)+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("task metadata: %s", resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// name is what people see of this replica: the task's ARN, or the host's name.
func name(ctx context.Context, given string) string {
	host, _ := os.Hostname()
	if given != "" || !inTask() {
		return cmp.Or(given, host)
	}
	var task struct{ TaskARN string }
	if describe(ctx, "/task", &task) != nil {
		return host
	}
	return cmp.Or(task.TaskARN, host)
}

// imageDigest is what this container runs: two images never have the same one.
func imageDigest(ctx context.Context) (string, error) {
	var container struct{ ImageID string }
	if err := describe(ctx, "", &container); err != nil {
		return "", err
	}
	if container.ImageID == "" {
		return "", errors.New("task metadata: the container has no ImageID")
	}
	return container.ImageID, nil
}

// Command stopped-task-logs is a step of a pipeline that embeds one verb: after a
// deploy has failed it prints why the tasks of a service stopped.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/stackrescue/stackrescue/ecsx"
)

func main() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if err := explain(ctx, cfg, os.Stdout, os.Getenv("CLUSTER"), os.Getenv("SERVICE")); err != nil {
		log.Fatal(err)
	}
}

func explain(ctx context.Context, cfg aws.Config, w io.Writer, cluster, service string) error {
	q := ecsx.Query{Cluster: cluster, Service: service}
	return ecsx.WaitStoppedTaskLogs(ctx, ecs.NewFromConfig(cfg), cloudwatchlogs.NewFromConfig(cfg), q, func(t ecsx.StoppedTask) error {
		_, err := fmt.Fprintf(w, "%s: %s\n  next: %s\n", t.ARN, t.Cause.Summary, t.Cause.Next)
		return err
	}, func(o *ecsx.StoppedOptions) { o.AtLeast = -1 })
}

// Command force-deploy-latest is a step of a pipeline that embeds one verb: it
// deploys a service again on the images that its tags name now, and waits.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/stackrescue/stackrescue/ecsx"
)

func main() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if err := refresh(ctx, cfg, os.Stdout, os.Getenv("SERVICE")); err != nil {
		log.Fatal(err)
	}
}

func refresh(ctx context.Context, cfg aws.Config, w io.Writer, service string) error {
	api := ecs.NewFromConfig(cfg)
	d, err := ecsx.ForceDeployLatest(ctx, api, ecsx.ParseService(service), nil)
	if err != nil {
		return err
	}
	r, err := d.WaitRollout(ctx, api)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s runs %s: %s\n", d.Service, d.TaskDefinition, r)
	return err
}

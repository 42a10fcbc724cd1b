package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/stackrescue/stackrescue/ecsx"
)

var errRefused = errors.New("refused: give it a family of its own that no stack's update replaces, or -any-revision")

// place is where a one-off task runs, and what.
type place struct {
	cluster, service, definition, container string
	anyRevision                             bool
}

// spec reads what is needed to run it, and the container's name.
func (p place) spec(ctx context.Context, api *ecs.Client) (ecsx.TaskSpec, string, error) {
	spec := ecsx.TaskSpec{Cluster: p.cluster}
	out, err := definition(ctx, api, p.definition)
	if err != nil {
		return spec, "", err
	}
	def := out.TaskDefinition
	spec.TaskDefinition = aws.ToString(def.TaskDefinitionArn)
	own := ""
	if p.service != "" {
		s, err := service(ctx, api, p.cluster, p.service)
		if err != nil {
			return spec, "", err
		}
		spec.Placement = ecsx.PlacementOf(*s)
		own = family(aws.ToString(s.TaskDefinition))
	}
	stack := stackOf(out.Tags)
	switch {
	case p.anyRevision:
	case own != "" && own == family(spec.TaskDefinition):
		return spec, "", fmt.Errorf("task definition %s is of the family of service %s, whose revisions may be gone in a rollback: %w", p.definition, p.service, errRefused)
	case stack != "":
		return spec, "", fmt.Errorf("task definition %s is owned by stack %s, and may be gone in its rollback: %w", p.definition, stack, errRefused)
	}
	for _, c := range def.ContainerDefinitions {
		if name := aws.ToString(c.Name); name == p.container || p.container == "" && (c.Essential == nil || *c.Essential) {
			return spec, name, nil
		}
	}
	return spec, "", fmt.Errorf("task definition %s: container %s: %w", p.definition, p.container, ecsx.ErrNotFound)
}

// family is the family in a task definition's ARN.
func family(arn string) string {
	name, _, _ := strings.Cut(arn[strings.LastIndexByte(arn, '/')+1:], ":")
	return name
}

// definition reads a task definition with its tags.
func definition(ctx context.Context, api *ecs.Client, ref string) (*ecs.DescribeTaskDefinitionOutput, error) {
	out, err := api.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &ref, Include: []types.TaskDefinitionField{types.TaskDefinitionFieldTags}})
	if err != nil {
		return nil, fmt.Errorf("task definition %s: %w", ref, err)
	}
	return out, nil
}

// service reads a service.
func service(ctx context.Context, api *ecs.Client, cluster, name string) (*types.Service, error) {
	out, err := api.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &cluster, Services: []string{name}})
	if err == nil && (len(out.Services) == 0 || aws.ToString(out.Services[0].Status) == "INACTIVE") {
		err = ecsx.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("service %s/%s: %w", cluster, name, err)
	}
	return &out.Services[0], nil
}

// stackOf is the name of the CloudFormation stack that owns what has these
// tags, "" if none says so.
//
// Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html
func stackOf(tags []types.Tag) string {
	for _, t := range tags {
		if aws.ToString(t.Key) == "aws:cloudformation:stack-name" {
			return aws.ToString(t.Value)
		}
	}
	return ""
}

package ecsx

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// TaskDefinitionImages returns a function that says which images a resource of
// a stack needs: those of a task definition, none of anything else. It fits
// package cfnx.
//
// Calls ecs:DescribeTaskDefinition. Safe to repeat.
func TaskDefinitionImages(api taskDefinitionAPI) func(ctx context.Context, resourceType, physicalID string) ([]string, error) {
	return func(ctx context.Context, resourceType, physicalID string) ([]string, error) {
		if resourceType != "AWS::ECS::TaskDefinition" || physicalID == "" {
			return nil, nil
		}
		return taskDefinitionImages(ctx, api, physicalID)
	}
}

func taskDefinitionImages(ctx context.Context, api taskDefinitionAPI, arn string) ([]string, error) {
	out, err := api.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &arn})
	if err != nil {
		return nil, fmt.Errorf("task definition %s: %w", afterSlash(arn), err)
	}
	var refs []string
	for _, c := range out.TaskDefinition.ContainerDefinitions {
		refs = append(refs, aws.ToString(c.Image))
	}
	return refs, nil
}

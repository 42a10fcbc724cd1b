package ecssim

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// tagged finds the tags of what an ARN names.
func (s *Service) tagged(arn string) (*[]types.Tag, error) {
	parts := strings.Split(arn[strings.LastIndexByte(arn, ':')+1:], "/")
	if strings.Contains(arn, ":task-definition/") {
		r, err := s.revision(arn)
		if err != nil {
			return nil, invalid("The specified task definition does not exist.")
		}
		return &r.tags, nil
	}
	if len(parts) < 2 || s.clusters[parts[1]] == nil {
		return nil, clusterNotFound()
	}
	c := s.clusters[parts[1]]
	switch {
	case parts[0] == "cluster":
		return &c.tags, nil
	case parts[0] == "service" && len(parts) == 3 && c.services[parts[2]] != nil:
		return &c.services[parts[2]].tags, nil
	case parts[0] == "task" && len(parts) == 3 && c.tasks[parts[2]] != nil:
		return &c.tasks[parts[2]].tags, nil
	}
	return nil, &types.ResourceNotFoundException{Message: new("The specified resource was not found.")}
}

// TagResource adds tags and replaces the values of known keys.
func (s *Service) TagResource(_ context.Context, in *ecs.TagResourceInput) (*ecs.TagResourceOutput, error) {
	tags, err := s.tagged(*in.ResourceArn)
	if err != nil {
		return nil, err
	}
	for _, t := range in.Tags {
		*tags = slices.DeleteFunc(*tags, func(o types.Tag) bool { return deref(o.Key) == deref(t.Key) })
		*tags = append(*tags, t)
	}
	return &ecs.TagResourceOutput{}, nil
}

// ListTagsForResource lists the tags of what an ARN names.
func (s *Service) ListTagsForResource(_ context.Context, in *ecs.ListTagsForResourceInput) (*ecs.ListTagsForResourceOutput, error) {
	tags, err := s.tagged(*in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &ecs.ListTagsForResourceOutput{Tags: append([]types.Tag{}, *tags...)}, nil
}

package rescue

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// oneOff is what one-off tasks of a step are started and watched with. They are all of
// one revision, which does not change, and which is described once.
type oneOff struct {
	*ecs.Client
	mu    sync.Mutex
	known map[string]*ecs.DescribeTaskDefinitionOutput
}

// DescribeTaskDefinition answers from memory what was asked before.
func (c *oneOff) DescribeTaskDefinition(ctx context.Context, in *ecs.DescribeTaskDefinitionInput, optFns ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error) {
	name := aws.ToString(in.TaskDefinition)
	c.mu.Lock()
	out := c.known[name]
	c.mu.Unlock()
	if out != nil {
		return out, nil
	}
	out, err := c.Client.DescribeTaskDefinition(ctx, in, optFns...)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = map[string]*ecs.DescribeTaskDefinitionOutput{}
	}
	c.known[name] = out
	return out, nil
}

package rescue

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
)

// services are the SDK's service ids with the prefixes of their IAM actions.
var services = map[string]string{
	"CloudFormation": "cloudformation", "ECS": "ecs", "ECR": "ecr", "CloudWatch Logs": "logs",
	"Secrets Manager": "secretsmanager", "SSM": "ssm", "S3": "s3", "STS": "sts",
}

// action is the operation as IAM names it.
func action(ctx context.Context) string {
	return iamAction(awsmiddleware.GetServiceID(ctx), awsmiddleware.GetOperationName(ctx))
}

func iamAction(service, operation string) string {
	prefix, ok := services[service]
	if !ok {
		prefix = strings.ToLower(service)
	}
	return prefix + ":" + operation
}

// forbiddenError is a call that a step made without having announced it. It
// never reached AWS.
type forbiddenError struct{ Action string }

// Error names the action.
func (e *forbiddenError) Error() string { return e.Action + " is not in the plan" }

// only returns cfg whose clients refuse every operation but the named ones.
func only(cfg aws.Config, actions ...string) aws.Config {
	return with(cfg, func(ctx context.Context, _ any) error {
		if a := action(ctx); !slices.Contains(actions, a) {
			return &forbiddenError{Action: a}
		}
		return nil
	})
}

// calls counts the operations that were carried out with a config.
type calls struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *calls) count(cfg aws.Config) aws.Config {
	return with(cfg, func(ctx context.Context, _ any) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.n == nil {
			c.n = map[string]int{}
		}
		c.n[action(ctx)]++
		return nil
	})
}

func (c *calls) snapshot() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[string]int, len(c.n))
	for k, v := range c.n {
		out[k] = v
	}
	return out
}

// with returns a copy of cfg whose clients ask check before each operation.
func with(cfg aws.Config, check func(context.Context, any) error) aws.Config {
	cfg = cfg.Copy()
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(s *middleware.Stack) error {
		id := fmt.Sprintf("rescue.Check%d", len(s.Initialize.List()))
		return s.Initialize.Add(middleware.InitializeMiddlewareFunc(id, func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			if err := check(ctx, in.Parameters); err != nil {
				return middleware.InitializeOutput{}, middleware.Metadata{}, err
			}
			return next.HandleInitialize(ctx, in)
		}), middleware.After)
	})
	return cfg
}

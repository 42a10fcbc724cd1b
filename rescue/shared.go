package rescue

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// sharedReads are the reads that many stacks have in common, and whose answers stay
// true for the minutes that a round over them takes.
var sharedReads = []string{
	"sts:GetCallerIdentity", "ecs:DescribeTaskDefinition", "ecr:DescribeImages", "ecr:GetLifecyclePolicy",
	"logs:DescribeLogGroups", "secretsmanager:DescribeSecret",
}

// ShareReads returns a copy of cfg for one round of [Guard] over many stacks: what they
// have in common, such as revisions, images, lifecycle policies and log groups, is
// read once, and after that answered from memory. An answer is not read again for
// as long as the copy is used, so make one for each round, and none for a [Run].
// An error is kept only where it
// says that something is not there. It calls nothing itself.
func ShareReads(cfg aws.Config) aws.Config {
	m := &shared{answers: map[string]answered{}}
	cfg = cfg.Copy()
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(s *middleware.Stack) error {
		return s.Initialize.Add(middleware.InitializeMiddlewareFunc("rescue.ShareReads", m.answer), middleware.After)
	})
	return cfg
}

// shared are answers by region, action and input.
type shared struct {
	mu      sync.Mutex
	answers map[string]answered
}

type answered struct {
	result any
	err    error
}

// lasts reports whether the error is an answer of its own.
func lasts(err error) bool {
	e, ok := errors.AsType[smithy.APIError](err)
	return ok && strings.Contains(e.ErrorCode(), "NotFound")
}

func (m *shared) answer(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
	a := action(ctx)
	if !slices.Contains(sharedReads, a) {
		return next.HandleInitialize(ctx, in)
	}
	input, err := json.Marshal(in.Parameters)
	if err != nil {
		return next.HandleInitialize(ctx, in)
	}
	key := awsmiddleware.GetRegion(ctx) + " " + a + " " + string(input)
	m.mu.Lock()
	known, ok := m.answers[key]
	m.mu.Unlock()
	if ok {
		return middleware.InitializeOutput{Result: known.result}, middleware.Metadata{}, known.err
	}
	out, metadata, err := next.HandleInitialize(ctx, in)
	if err == nil || lasts(err) {
		m.mu.Lock()
		m.answers[key] = answered{out.Result, err}
		m.mu.Unlock()
	}
	return out, metadata, err
}

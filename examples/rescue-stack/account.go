package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/config"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/migrate/toolcmd"
	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// account is where a rescue takes place.
type account struct {
	cfg aws.Config
	// options are for an account whose time is not ours.
	options func(*rescue.Options)
	now     func() time.Time
}

// open gets credentials and a region, or makes a simulated account.
func (a *app) open(ctx context.Context, s *settings) (*account, error) {
	if a.account != nil {
		return a.account(ctx, s)
	}
	if s.demo {
		return rehearsal(ctx, s)
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(s.region), config.WithLogger(logging.Nop{}))
	if err != nil {
		return nil, err
	}
	if cfg.Region == "" {
		return nil, fmt.Errorf("%w: give -region, or set AWS_REGION", errNoRegion)
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: %w: log in, or set AWS_PROFILE", errNoCredentials, err)
	}
	cfg.APIOptions = append(cfg.APIOptions, awsmiddleware.AddUserAgentKeyValue("stackrescue", "rescue-stack"))
	return &account{cfg: cfg, options: func(o *rescue.Options) { o.TargetHealth = elb.NewFromConfig(cfg) }, now: time.Now}, nil
}

// caller is the ARN of who runs this; "" where it cannot be read.
func (x *account) caller(ctx context.Context) string {
	out, err := sts.NewFromConfig(x.cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "" // a report without it is one all the same
	}
	return aws.ToString(out.Arn)
}

// rehearsal is the incident in a simulated account, 120 times as fast.
func rehearsal(ctx context.Context, s *settings) (*account, error) {
	in, err := rescuetest.ExpiredRollbackImage(ctx, func(o *rescuetest.IncidentOptions) { o.Speed = 120 })
	if err != nil {
		return nil, err
	}
	s.stack = in.Stack
	// What the operator of the incident knows: the migration was applied, and a
	// command of the image proves it; and the cluster has room for twice the tasks.
	s.choices.Freeze, s.choices.RaiseMinimum = true, true
	if s.choices.Migration == nil {
		s.choices.Migration = &rescue.Migration{Tool: toolcmd.Alembic(), Verify: [][]string{{"check-schema"}}}
	}
	if s.choices.Direction == "" && s.command != "plan" {
		s.choices.Direction = rescue.Forward
	}
	if s.command == "" {
		s.yes = true
	}
	return simulated(in.Cloud), nil
}

// simulated is an account of the simulator, whose time is its own.
func simulated(c *rescuetest.Cloud) *account {
	return &account{cfg: c.Config(), now: c.Now, options: func(o *rescue.Options) {
		o.Interval, o.Settle, o.Soak, o.Now = c.Wall(5*time.Second), c.Wall(10*time.Second), c.Wall(5*time.Minute), c.Now
		o.Shield = func(_ context.Context, d cfnx.Deletion, on bool) error { return c.Protect(d.PhysicalID, on) }
	}}
}

package rescue

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/stackrescue/stackrescue/internal/redact"
)

// needs are the secrets of Secrets Manager and the log groups that a revision
// cannot start without (docs/aws/ecs.md 1.7): "secret ARN" and "log group NAME".
func (d Definition) needs() []string {
	out := map[string]bool{}
	for _, x := range d.Containers {
		for _, from := range x.Secrets {
			if arn := secretARN(from); arn != "" {
				out["secret "+arn] = true
			}
		}
		if x.LogGroup != "" {
			out["log group "+x.LogGroup] = true
		}
	}
	return slices.Sorted(maps.Keys(out))
}

// secretARN is the secret's own ARN in a reference to a part of it; "" for a
// parameter of SSM's store.
func secretARN(from string) string {
	parts := strings.Split(from, ":")
	if len(parts) < 7 || parts[2] != "secretsmanager" {
		return ""
	}
	return strings.Join(parts[:7], ":")
}

// needed reads what the services' revisions need, once each.
func (c *capturer) needed(ctx context.Context) error {
	all := map[string]bool{}
	for _, s := range c.b.Services {
		for _, d := range s.Definitions {
			for _, n := range d.needs() {
				all[n] = true
			}
		}
	}
	c.b.Needs = map[string]needFacts{}
	names := slices.Sorted(maps.Keys(all))
	return c.each(ctx, len(names), func(ctx context.Context, i int) error {
		f, err := c.c.need(ctx, names[i])
		if err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.b.Needs[names[i]] = f
		return nil
	})
}

// need looks whether something is there; the error is the end of ctx.
func (c clients) need(ctx context.Context, what string) (needFacts, error) {
	f := needFacts{There: true}
	if arn, secret := strings.CutPrefix(what, "secret "); secret {
		out, err := c.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &arn})
		switch {
		case ctx.Err() != nil:
			return f, err
		case missing(err):
			f = needFacts{Why: "there is none"}
		case err != nil:
			f = needFacts{Why: redact.Text(err.Error()), Unknown: true}
		case out.DeletedDate != nil:
			f = needFacts{Why: "it is to be deleted"}
		}
		return f, nil
	}
	name := strings.TrimPrefix(what, "log group ")
	out, err := c.logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &name})
	if ctx.Err() != nil {
		return f, err
	}
	if err != nil {
		return needFacts{Why: redact.Text(err.Error()), Unknown: true}, nil
	}
	for _, x := range out.LogGroups {
		if aws.ToString(x.LogGroupName) == name {
			return f, nil
		}
	}
	return needFacts{Why: "there is none"}, nil
}

// lacks says what a revision needs and does not find; "" where nothing is known to
// be missing.
func (b *Bundle) lacks(d Definition) string {
	var out []string
	for _, n := range d.needs() {
		if f, known := b.Needs[n]; known && !f.There && !f.Unknown {
			out = append(out, fmt.Sprintf("%s is not there: %s", n, f.Why))
		}
	}
	return strings.Join(out, "; ")
}

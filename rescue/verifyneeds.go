package rescue

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
)

// secret checks a secret of a revision: one of Secrets Manager, by ARN, or a
// parameter of SSM's store, by ARN or name (docs/aws/ecs.md 1.7).
func (v *verifier) secret(ctx context.Context, from string) error {
	parts := strings.Split(from, ":")
	if len(parts) < 7 || parts[2] != "secretsmanager" {
		return v.parameterOf(ctx, from)
	}
	arn := strings.Join(parts[:7], ":")
	what := "secret " + arn + " is there"
	out, err := v.c.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &arn})
	switch {
	case ctx.Err() != nil:
		return err
	case err == nil && out.DeletedDate != nil:
		v.record(false, what, "it is to be deleted")
	case err == nil || missing(err):
		v.record(err == nil, what, text(err))
	default:
		v.unknown(what, text(err))
	}
	return nil
}

func (v *verifier) parameterOf(ctx context.Context, from string) error {
	if v.parameter == nil {
		return nil
	}
	name := from
	if _, after, arn := strings.Cut(from, ":parameter"); arn {
		name = after
		if strings.Count(name, "/") == 1 {
			name = name[1:] // the ARN of a name without a path has a slash of its own
		}
	}
	what := "parameter " + name + " is there"
	ok, err := v.parameter(ctx, name)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		v.unknown(what, text(err))
	default:
		v.record(ok, what, "")
	}
	return nil
}

func (v *verifier) logGroup(ctx context.Context, name string) error {
	what := "log group " + name + " is there"
	out, err := v.c.logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &name})
	if ctx.Err() != nil {
		return err
	}
	if err != nil {
		v.unknown(what, text(err))
		return nil
	}
	found := false
	for _, x := range out.LogGroups {
		found = found || aws.ToString(x.LogGroupName) == name
	}
	v.record(found, what, "")
	return nil
}

// missing reports whether AWS says that something is not there.
func missing(err error) bool {
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return false
	}
	code := e.ErrorCode()
	return strings.Contains(code, "NotFound") || strings.HasPrefix(code, "NoSuch")
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func suffix(err error) string {
	if err == nil {
		return ""
	}
	return fmt.Sprintf(": %s", err)
}

package rescuetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"

	"github.com/stackrescue/stackrescue/internal/sim/cfnsim"
	"github.com/stackrescue/stackrescue/internal/sim/ecrsim"
	"github.com/stackrescue/stackrescue/internal/sim/ecssim"
	"github.com/stackrescue/stackrescue/internal/sim/elbsim"
	"github.com/stackrescue/stackrescue/internal/sim/logssim"
	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/s3sim"
	"github.com/stackrescue/stackrescue/internal/sim/secretssim"
	"github.com/stackrescue/stackrescue/internal/sim/service/applicationautoscaling"
	"github.com/stackrescue/stackrescue/internal/sim/service/iam"
	"github.com/stackrescue/stackrescue/internal/sim/service/lambda"
	"github.com/stackrescue/stackrescue/internal/sim/ssmsim"
	"github.com/stackrescue/stackrescue/internal/sim/stssim"
	"github.com/stackrescue/stackrescue/internal/sim/world"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// regional is the services of one region.
type regional struct {
	world   *world.World
	table   op.Table
	cfn     *cfnsim.Service
	ecr     *ecrsim.Service
	ecs     *ecssim.Service
	logs    *logssim.Service
	secrets *secretssim.Service
	ssm     *ssmsim.Service
	s3      *s3sim.Service
	sts     *stssim.Service
	elb     *elbsim.Service
}

// shared is what all regions have in common.
type shared struct {
	programs map[string]simtype.Program // by image digest
}

func newShared() shared { return shared{programs: map[string]simtype.Program{}} }

// in is a region, made on first use. It is called inside the clock's Do.
func (c *Cloud) in(region string) *regional {
	if r := c.regions[region]; r != nil {
		return r
	}
	w := c.home.In(region)
	r := &regional{
		world: w, ecr: ecrsim.New(w), logs: logssim.New(w), secrets: secretssim.New(w),
		ssm: ssmsim.New(w), s3: s3sim.New(w), sts: stssim.New(w), elb: elbsim.New(w),
	}
	c.regions[region] = r
	r.ecr.Elsewhere(func(region string) *ecrsim.Service { return c.in(region).ecr })
	r.ecs = ecssim.New(w, ecssim.Deps{
		Pull:        c.pull(r),
		Targets:     r.elb,
		Secret:      c.secret,
		GroupExists: func(region, group string) bool { return c.in(region).logs.HasGroup(group) },
		Append: func(region, group, stream string, at time.Time, line string) error {
			return c.in(region).logs.Append(group, stream, at, line)
		},
		Program: func(digest string) simtype.Program { return c.shared.programs[digest] },
	})
	r.cfn = cfnsim.New(w, cfnsim.Deps{
		ECS: recordedECS{ecssim.Consistent{Service: r.ecs}, w}, ECR: recordedECR{r.ecr, w}, Logs: recordedLogs{r.logs, w},
		Secrets: recordedSecrets{r.secrets, w}, SSM: recordedSSM{r.ssm, w}, S3: recordedS3{r.s3, w}, ELB: recordedELB{r.elb, w},
		ImageExists: func(ref string) bool {
			_, err := c.pull(r)(ref)
			return err == nil
		},
		OwnedSecret: func(ctx context.Context, owner, name, value string) (string, error) {
			out, err := r.secrets.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: &name, SecretString: &value, ClientRequestToken: aws.String(w.UUID())})
			if err != nil {
				return "", err
			}
			return aws.ToString(out.ARN), r.secrets.SetOwner(aws.ToString(out.ARN), owner)
		},
	})
	for _, s := range []interface{ Register(*op.Table) }{
		r.cfn, r.ecr, r.ecs, r.logs, r.secrets, r.ssm, r.s3, r.sts, r.elb,
		lambda.New(w, r.cfn.Owned), iam.New(w, r.cfn.Owned), applicationautoscaling.New(w, r.cfn.Owned),
	} {
		s.Register(&r.table)
	}
	return r
}

// pull fetches an image for a task of region r, from the registry of the
// region its host names.
func (c *Cloud) pull(r *regional) func(ref string) (string, error) {
	return func(ref string) (string, error) {
		registry := r.ecr
		if host, _, ok := strings.Cut(ref, "/"); ok {
			if _, rest, ok := strings.Cut(host, ".dkr.ecr."); ok {
				region, _, _ := strings.Cut(rest, ".")
				registry = c.in(region).ecr
			}
		}
		digest, err := registry.Pull(ref)
		if e, ok := errors.AsType[*ecrsim.PullError](err); ok {
			return "", fmt.Errorf("%s: %s", e.Ref, e.Reason)
		}
		return digest, err
	}
}

// secret reads what a container definition's valueFrom names: a secret's ARN,
// optionally with JSON key, version stage and version id, or a parameter's name
// or ARN
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Secret.html).
func (c *Cloud) secret(valueFrom string) (string, error) {
	parts := strings.Split(valueFrom, ":")
	ctx := context.Background()
	if !strings.HasPrefix(valueFrom, "arn:") {
		return c.parameter(ctx, c.region, valueFrom)
	}
	if len(parts) < 6 {
		return "", fmt.Errorf("invalid parameters: %s", valueFrom)
	}
	if parts[2] == "ssm" {
		return c.parameter(ctx, parts[3], valueFrom)
	}
	if len(parts) < 7 {
		return "", fmt.Errorf("invalid parameters: %s", valueFrom)
	}
	id := strings.Join(parts[:7], ":")
	in := &secretsmanager.GetSecretValueInput{SecretId: &id}
	if len(parts) > 8 && parts[8] != "" {
		in.VersionStage = &parts[8]
	}
	if len(parts) > 9 && parts[9] != "" {
		in.VersionId = &parts[9]
	}
	out, err := c.in(parts[3]).secrets.GetSecretValue(ctx, in)
	if err != nil {
		return "", fmt.Errorf("retrieved secret %s: %s", id, plain(err))
	}
	value := aws.ToString(out.SecretString)
	if len(parts) < 8 || parts[7] == "" {
		return value, nil
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(value), &object); err != nil {
		return "", err
	}
	v, ok := object[parts[7]]
	if !ok {
		return "", fmt.Errorf("retrieved secret from Secrets Manager did not contain json key %s", parts[7])
	}
	return fmt.Sprint(v), nil
}

func (c *Cloud) parameter(ctx context.Context, region, name string) (string, error) {
	out, err := c.in(region).ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
	if err != nil {
		return "", fmt.Errorf("invalid parameters: %s", name)
	}
	return aws.ToString(out.Parameter.Value), nil
}

// plain is an API error as the container agent prints it.
func plain(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode() + ": " + e.ErrorMessage()
	}
	return err.Error()
}

package wire_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/simtest"
	"github.com/stackrescue/stackrescue/internal/sim/wire"
)

func TestJSON(t *testing.T) {
	bubble(t, func(t *testing.T, f *fixture, cfg aws.Config) {
		c := ecs.NewFromConfig(cfg)
		out, err := c.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("c"), Service: aws.String("web"), ForceNewDeployment: true, DesiredCount: aws.Int32(0),
			CapacityProviderStrategy: []ecstypes.CapacityProviderStrategyItem{},
			DeploymentConfiguration:  &ecstypes.DeploymentConfiguration{DeploymentCircuitBreaker: &ecstypes.DeploymentCircuitBreaker{Enable: true, Rollback: true}, BakeTimeInMinutes: aws.Int32(3)},
			NetworkConfiguration:     &ecstypes.NetworkConfiguration{AwsvpcConfiguration: &ecstypes.AwsVpcConfiguration{Subnets: []string{"s1", "s2"}, AssignPublicIp: ecstypes.AssignPublicIpDisabled}}})
		require.NoError(t, err)
		require.True(t, f.update.ForceNewDeployment)
		require.NotNil(t, f.update.DesiredCount)
		require.Zero(t, *f.update.DesiredCount)
		require.NotNil(t, f.update.CapacityProviderStrategy, "an empty list is not an absent one")
		require.True(t, f.update.DeploymentConfiguration.DeploymentCircuitBreaker.Rollback)
		require.Nil(t, f.update.TaskDefinition)
		require.True(t, out.Service.CreatedAt.Equal(born))
		require.NotNil(t, out.Service.Events)
		require.Nil(t, out.Service.Deployments)
		require.Equal(t, []string{"s1", "s2"}, out.Service.NetworkConfiguration.AwsvpcConfiguration.Subnets)
		id, ok := awsmiddleware.GetRequestIDMetadata(out.ResultMetadata)
		require.True(t, ok)
		require.Equal(t, "00000000-0000-4000-8000-000000000001", id)

		_, err = c.UpdateService(t.Context(), &ecs.UpdateServiceInput{Service: aws.String("gone")})
		var missing *ecstypes.ServiceNotFoundException
		require.ErrorAs(t, err, &missing)
		require.Equal(t, "Service not found.", *missing.Message)
		_, err = c.ListClusters(t.Context(), &ecs.ListClustersInput{})
		requireCode(t, err, "UnknownOperationException", 400)
	})
}

func requireCode(t *testing.T, err error, code string, status int) {
	t.Helper()
	var api smithy.APIError
	require.ErrorAs(t, err, &api)
	require.Equal(t, code, api.ErrorCode())
	var res *awshttp.ResponseError
	require.ErrorAs(t, err, &res)
	require.Equal(t, status, res.HTTPStatusCode())
}

func TestQuery(t *testing.T) {
	bubble(t, func(t *testing.T, f *fixture, cfg aws.Config) {
		c, ctx := cloudformation.NewFromConfig(cfg), t.Context()
		stacks, err := c.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String("app")})
		require.NoError(t, err)
		s := stacks.Stacks[0]
		require.Equal(t, cfntypes.StackStatusUpdateRollbackFailed, s.StackStatus)
		require.True(t, s.CreationTime.Equal(born))
		require.Equal(t, "a<b>&\"'\r\n]]>é", *s.Outputs[0].OutputValue)
		require.NotNil(t, s.Parameters)
		require.Nil(t, s.Tags)
		_, err = c.ContinueUpdateRollback(ctx, &cloudformation.ContinueUpdateRollbackInput{StackName: aws.String("app"), ResourcesToSkip: []string{"app.Service", "Q"}})
		require.NoError(t, err)
		require.Equal(t, []string{"app.Service", "Q"}, f.resume.ResourcesToSkip)
		_, err = c.ContinueUpdateRollback(ctx, &cloudformation.ContinueUpdateRollbackInput{StackName: aws.String("app"), ResourcesToSkip: []string{}})
		require.NoError(t, err)
		require.NotNil(t, f.resume.ResourcesToSkip)
		require.Empty(t, f.resume.ResourcesToSkip)
		_, err = c.ContinueUpdateRollback(ctx, &cloudformation.ContinueUpdateRollbackInput{StackName: aws.String("app"), ClientRequestToken: aws.String("used")})
		require.ErrorAs(t, err, new(*cfntypes.TokenAlreadyExistsException))
		n := 0
		for p := cloudformation.NewDescribeStackEventsPaginator(c, &cloudformation.DescribeStackEventsInput{StackName: aws.String("app")}); p.HasMorePages(); n++ {
			_, err := p.NextPage(ctx)
			require.NoError(t, err)
		}
		require.Equal(t, 2, n)
		_, err = c.CreateChangeSet(ctx, &cloudformation.CreateChangeSetInput{StackName: aws.String("app"), ChangeSetName: aws.String("c"), NotificationARNs: []string{},
			Parameters: []cfntypes.Parameter{{ParameterKey: aws.String("A"), UsePreviousValue: aws.Bool(true)}, {ParameterKey: aws.String("B"), ParameterValue: aws.String("a.b=c&d")}}})
		require.NoError(t, err)
		require.True(t, *f.change.Parameters[0].UsePreviousValue)
		require.Equal(t, "a.b=c&d", *f.change.Parameters[1].ParameterValue)
		_, err = c.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: aws.String("app")})
		require.NoError(t, err)
		_, err = c.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String("missing")})
		requireCode(t, err, "ValidationError", 400)
		require.ErrorContains(t, err, "Stack with id missing does not exist")
		_, err = c.ListStackSets(ctx, &cloudformation.ListStackSetsInput{})
		requireCode(t, err, "InvalidAction", 400)

		who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		require.NoError(t, err)
		require.Equal(t, simtest.Account, *who.Account)
	})
}

func TestScope(t *testing.T) {
	bubble(t, func(t *testing.T, f *fixture, cfg aws.Config) {
		cfg.Region = "eu-west-1"
		_, err := ecs.NewFromConfig(cfg).DescribeServices(t.Context(), &ecs.DescribeServicesInput{Services: []string{"a"}})
		require.NoError(t, err)
		require.Equal(t, "eu-west-1", f.region)
		cfg.Credentials = credentials.NewStaticCredentialsProvider("222222222222", "x", "")
		_, err = ecs.NewFromConfig(cfg).DescribeServices(t.Context(), &ecs.DescribeServicesInput{Services: []string{"a"}})
		requireCode(t, err, "UnrecognizedClientException", 400)
		_, err = sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		requireCode(t, err, "InvalidClientTokenId", 403)
	})
}

func TestOtherJSONServices(t *testing.T) {
	bubble(t, func(t *testing.T, f *fixture, cfg aws.Config) {
		ctx := t.Context()
		repos := ecr.NewFromConfig(cfg)
		_, err := repos.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("backend")})
		require.NoError(t, err)
		_, err = repos.DescribeImages(ctx, &ecr.DescribeImagesInput{RepositoryName: aws.String("none")})
		requireCode(t, err, "RepositoryNotFoundException", 400)

		logs := cloudwatchlogs.NewFromConfig(cfg)
		_, err = logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/app"), Tags: map[string]string{"k": "v"}})
		require.NoError(t, err)
		_, err = logs.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String("/app"), LogStreamName: aws.String("s")})
		require.NoError(t, err)
		const line = "\x1b[31mé\x00\t\"quoted\" \\ \u2028"
		_, err = logs.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{LogGroupName: aws.String("/app"), LogStreamName: aws.String("s"),
			LogEvents: []logstypes.InputLogEvent{{Message: aws.String(line), Timestamp: aws.Int64(time.Now().UnixMilli())}}})
		require.NoError(t, err)
		got, err := logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/app"), LogStreamName: aws.String("s")})
		require.NoError(t, err)
		require.Equal(t, line, *got.Events[0].Message)
		tags, err := logs.ListTagsForResource(ctx, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: aws.String("arn:aws:logs:us-east-1:111111111111:log-group:/app")})
		require.NoError(t, err)
		require.Equal(t, map[string]string{"k": "v"}, tags.Tags)

		secrets := secretsmanager.NewFromConfig(cfg)
		_, err = secrets.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String("db"), SecretBinary: []byte{0, 1, 255}})
		require.NoError(t, err)
		value, err := secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("db")})
		require.NoError(t, err)
		require.Equal(t, []byte{0, 1, 255}, value.SecretBinary)
		require.WithinDuration(t, time.Now(), *value.CreatedDate, time.Second)
		described, err := secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String("db")})
		require.NoError(t, err)
		require.Equal(t, []string{"AWSCURRENT"}, described.VersionIdsToStages[*value.VersionId])

		params := ssm.NewFromConfig(cfg)
		_, err = params.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("none")})
		require.ErrorAs(t, err, new(*ssmtypes.ParameterNotFound))
		_, err = params.PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String("/a"), Value: aws.String("v"), Type: ssmtypes.ParameterTypeString})
		require.NoError(t, err)
	})
}

func TestS3(t *testing.T) {
	for _, style := range []string{"path", "virtual host"} {
		t.Run(style, func(t *testing.T) {
			bubble(t, func(t *testing.T, _ *fixture, cfg aws.Config) {
				ctx := t.Context()
				c := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = style == "path" })
				bucket := aws.String("templates")
				_, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket})
				require.NoError(t, err)
				_, err = c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("far"), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"}})
				requireCode(t, err, "IllegalLocationConstraintException", 400)
				buckets, err := c.ListBuckets(ctx, &s3.ListBucketsInput{})
				require.NoError(t, err)
				require.Equal(t, "templates", *buckets.Buckets[0].Name)
				location, err := c.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: bucket})
				require.NoError(t, err)
				require.Empty(t, location.LocationConstraint)
				_, err = c.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: bucket})
				require.NoError(t, err)
				for key, body := range map[string]io.Reader{"a/b c+d.yaml": bytes.NewReader([]byte("body")), "streamed": io.LimitReader(bytes.NewReader([]byte("body")), 100), "empty": nil} {
					in := &s3.PutObjectInput{Bucket: bucket, Key: aws.String(key), Body: body, ContentType: aws.String("text/yaml"), Metadata: map[string]string{"by": "test"}}
					if key == "streamed" {
						in.ContentLength = aws.Int64(4)
					}
					_, err = c.PutObject(ctx, in)
					require.NoError(t, err, key)
				}
				_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("streamed"), IfNoneMatch: aws.String("*")})
				requireCode(t, err, "PreconditionFailed", 412)
				for _, key := range []string{"a/b c+d.yaml", "streamed"} {
					got, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String(key)})
					require.NoError(t, err)
					b, err := io.ReadAll(got.Body)
					require.NoError(t, err)
					require.Equal(t, "body", string(b))
					require.Equal(t, `"841a2d689ad86bd1611447453c22c6fc"`, *got.ETag)
					require.Equal(t, "text/yaml", *got.ContentType)
					require.Equal(t, map[string]string{"by": "test"}, got.Metadata)
					head, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: aws.String(key)})
					require.NoError(t, err)
					require.EqualValues(t, 4, *head.ContentLength)
				}
				part, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("streamed"), Range: aws.String("bytes=1-2")})
				require.NoError(t, err)
				require.Equal(t, "bytes 1-2/4", *part.ContentRange)
				_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("none")})
				require.ErrorAs(t, err, new(*s3types.NoSuchKey))
				_, err = c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: aws.String("none")})
				require.ErrorAs(t, err, new(*s3types.NotFound))
				_, err = c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: bucket, Key: aws.String("copy"), CopySource: aws.String("templates/a/b%20c%2Bd.yaml")})
				require.NoError(t, err)
				var keys []string
				for p := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: bucket, MaxKeys: aws.Int32(2)}); p.HasMorePages(); {
					out, err := p.NextPage(ctx)
					require.NoError(t, err)
					for _, o := range out.Contents {
						keys = append(keys, *o.Key)
					}
				}
				require.Equal(t, []string{"a/b c+d.yaml", "copy", "empty", "streamed"}, keys)
				_, err = c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: bucket})
				requireCode(t, err, "BucketNotEmpty", 409)
				_, err = c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: aws.String("copy")})
				require.NoError(t, err)
				gone, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: bucket, Delete: &s3types.Delete{Objects: []s3types.ObjectIdentifier{{Key: aws.String("a/b c+d.yaml")}, {Key: aws.String("streamed")}, {Key: aws.String("empty")}}}})
				require.NoError(t, err)
				require.Len(t, gone.Deleted, 3)
				_, err = c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: bucket})
				require.NoError(t, err)
				_, err = c.GetBucketAcl(ctx, &s3.GetBucketAclInput{Bucket: bucket})
				requireCode(t, err, "NotImplemented", 501)
			})
		})
	}
}

// A response that is lost is a broken connection, not an answer.
func TestLostResponse(t *testing.T) {
	t.Parallel()
	var table op.Table
	f := newFixture()
	op.On(&table, f.describeServices)
	lost := errors.New("lost")
	h := wire.New(&table, func(context.Context, string, any) (any, string, error) { return nil, "", lost }, wire.Options{})
	cfg := config(h)
	cfg.RetryMaxAttempts = 1
	_, err := ecs.NewFromConfig(cfg).DescribeServices(t.Context(), &ecs.DescribeServicesInput{Services: []string{"a"}})
	require.ErrorIs(t, err, lost)
}

package clients

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// A step is one operation that every client performs on the incident.
type step struct {
	service, operation string
	input              string // JSON
	page               int    // of this size, where the client is to page by itself
	fails              string // error code
	changes            bool   // compare only the shape of the answer
	waiter             string // instead of an operation
	advance            time.Duration
	file               string // body of an object
}

func (s step) String() string {
	if s.waiter != "" {
		return s.service + " wait " + s.waiter
	}
	return s.service + " " + s.operation
}

const (
	policy7  = `{\"rules\":[{\"rulePriority\":1,\"description\":\"expire 7 days after push\",\"selection\":{\"tagStatus\":\"any\",\"countType\":\"sinceImagePushed\",\"countUnit\":\"days\",\"countNumber\":7},\"action\":{\"type\":\"expire\"}}]}`
	template = `{\"Resources\":{\"Topic\":{\"Type\":\"AWS::SNS::Topic\"}},\"Outputs\":{\"Id\":{\"Value\":{\"Ref\":\"Topic\"}}}}`
)

var steps = []step{
	{service: "sts", operation: "GetCallerIdentity", input: `{}`},
	{service: "sts", operation: "GetAccessKeyInfo", input: `{"AccessKeyId":"AKIDSIMULATED000"}`},
	{service: "sts", operation: "AssumeRole", input: `{"RoleArn":"arn:aws:iam::123456789012:role/deploy","RoleSessionName":"me"}`, changes: true},
	{service: "sts", operation: "AssumeRole", input: `{"RoleArn":"arn:aws:iam::999999999999:role/deploy","RoleSessionName":"me"}`, fails: "AccessDenied"},

	{service: "cloudformation", operation: "DescribeStacks", input: `{}`},
	{service: "cloudformation", operation: "DescribeStacks", input: `{"StackName":"prod"}`},
	{service: "cloudformation", operation: "DescribeStacks", input: `{"StackName":"none"}`, fails: "ValidationError"},
	{service: "cloudformation", waiter: "stack-exists", input: `{"StackName":"prod"}`},
	{service: "cloudformation", operation: "ListStacks", input: `{"StackStatusFilter":["UPDATE_ROLLBACK_FAILED"]}`},
	{service: "cloudformation", operation: "DescribeStackEvents", input: `{"StackName":"prod"}`},
	{service: "cloudformation", operation: "DescribeStackResources", input: `{"StackName":"prod"}`},
	{service: "cloudformation", operation: "DescribeStackResource", input: `{"StackName":"prod","LogicalResourceId":"App"}`},
	{service: "cloudformation", operation: "ListStackResources", input: `{"StackName":"prod"}`},
	{service: "cloudformation", operation: "GetTemplateSummary", input: `{"StackName":"prod"}`},
	{service: "cloudformation", operation: "ListExports", input: `{}`},
	{service: "cloudformation", operation: "ListChangeSets", input: `{"StackName":"prod"}`},
	{service: "cloudformation", operation: "ValidateTemplate", input: `{"TemplateBody":"` + template + `"}`},
	{service: "cloudformation", operation: "CreateStack", input: `{"StackName":"side","TemplateBody":"` + template + `","Tags":[{"Key":"team","Value":"a"}]}`, changes: true},
	{service: "cloudformation", waiter: "stack-create-complete", input: `{"StackName":"side"}`, advance: 10 * time.Minute},
	{service: "cloudformation", operation: "DescribeStacks", input: `{"StackName":"side"}`},
	{service: "cloudformation", operation: "UpdateStack", input: `{"StackName":"side","UsePreviousTemplate":true}`, fails: "ValidationError"},
	{service: "cloudformation", operation: "DeleteStack", input: `{"StackName":"side"}`, changes: true},
	{service: "cloudformation", waiter: "stack-delete-complete", input: `{"StackName":"side"}`, advance: 10 * time.Minute},
	{service: "cloudformation", operation: "ExecuteChangeSet", input: `{"StackName":"prod","ChangeSetName":"none"}`, fails: "ChangeSetNotFound"},

	{service: "ecs", operation: "ListClusters", input: `{}`},
	{service: "ecs", operation: "DescribeClusters", input: `{"clusters":["prod","none"]}`},
	{service: "ecs", operation: "ListServices", input: `{"cluster":"prod"}`},
	{service: "ecs", operation: "DescribeServices", input: `{"cluster":"prod","services":["backend","none"]}`},
	{service: "ecs", operation: "DescribeServices", input: `{"cluster":"none","services":["backend"]}`, fails: "ClusterNotFoundException"},
	{service: "ecs", operation: "ListTasks", input: `{"cluster":"prod","desiredStatus":"STOPPED"}`, page: 2},
	{service: "ecs", operation: "ListTaskDefinitions", input: `{"familyPrefix":"backend"}`, page: 1},
	{service: "ecs", operation: "DescribeTaskDefinition", input: `{"taskDefinition":"backend"}`},
	{service: "ecs", operation: "DescribeTaskDefinition", input: `{"taskDefinition":"none"}`, fails: "ClientException"},
	{service: "ecs", operation: "RegisterTaskDefinition", input: `{"family":"job","networkMode":"awsvpc","cpu":"256","memory":"512","requiresCompatibilities":["FARGATE"],"containerDefinitions":[{"name":"main","image":"nginx:latest","essential":true}]}`, changes: true},

	{service: "ecr", operation: "DescribeRepositories", input: `{}`, page: 1},
	{service: "ecr", operation: "DescribeRepositories", input: `{"repositoryNames":["none"]}`, fails: "RepositoryNotFoundException"},
	{service: "ecr", operation: "DescribeImages", input: `{"repositoryName":"backend"}`},
	{service: "ecr", operation: "DescribeImages", input: `{"repositoryName":"backend","imageIds":[{"imageTag":"v1"}]}`, fails: "ImageNotFoundException"},
	{service: "ecr", operation: "ListImages", input: `{"repositoryName":"backend"}`, page: 1},
	{service: "ecr", operation: "BatchGetImage", input: `{"repositoryName":"backend","imageIds":[{"imageTag":"v2"},{"imageTag":"v1"}]}`},
	{service: "ecr", operation: "GetLifecyclePolicy", input: `{"repositoryName":"backend"}`},
	{service: "ecr", operation: "StartLifecyclePolicyPreview", input: `{"repositoryName":"backend"}`, changes: true},
	{service: "ecr", waiter: "lifecycle-policy-preview-complete", input: `{"repositoryName":"backend"}`, advance: time.Minute},
	{service: "ecr", operation: "GetLifecyclePolicyPreview", input: `{"repositoryName":"backend"}`},
	{service: "ecr", operation: "PutLifecyclePolicy", input: `{"repositoryName":"backend","lifecyclePolicyText":"` + policy7 + `"}`, changes: true},
	{service: "ecr", operation: "PutLifecyclePolicy", input: `{"repositoryName":"backend","lifecyclePolicyText":"` + strings.Repeat("x", 100) + `"}`, fails: "InvalidParameterException"},
	{service: "ecr", operation: "GetAuthorizationToken", input: `{}`, changes: true},

	{service: "logs", operation: "DescribeLogGroups", input: `{}`, page: 1},
	{service: "logs", operation: "DescribeLogStreams", input: `{"logGroupName":"/prod/backend"}`, page: 3},
	{service: "logs", operation: "FilterLogEvents", input: `{"logGroupName":"/prod/backend"}`, page: 5},
	{service: "logs", operation: "FilterLogEvents", input: `{"logGroupName":"/prod/backend","filterPattern":"nothing-like-it"}`},
	{service: "logs", operation: "GetLogEvents", input: `{"logGroupName":"none","logStreamName":"none"}`, fails: "ResourceNotFoundException"},
	{service: "logs", operation: "PutRetentionPolicy", input: `{"logGroupName":"/prod/backend","retentionInDays":14}`, changes: true},
	{service: "logs", operation: "ListTagsLogGroup", input: `{"logGroupName":"/prod/backend"}`},

	{service: "secretsmanager", operation: "ListSecrets", input: `{}`},
	{service: "secretsmanager", operation: "CreateSecret", input: `{"Name":"note","SecretString":"one"}`, changes: true},
	{service: "secretsmanager", operation: "GetSecretValue", input: `{"SecretId":"note"}`},
	{service: "secretsmanager", operation: "PutSecretValue", input: `{"SecretId":"note","SecretString":"two"}`, changes: true},
	{service: "secretsmanager", operation: "DescribeSecret", input: `{"SecretId":"note"}`},
	{service: "secretsmanager", operation: "ListSecretVersionIds", input: `{"SecretId":"note"}`},
	{service: "secretsmanager", operation: "GetSecretValue", input: `{"SecretId":"none"}`, fails: "ResourceNotFoundException"},

	{service: "ssm", operation: "PutParameter", input: `{"Name":"/app/a","Value":"1","Type":"String"}`, changes: true},
	{service: "ssm", operation: "PutParameter", input: `{"Name":"/app/b","Value":"2","Type":"SecureString"}`, changes: true},
	{service: "ssm", operation: "GetParameter", input: `{"Name":"/app/b","WithDecryption":true}`},
	{service: "ssm", operation: "GetParameter", input: `{"Name":"/none"}`, fails: "ParameterNotFound"},
	{service: "ssm", operation: "GetParametersByPath", input: `{"Path":"/app"}`, page: 1},
	{service: "ssm", operation: "DescribeParameters", input: `{}`, page: 1},

	{service: "s3", operation: "ListBuckets", input: `{}`},
	{service: "s3", operation: "ListObjectsV2", input: `{"Bucket":"prod-templates"}`, page: 2},
	{service: "s3", operation: "HeadObject", input: `{"Bucket":"prod-templates","Key":"app/v2.yaml"}`},
	{service: "s3", operation: "HeadObject", input: `{"Bucket":"prod-templates","Key":"none"}`, fails: "404"},
	{service: "s3", operation: "PutObject", input: `{"Bucket":"prod-templates","Key":"note"}`, file: "some text\n", changes: true},
	{service: "s3", operation: "GetObject", input: `{"Bucket":"prod-templates","Key":"note"}`, file: "some text\n"},
	{service: "s3", operation: "DeleteObject", input: `{"Bucket":"prod-templates","Key":"note"}`, changes: true},
	{service: "s3", operation: "GetObject", input: `{"Bucket":"prod-templates","Key":"note"}`, fails: "NoSuchKey"},
}

// A client performs one step.
type client interface {
	do(t *testing.T, s step) outcome
	old() bool // from before the newer members
}

// perform takes a client through all steps on a cloud of its own, and compares
// what it saw with what the Go SDK is answered through the middleware door.
func perform(t *testing.T, steps []step, start func(cloud *rescuetest.Cloud) client) {
	t.Helper()
	i := frozen(t)
	c := start(i.Cloud)
	sdk := sdkClients(i.Cloud)
	failed := 0
	for _, s := range steps {
		if s.advance > 0 {
			i.Cloud.Advance(s.advance)
		}
		o := c.do(t, s)
		what := without(newest, judge(t, s, o, sdk))
		if c.old() {
			what = without(newer, what)
		}
		verdict := "same"
		if len(what) > 0 {
			failed++
			verdict = strings.Join(what, "; ")
		}
		t.Logf("%-45s %s", s, verdict)
	}
	require.Zero(t, failed, "steps that differ")
	t.Logf("%d steps", len(steps))
}

func judge(t *testing.T, s step, o outcome, sdk map[string]any) []string {
	t.Helper()
	if s.fails != "" || o.Code != "" {
		if o.Code != s.fails {
			return []string{fmt.Sprintf("want error %q, got %q: %s", s.fails, o.Code, o.Text)}
		}
		return nil
	}
	if s.waiter != "" {
		return nil
	}
	m := reflect.ValueOf(sdk[s.service]).MethodByName(s.operation)
	in := reflect.New(m.Type().In(1).Elem())
	require.NoError(t, json.Unmarshal([]byte(s.input), in.Interface()), s.input)
	want := reflect.New(m.Type().Out(0).Elem())
	if !s.changes {
		res := m.Call([]reflect.Value{reflect.ValueOf(context.WithoutCancel(t.Context())), in})
		if err, _ := res[1].Interface().(error); err != nil {
			code := err.Error()
			if e, ok := errors.AsType[smithy.APIError](err); ok {
				code = e.ErrorCode()
			}
			return []string{"the SDK fails: " + code}
		}
		want = res[0]
	}
	if o.Result == nil {
		return nil
	}
	if s.changes {
		return shape(s.operation, want.Type().Elem(), o.Result)
	}
	if s.page > 0 { // a client that pages by itself puts only the lists together
		for i := range want.Elem().NumField() {
			if f := want.Elem().Field(i); f.CanSet() && f.Kind() != reflect.Slice {
				f.SetZero()
			}
		}
		if m, ok := o.Result.(map[string]any); ok {
			for k, v := range m {
				if _, isList := v.([]any); !isList {
					delete(m, k)
				}
			}
		}
	}
	return diff(s.operation, want, o.Result)
}

// shape checks that an answer has only members that the SDK knows.
func shape(path string, t reflect.Type, got any) (d []string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch got := got.(type) {
	case map[string]any:
		if t.Kind() != reflect.Struct {
			return nil
		}
		for k, v := range got {
			f, ok := t.FieldByNameFunc(func(n string) bool { return strings.EqualFold(n, k) })
			if !ok {
				if !ignored[strings.ToLower(k)] {
					d = append(d, path+"."+k+": unknown to the SDK")
				}
				continue
			}
			d = append(d, shape(path+"."+k, f.Type, v)...)
		}
	case []any:
		if t.Kind() == reflect.Slice {
			for _, v := range got {
				d = append(d, shape(path+"[]", t.Elem(), v)...)
			}
		}
	}
	return d
}

func sdkClients(c *rescuetest.Cloud) map[string]any {
	cfg := c.Config()
	return map[string]any{
		"cloudformation": cloudformation.NewFromConfig(cfg), "logs": cloudwatchlogs.NewFromConfig(cfg), "ecr": ecr.NewFromConfig(cfg),
		"ecs": ecs.NewFromConfig(cfg), "s3": s3.NewFromConfig(cfg), "secretsmanager": secretsmanager.NewFromConfig(cfg),
		"ssm": ssm.NewFromConfig(cfg), "sts": sts.NewFromConfig(cfg),
	}
}

// words splits "DescribeImages" at its capitals; "ListObjectsV2" has two words
// and a version.
func words(operation string) []string {
	var w []string
	start := 0
	for i := 1; i < len(operation); i++ {
		if c := operation[i]; c >= 'A' && c <= 'Z' {
			w = append(w, strings.ToLower(operation[start:i]))
			start = i
		}
	}
	return append(w, strings.ToLower(operation[start:]))
}

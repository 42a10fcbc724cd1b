package wire_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/document"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/simtest"
	"github.com/stackrescue/stackrescue/internal/sim/wire"
)

const signed = "AWS4-HMAC-SHA256 Credential=AKID/20000101/eu-west-1/SERVICE/aws4_request, SignedHeaders=host, Signature=00"

// TestProtocols sends requests that no SDK would.
func TestProtocols(t *testing.T) {
	const (
		amz  = "application/x-amz-json-1.1"
		form = "application/x-www-form-urlencoded; charset=utf-8"
		xml  = "text/xml"
	)
	big := strings.Repeat("x", 7<<20)
	tests := map[string]struct {
		method, url, target, contentType, service, body string

		status int
		answer string // media type
		want   []string
	}{
		"unknown operation, JSON":       {"POST", "/", "AmazonEC2ContainerServiceV20141113.Nothing", amz, "ecs", `{}`, 400, amz, []string{`"__type":"UnknownOperationException"`}},
		"unknown target":                {"POST", "/", "Nothing_1.Nothing", amz, "", `{}`, 400, amz, []string{`"__type":"UnknownOperationException"`}},
		"no target, JSON":               {"POST", "/", "", amz, "ecs", `{}`, 400, amz, []string{`"__type":"UnknownOperationException"`}},
		"malformed JSON":                {"POST", "/", "AmazonSSM.GetParameter", amz, "", `{"Name":`, 400, amz, []string{`"__type":"SerializationException"`}},
		"JSON that is no object":        {"POST", "/", "AmazonSSM.GetParameter", amz, "", `["Name"]`, 400, amz, []string{`"__type":"SerializationException"`}},
		"two JSON values":               {"POST", "/", "AmazonSSM.GetParameter", amz, "", `{}{}`, 400, amz, []string{`"__type":"SerializationException"`}},
		"wrong type":                    {"POST", "/", "AmazonSSM.GetParameter", amz, "", `{"Name":1}`, 400, amz, []string{`"__type":"SerializationException"`, "expected a string"}},
		"number as a string":            {"POST", "/", "AmazonEC2ContainerServiceV20141113.UpdateService", amz, "", `{"service":"a","desiredCount":"1"}`, 400, amz, []string{"SerializationException"}},
		"fraction for an integer":       {"POST", "/", "AmazonEC2ContainerServiceV20141113.UpdateService", amz, "", `{"service":"a","desiredCount":1.5}`, 400, amz, []string{"SerializationException"}},
		"unknown union member":          {"POST", "/", "AmazonEC2ContainerServiceV20141113.UpdateService", amz, "", `{"service":"a","serviceConnectConfiguration":{"enabled":true,"containerConfigurations":[{"x":1}]}}`, 400, amz, []string{"SerializationException", "union"}},
		"missing member, JSON":          {"POST", "/", "Logs_20140328.GetLogEvents", amz, "", `{"logGroupName":null}`, 400, amz, []string{`"__type":"InvalidParameterException"`, "1 validation error detected: Value null at 'logStreamName' failed to satisfy constraint: Member must not be null"}},
		"unknown member":                {"POST", "/", "AmazonSSM.GetParameter", amz, "", `{"Name":"none","Other":[1,{}]}`, 400, amz, []string{`{"__type":"ParameterNotFound"}`}},
		"empty body":                    {"POST", "/", "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories", amz, "", "", 200, amz, []string{`{"repositories":[]}`}},
		"oversized JSON":                {"POST", "/", "AmazonSSM.GetParameter", amz, "", `{"Name":"` + big + `"}`, 413, amz, []string{"RequestEntityTooLargeException"}},
		"missing action":                {"POST", "/", "", form, "sts", "Version=2011-06-15", 400, xml, []string{"<Code>MissingAction</Code>", "<Type>Sender</Type>", "<RequestId>"}},
		"unknown action":                {"POST", "/", "", form, "cloudformation", "Action=Nothing&Version=2010-05-15", 400, xml, []string{"<Code>InvalidAction</Code>", "Could not find operation Nothing for version 2010-05-15", "http://cloudformation.amazonaws.com/doc/2010-05-15/"}},
		"unknown version":               {"POST", "/", "", form, "iam", "Action=ListRoles&Version=2010-05-08", 400, xml, []string{"<Code>InvalidAction</Code>"}},
		"version of another service":    {"POST", "/", "", form, "", "Action=DescribeStacks&Version=2011-06-15", 400, xml, []string{"<Code>InvalidAction</Code>"}},
		"query in the URL":              {"GET", "/?Action=GetCallerIdentity&Version=2011-06-15", "", "", "", "", 200, xml, []string{"<GetCallerIdentityResult>", "<Account>111111111111</Account>"}},
		"missing member, query":         {"POST", "/", "", form, "", "Action=CreateChangeSet&Version=2010-05-15&StackName=a", 400, xml, []string{"<Code>ValidationError</Code>", "Value null at 'changeSetName'"}},
		"bad escape":                    {"POST", "/", "", form, "sts", "Action=%zz", 400, xml, []string{"MalformedQueryString"}},
		"deep query":                    {"POST", "/", "", form, "", "Action=DescribeStacks&Version=2010-05-15&" + strings.Repeat("a.", 100) + "b=1", 400, xml, []string{"MalformedInput"}},
		"list with a gap":               {"POST", "/", "", form, "", "Action=ContinueUpdateRollback&Version=2010-05-15&StackName=a&ResourcesToSkip.member.2=x", 400, xml, []string{"MalformedInput"}},
		"oversized query":               {"POST", "/", "", form, "", "Action=DescribeStacks&Version=2010-05-15&StackName=" + big, 413, xml, []string{"RequestEntityTooLarge"}},
		"no result element":             {"POST", "/", "", form, "", "Action=DeleteStack&Version=2010-05-15&StackName=a", 200, xml, []string{"<DeleteStackResponse", "<ResponseMetadata><RequestId>"}},
		"service without a simulation":  {"POST", "/2015-03-31/functions", "", "application/json", "lambda", `{}`, 404, "application/json", []string{"UnknownOperationException", "lambda"}},
		"S3, unknown subresource":       {"GET", "/bucket?acl", "", "", "s3", "", 501, "application/xml", []string{"<Code>NotImplemented</Code>"}},
		"S3, no such bucket":            {"GET", "/bucket/key", "", "", "s3", "", 404, "application/xml", []string{"<Code>NoSuchBucket</Code>", "<BucketName>bucket</BucketName>"}},
		"S3, malformed XML":             {"POST", "/bucket?delete", "", "", "s3", "<Delete><Object>", 400, "application/xml", []string{"<Code>MalformedXML</Code>"}},
		"S3, method that does not fit":  {"PATCH", "/bucket/key", "", "", "s3", "", 501, "application/xml", []string{"NotImplemented"}},
		"S3, bad number":                {"GET", "/bucket?list-type=2&max-keys=many", "", "", "s3", "", 400, "application/xml", []string{"InvalidArgument"}},
		"S3, unsigned, bucket in host":  {"GET", "http://bucket.localhost/key", "", "", "", "", 404, "application/xml", []string{"<BucketName>bucket</BucketName>"}},
		"S3, chunks that are not":       {"PUT", "/bucket/key", "", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "s3", "zz\r\n", 400, "application/xml", []string{"IncompleteBody"}},
		"HEAD has no body":              {"HEAD", "/bucket", "", "", "s3", "", 404, "application/xml", []string{""}},
		"another account's id as a key": {"POST", "/", "AmazonSSM.GetParameter", amz, "222222222222", `{"Name":"a"}`, 400, amz, []string{"UnrecognizedClientException"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			simtest.Bubble(t, func(t *testing.T) {
				f := newFixture()
				url := test.url
				if strings.HasPrefix(url, "/") {
					url = "http://127.0.0.1" + url
				}
				req, err := http.NewRequestWithContext(t.Context(), test.method, url, strings.NewReader(test.body))
				require.NoError(t, err)
				for k, v := range map[string]string{"X-Amz-Target": test.target, "Content-Type": test.contentType} {
					if v != "" {
						req.Header.Set(k, v)
					}
				}
				if strings.HasPrefix(test.contentType, "STREAMING") {
					req.Header.Set("X-Amz-Content-Sha256", test.contentType)
				}
				switch test.service {
				case "":
				case "222222222222":
					req.Header.Set("Authorization", strings.NewReplacer("AKID", test.service, "SERVICE", "ssm").Replace(signed))
				default:
					req.Header.Set("Authorization", strings.ReplaceAll(signed, "SERVICE", test.service))
				}
				res, err := wire.Direct(f.handler()).RoundTrip(req)
				require.NoError(t, err)
				body, err := io.ReadAll(res.Body)
				require.NoError(t, err)
				require.NoError(t, res.Body.Close())
				require.Equal(t, test.status, res.StatusCode, string(body))
				require.Equal(t, test.answer, res.Header.Get("Content-Type"))
				for _, w := range test.want {
					require.Contains(t, string(body), w)
				}
				if test.method == http.MethodHead {
					require.Empty(t, body)
				}
				require.NotEmpty(t, res.Header.Get("X-Amzn-Requestid")+res.Header.Get("X-Amz-Request-Id"))
				if test.service != "" && f.region != "" {
					require.Equal(t, "eu-west-1", f.region)
				}
			})
		})
	}
}

// A document holds any JSON value.
func TestDocument(t *testing.T) {
	bubble(t, func(t *testing.T, f *fixture, cfg aws.Config) {
		_, err := ecs.NewFromConfig(cfg).UpdateService(t.Context(), &ecs.UpdateServiceInput{Service: aws.String("a"), DeploymentConfiguration: &ecstypes.DeploymentConfiguration{
			LifecycleHooks: []ecstypes.DeploymentLifecycleHook{{HookTargetArn: aws.String("arn"), HookDetails: document.NewLazyDocument(map[string]any{"a": []any{1, "b", true}})}}}})
		require.NoError(t, err)
		text, err := f.update.DeploymentConfiguration.LifecycleHooks[0].HookDetails.MarshalSmithyDocument()
		require.NoError(t, err)
		require.JSONEq(t, `{"a":[1,"b",true]}`, string(text))
	})
}

// A lost response breaks a real connection.
func TestLostConnection(t *testing.T) {
	t.Parallel()
	f := newFixture()
	var table op.Table
	op.On(&table, f.describeServices)
	s := httptest.NewServer(wire.New(&table, func(context.Context, string, any) (any, string, error) { return nil, "", errors.New("lost") }, wire.Options{}))
	defer s.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, bytes.NewReader([]byte(`{"services":["a"]}`)))
	require.NoError(t, err)
	req.Header.Set("X-Amz-Target", "AmazonEC2ContainerServiceV20141113.DescribeServices")
	res, err := http.DefaultClient.Do(req)
	if err == nil {
		require.NoError(t, res.Body.Close())
	}
	require.ErrorIs(t, err, io.EOF)
}

package rescue_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/rescue"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

const parameterTemplate = `{"Resources":{"P":{"Type":"AWS::SSM::Parameter","Properties":{"Type":"String","Name":"/p","Value":"v"}}}}`

const failingTemplate = `{"Resources":{"S":{"Type":"AWS::CloudFormation::Stack","Properties":{"TemplateURL":"https://nowhere.s3.us-east-1.amazonaws.com/none.yaml"}}}}`

// refused runs the whole on a stack that cannot or need not be rescued, and
// proves that nothing was changed.
func refused(t *testing.T, cloud *rescuetest.Cloud, cfg aws.Config, stack string, want error, advice string) {
	t.Helper()
	cloud.ForgetCalls()
	var out strings.Builder
	err := whole(t, cfg, stack, &out, confirmed)
	require.ErrorIs(t, err, want)
	e, ok := errors.AsType[*rescue.Error](err)
	require.True(t, ok, err)
	require.Contains(t, e.Next, advice)
	for _, c := range cloud.Calls() {
		require.False(t, c.Mutates(), c.Action)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	create := func(t *testing.T, cloud *rescuetest.Cloud, body string) *cloudformation.Client {
		cfn := cloudformation.NewFromConfig(cloud.Config())
		_, err := cfn.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: aws.String("web"), TemplateBody: &body})
		require.NoError(t, err)
		time.Sleep(10 * time.Minute)
		return cfn
	}
	for name, test := range map[string]func(*testing.T, *rescuetest.Cloud){
		"no stack": func(t *testing.T, cloud *rescuetest.Cloud) {
			refused(t, cloud, cloud.Config(), "nope", rescue.ErrNoStack, "check the name, the account and the region")
		},
		"wrong region": func(t *testing.T, cloud *rescuetest.Cloud) {
			create(t, cloud, parameterTemplate)
			refused(t, cloud, cloud.ConfigIn("eu-west-1"), "web", rescue.ErrNoStack, "this is eu-west-1")
		},
		"no access": func(t *testing.T, cloud *rescuetest.Cloud) {
			create(t, cloud, parameterTemplate)
			cloud.Inject(simtype.Fault{Action: "cloudformation:*", Kind: simtype.Deny})
			refused(t, cloud, cloud.Config(), "web", rescue.ErrNoAccess, "rescue.ReadActions")
		},
		"healthy": func(t *testing.T, cloud *rescuetest.Cloud) {
			create(t, cloud, parameterTemplate)
			refused(t, cloud, cloud.Config(), "web", rescue.ErrHealthy, "users are served")
		},
		"ROLLBACK_COMPLETE": func(t *testing.T, cloud *rescuetest.Cloud) {
			create(t, cloud, failingTemplate)
			refused(t, cloud, cloud.Config(), "web", rescue.ErrNotRescuable, "create it again")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { test(t, rescuetest.New()) })
		})
	}
}

func TestDeleteFailedIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cloud := rescuetest.New()
		cfn := cloudformation.NewFromConfig(cloud.Config())
		body := `{"Resources":{"P":{"Type":"AWS::SSM::Parameter","Properties":{"Type":"String","Name":"/p","Value":"v"}}}}`
		_, err := cfn.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: aws.String("web"), TemplateBody: &body})
		require.NoError(t, err)
		time.Sleep(time.Minute)
		cloud.FailResource("web", "P", simtype.OnDelete, "resource is in use")
		_, err = cfn.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: aws.String("web")})
		require.NoError(t, err)
		time.Sleep(10 * time.Minute)
		refused(t, cloud, cloud.Config(), "web", rescue.ErrNotRescuable, "delete the stack again")
	})
}

// A stack still in progress: the evidence is captured and the causes so far
// are told.
func TestInProgressIsDiagnosedAndLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		in, err := rescuetest.ExpiredRollbackImage(t.Context())
		require.NoError(t, err)
		cfn := cloudformation.NewFromConfig(in.Cloud.Config())
		_, err = cfn.ContinueUpdateRollback(t.Context(), &cloudformation.ContinueUpdateRollbackInput{StackName: &in.Stack})
		require.NoError(t, err)
		in.Cloud.ForgetCalls()
		var out strings.Builder
		err = whole(t, in.Cloud.Config(), in.Stack, &out, confirmed, func(o *rescue.Options) { o.Evidence, o.Settle = dir, -1 })
		require.ErrorIs(t, err, rescue.ErrBusy)
		require.Contains(t, out.String(), "DuplicateTable")
		for _, c := range in.Cloud.Calls() {
			require.False(t, c.Mutates(), c.Action)
		}
		b, err := rescue.OpenBundle(dir)
		require.NoError(t, err)
		require.NotEmpty(t, b.Tasks)
	})
}

func TestCancelledRunSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in, err := rescuetest.ExpiredRollbackImage(t.Context())
		require.NoError(t, err)
		p := plan(t, in, forward())
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r, err := rescue.Run(ctx, in.Cloud.Config(), p, confirmed)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, rescue.Result("not-rescued"), r.Result)
		require.Equal(t, rescue.StepOutcome("failed"), r.Steps[len(r.Steps)-1].Outcome)
	})
}

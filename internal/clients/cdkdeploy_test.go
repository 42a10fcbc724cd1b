package clients

import (
	"os/exec"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sample"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// TestCDKDeploy lets the CDK CLI create a stack, find nothing to change, and
// change it.
func TestCDKDeploy(t *testing.T) {
	t.Parallel()
	bin := findCDK(t, cdkForce)
	// The AWS SDK in it takes a server whose time is minutes away from what it was at
	// the last answer for a skewed clock, and repeats what was refused, with longer and
	// longer pauses.
	cloud := rescuetest.New(func(o *rescuetest.Options) { o.Speed = 10 })
	url := serve(t, cloud)
	deploy := func(template string) string {
		cmd := exec.CommandContext(t.Context(), bin, "deploy", "prod", "--app", assembly(t, template), "--no-color", "--no-notices", "--require-approval", "never")
		cmd.Env = environment(t, url, cdkEnvironment...)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	const topic = `{"Resources":{"T":{"Type":"AWS::SNS::Topic"}},"Outputs":{"Id":{"Value":{"Ref":"T"}}}}`
	require.Contains(t, deploy(topic), "prod.Id = arn:aws:sns:us-east-1:123456789012:prod-T-")
	if sample.Wide() {
		require.Contains(t, deploy(topic), "(no changes)")
	} else {
		t.Log("a sample: a deployment that changes nothing is left out (STACKRESCUE_SAMPLE=2)")
	}
	deploy(`{"Resources":{"T":{"Type":"AWS::SNS::Topic"},"U":{"Type":"AWS::SNS::Topic"}},"Outputs":{"Id":{"Value":{"Ref":"U"}}}}`)
	out, err := cloudformation.NewFromConfig(cloud.Config()).DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String("prod")})
	require.NoError(t, err)
	require.EqualValues(t, "UPDATE_COMPLETE", out.Stacks[0].StackStatus)
	require.Contains(t, *out.Stacks[0].Outputs[0].OutputValue, "prod-U-")
}

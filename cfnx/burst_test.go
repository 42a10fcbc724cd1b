package cfnx_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// CloudFormation's published rates with the smallest bucket: every verb gets
// through, only later.
func TestVerbsGetThroughASmallBucket(t *testing.T) {
	t.Parallel()
	for _, burst := range []int{1, 2} {
		t.Run(fmt.Sprint(burst), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, func(o *rescuetest.Options) { o.Switches.CloudFormationBurst = burst })
				s.push("web", "v1", rescuetest.Runs())
				s.push("web", "v2", rescuetest.Runs())
				root := "Parameters: {Tag: {Type: String}}\nResources:\n"
				for i := range 8 {
					name := fmt.Sprintf("c%d", i)
					url := s.put(name+".yaml", strings.NewReplacer("ClusterName: c", "ClusterName: "+name, ", DesiredCount: 1", ", DesiredCount: 0", "Family: web", "Family: "+name).Replace(nestedWeb))
					root += "  App" + name + ": {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: " + url + ", Parameters: {Tag: !Ref Tag, Level: info}}}\n"
				}
				s.create("prod", root, "Tag", "v1")
				s.cloud.FailResource("Appc3", "Web", simtype.OnUpdate, "no")
				s.cloud.FailResource("Appc3", "Web", simtype.OnRollback, "Rate exceeded")
				require.Equal(t, "UPDATE_ROLLBACK_FAILED", s.update("prod", root, "Tag", "v2"))
				s.cloud.ForgetCalls()
				out, err := cfnx.ContinueRollbackSkipping(t.Context(), s.cfn, "prod", cfnx.SkipMinimal)
				require.NoError(t, err)
				require.Len(t, out.Skipped, 1)
				applied, err := cfnx.PatchTemplateImages(t.Context(), s.cfn, s.s3, "prod", toV2)
				require.NoError(t, err)
				require.Equal(t, types.StackStatusUpdateComplete, applied.Status)
				require.Len(t, applied.Images, 8)
				_, err = s.tree("prod").Record(t.Context(), s.cfn)
				require.NoError(t, err)
				throttled := 0
				for _, c := range s.cloud.Calls() {
					if c.Err != nil && strings.Contains(c.Err.Error(), "Throttling") {
						throttled++
					}
				}
				t.Logf("burst %d: %d calls, %d throttled", burst, len(s.cloud.Calls()), throttled)
				require.Positive(t, throttled)
			})
		})
	}
}

package cfnx_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/cfnx"
	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// Each setting in which the live service differs is found, carried, and no difference
// any more; the draft is one that can be applied.
func TestCarrySettings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.push("wide", "v1", rescuetest.Runs())
		s.push("side", "1", rescuetest.Runs())
		body := strings.Replace(wide, "DesiredCount: 1}", "DesiredCount: 1, DeploymentConfiguration: {DeploymentCircuitBreaker: {Enable: true, Rollback: true}}}", 1)
		s.create("web", body, "Tag", "v1", "Hush", "very secret")
		live := s.service("wide", "web")
		for property, edit := range map[string]func(*types.Service){
			"": func(*types.Service) {},
			"DeploymentConfiguration.MinimumHealthyPercent": func(v *types.Service) {
				c := *v.DeploymentConfiguration
				low := int32(37)
				c.MinimumHealthyPercent = &low
				v.DeploymentConfiguration = &c
			},
			"DeploymentConfiguration.Alarms.AlarmNames": func(v *types.Service) {
				c := *v.DeploymentConfiguration
				c.Alarms = &types.DeploymentAlarms{AlarmNames: []string{"errors"}}
				v.DeploymentConfiguration = &c
			},
		} {
			is := live
			edit(&is)
			d := s.draft("web")
			found, err := d.SettingDifferences(d.Tree.Root, "Service", is)
			require.NoError(t, err)
			if property == "" {
				require.Empty(t, found)
				continue
			}
			require.Len(t, found, 1, property)
			require.Equal(t, property, found[0].Property)
			carried, err := d.CarrySettings(d.Tree.Root, "Service", is)
			require.NoError(t, err, property)
			require.Len(t, carried, 1)
			require.Equal(t, "template", carried[0].Where)
			found, err = d.SettingDifferences(d.Tree.Root, "Service", is)
			require.NoError(t, err)
			require.Empty(t, found)
			require.NoError(t, d.Check())
			d = s.draft("web")
			carried, err = d.CarrySettings(d.Tree.Root, "Service", is, property)
			require.NoError(t, err)
			require.Empty(t, carried)
			require.True(t, d.Empty(), "what is left out is left alone")
		}
		d := s.draft("web")
		_, err := d.SettingDifferences(d.Tree.Root, "Service", func() {})
		require.Error(t, err, "no JSON")
		var none []cfnx.Difference
		found, err := d.SettingDifferences(d.Tree.Root, "None", live)
		require.NoError(t, err)
		require.Equal(t, none, found)
	})
}

package ssmsim_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sim/simtest"
	"github.com/stackrescue/stackrescue/internal/sim/ssmsim"
)

func TestParameters(t *testing.T) {
	simtest.Bubble(t, func(t *testing.T) {
		sim := simtest.New(nil)
		ssmsim.New(sim.World).Register(&sim.Table)
		c := ssm.NewFromConfig(sim.Config())
		ctx := t.Context()
		put := func(name, value string, kind types.ParameterType, overwrite bool) error {
			_, err := c.PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String(name), Value: aws.String(value), Type: kind, Overwrite: aws.Bool(overwrite)})
			return err
		}
		require.NoError(t, put("/app/image", "v1", types.ParameterTypeString, false))
		require.ErrorAs(t, put("/app/image", "v2", types.ParameterTypeString, false), new(*types.ParameterAlreadyExists))
		require.NoError(t, put("/app/image", "v2", "", true))
		require.NoError(t, put("/app/db/password", "secret", types.ParameterTypeSecureString, false))
		require.NoError(t, put("plain", "x", types.ParameterTypeString, false))
		require.ErrorContains(t, put("new", "x", "", false), "A parameter type is required when you create a parameter.")
		require.Error(t, put("a/b", "x", types.ParameterTypeString, false))

		get := func(name string, decrypt bool) (*types.Parameter, error) {
			out, err := c.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(name), WithDecryption: aws.Bool(decrypt)})
			if err != nil {
				return nil, err
			}
			return out.Parameter, nil
		}
		for name, want := range map[string]string{"/app/image": "v2", "/app/image:1": "v1", "arn:aws:ssm:us-east-1:111111111111:parameter/app/image": "v2", "arn:aws:ssm:us-east-1:111111111111:parameter/plain": "x"} {
			p, err := get(name, false)
			require.NoError(t, err, name)
			require.Equal(t, want, *p.Value, name)
		}
		p, err := get("/app/db/password", true)
		require.NoError(t, err)
		require.Equal(t, "secret", *p.Value)
		p, err = get("/app/db/password", false)
		require.NoError(t, err)
		require.NotContains(t, *p.Value, "secret")
		_, err = get("none", false)
		require.ErrorAs(t, err, new(*types.ParameterNotFound))
		_, err = get("plain:7", false)
		require.ErrorAs(t, err, new(*types.ParameterVersionNotFound))

		paths := func(recursive bool) int {
			out, err := c.GetParametersByPath(ctx, &ssm.GetParametersByPathInput{Path: aws.String("/app"), Recursive: aws.Bool(recursive)})
			require.NoError(t, err)
			return len(out.Parameters)
		}
		require.Equal(t, 1, paths(false))
		require.Equal(t, 2, paths(true))
		found, err := c.DescribeParameters(ctx, &ssm.DescribeParametersInput{ParameterFilters: []types.ParameterStringFilter{{Key: aws.String("Name"), Option: aws.String("BeginsWith"), Values: []string{"/app"}}}})
		require.NoError(t, err)
		require.Len(t, found.Parameters, 2)
		history, err := c.GetParameterHistory(ctx, &ssm.GetParameterHistoryInput{Name: aws.String("/app/image")})
		require.NoError(t, err)
		require.Len(t, history.Parameters, 2)
		gone, err := c.DeleteParameters(ctx, &ssm.DeleteParametersInput{Names: []string{"plain", "none"}})
		require.NoError(t, err)
		require.Equal(t, []string{"plain"}, gone.DeletedParameters)
		require.Equal(t, []string{"none"}, gone.InvalidParameters)
	})
}

// A tier goes up and never down, until the parameter is made anew; a put that
// names none keeps it.
func TestTiers(t *testing.T) {
	simtest.Bubble(t, func(t *testing.T) {
		sim := simtest.New(nil)
		ssmsim.New(sim.World).Register(&sim.Table)
		c := ssm.NewFromConfig(sim.Config())
		put := func(tier types.ParameterTier, overwrite bool) (types.ParameterTier, error) {
			out, err := c.PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("/gate"), Value: aws.String("v"), Type: types.ParameterTypeString, Tier: tier, Overwrite: &overwrite})
			if err != nil {
				return "", err
			}
			return out.Tier, nil
		}
		tier, err := put("", false)
		require.NoError(t, err)
		require.Equal(t, types.ParameterTierStandard, tier)
		_, err = put(types.ParameterTierAdvanced, true)
		require.NoError(t, err)
		tier, err = put("", true)
		require.NoError(t, err)
		require.Equal(t, types.ParameterTierAdvanced, tier)
		_, err = put(types.ParameterTierStandard, true)
		require.ErrorContains(t, err, "ValidationException: This parameter uses the advanced-parameter tier. You can't downgrade")
		_, err = c.DeleteParameter(t.Context(), &ssm.DeleteParameterInput{Name: aws.String("/gate")})
		require.NoError(t, err)
		tier, err = put(types.ParameterTierStandard, true)
		require.NoError(t, err)
		require.Equal(t, types.ParameterTierStandard, tier)
	})
}

package stssim_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sim/simtest"
	"github.com/stackrescue/stackrescue/internal/sim/stssim"
)

func TestIdentity(t *testing.T) {
	simtest.Bubble(t, func(t *testing.T) {
		sim := simtest.New(nil)
		stssim.New(sim.World).Register(&sim.Table)
		c := sts.NewFromConfig(sim.Config())
		who, err := c.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		require.NoError(t, err)
		require.Equal(t, simtest.Account, *who.Account)
		role, err := c.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::111111111111:role/path/deploy"), RoleSessionName: aws.String("me")})
		require.NoError(t, err)
		require.Equal(t, "arn:aws:sts::111111111111:assumed-role/deploy/me", *role.AssumedRoleUser.Arn)
		require.WithinDuration(t, time.Now().Add(time.Hour), *role.Credentials.Expiration, time.Second)
		_, err = c.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::222222222222:role/deploy"), RoleSessionName: aws.String("me")})
		require.ErrorContains(t, err, "StatusCode: 403")
		require.ErrorContains(t, err, "AccessDenied")
	})
}

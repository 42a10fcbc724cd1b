package secretssim_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sim/secretssim"
	"github.com/stackrescue/stackrescue/internal/sim/simtest"
)

func start() (*simtest.Sim, *secretsmanager.Client) {
	sim := simtest.New(nil)
	secretssim.New(sim.World).Register(&sim.Table)
	return sim, secretsmanager.NewFromConfig(sim.Config())
}

func TestLookup(t *testing.T) {
	simtest.Bubble(t, func(t *testing.T) {
		_, c := start()
		made, err := c.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("app/db"), SecretString: aws.String(`{"password":"p"}`)})
		require.NoError(t, err)
		odd, err := c.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("app-a1b2c3"), SecretString: aws.String("x")})
		require.NoError(t, err)
		require.Regexp(t, `^arn:aws:secretsmanager:us-east-1:111111111111:secret:app/db-[A-Z0-9]{6}$`, *made.ARN)
		get := func(id string) error {
			_, err := c.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String(id)})
			return err
		}
		partial := func(arn *string) string { return (*arn)[:len(*arn)-7] }
		require.NoError(t, get("app/db"))
		require.NoError(t, get(*made.ARN))
		require.NoError(t, get(partial(made.ARN)))
		require.NoError(t, get("app-a1b2c3"))
		require.ErrorAs(t, get(partial(odd.ARN)), new(*types.ResourceNotFoundException), "a name that ends like a suffix")
		require.ErrorContains(t, get("none"), "Secrets Manager can't find the specified secret.")
		require.ErrorContains(t, get("no good"), "ValidationException: Invalid name.")
	})
}

func TestDeletion(t *testing.T) {
	simtest.Bubble(t, func(t *testing.T) {
		_, c := start()
		ctx := t.Context()
		create := func() error {
			_, err := c.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String("db"), SecretString: aws.String("x")})
			return err
		}
		require.NoError(t, create())
		del, err := c.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: aws.String("db"), RecoveryWindowInDays: aws.Int64(7)})
		require.NoError(t, err)
		require.WithinDuration(t, time.Now().Add(7*24*time.Hour), *del.DeletionDate, time.Second)
		require.ErrorContains(t, create(), "already scheduled for deletion")
		list, err := c.ListSecrets(ctx, &secretsmanager.ListSecretsInput{})
		require.NoError(t, err)
		require.Empty(t, list.SecretList)
		_, err = c.RestoreSecret(ctx, &secretsmanager.RestoreSecretInput{SecretId: aws.String("db")})
		require.NoError(t, err)
		time.Sleep(8 * 24 * time.Hour)
		_, err = c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("db")})
		require.NoError(t, err, "a restored secret stays")
		_, err = c.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: aws.String("db")})
		require.NoError(t, err)
		time.Sleep(31 * 24 * time.Hour)
		require.NoError(t, create())
		_, err = c.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: aws.String("db"), ForceDeleteWithoutRecovery: aws.Bool(true)})
		require.NoError(t, err)
		require.NoError(t, create())
	})
}

func TestTokens(t *testing.T) {
	simtest.Bubble(t, func(t *testing.T) {
		_, c := start()
		ctx := t.Context()
		_, err := c.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String("db"), SecretString: aws.String("x")})
		require.NoError(t, err)
		put := func(value string) error {
			_, err := c.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: aws.String("db"), SecretString: aws.String(value), ClientRequestToken: aws.String("00000000-0000-4000-8000-00000000000a")})
			return err
		}
		require.NoError(t, put("y"))
		require.NoError(t, put("y"), "idempotent")
		require.ErrorAs(t, put("z"), new(*types.ResourceExistsException))
		list, err := c.ListSecrets(ctx, &secretsmanager.ListSecretsInput{Filters: []types.Filter{{Key: types.FilterNameStringTypeName, Values: []string{"d", "!dx"}}}})
		require.NoError(t, err)
		require.Len(t, list.SecretList, 1)
	})
}

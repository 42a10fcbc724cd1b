package redact_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/redact"
)

func TestJSON(t *testing.T) {
	t.Parallel()
	got, err := redact.JSON([]byte(`{"b":1.50,"a":[{"key":"DbPassword","value":"Zt4-lantern","resolved":"Zt4-lantern"},{"key":"Tag","value":"v42"},true,null],
		"token":"Console-1","secrets":{"DB":"arn:aws:ssm:eu-west-1:1:parameter/x"},"env":{"API_TOKEN":"Zt4-lantern"},"text":"password=Zt4-lantern <b>"}`),
		func(path []string, s string) (string, bool) { return s, strings.Join(path, ".") == "token" })
	require.NoError(t, err)
	require.Equal(t, `{"b":1.50,"a":[{"key":"DbPassword","value":"[redacted]","resolved":"[redacted]"},{"key":"Tag","value":"v42"},true,null],`+
		`"token":"Console-1","secrets":{"DB":"arn:aws:ssm:eu-west-1:1:parameter/x"},"env":{"API_TOKEN":"[redacted]"},"text":"password=[redacted] <b>"}`, string(got))
	_, err = redact.JSON([]byte(`{"a":`), nil)
	require.Error(t, err)
}

func TestValue(t *testing.T) {
	t.Parallel()
	require.Equal(t, "[redacted]", redact.Value("DbPassword", "x"))
	require.Equal(t, "arn:aws:secretsmanager:eu-west-1:1:secret:x", redact.Value("DbSecret", "arn:aws:secretsmanager:eu-west-1:1:secret:x"))
	require.Equal(t, "v42", redact.Value("ImageTag", "v42"))
	require.Equal(t, "postgres://app:[redacted]@db/x", redact.Value("Url", "postgres://app:Zt4@db/x"))
}

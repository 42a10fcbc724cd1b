package redact_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/redact"
)

func TestRedact(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"key AKIAIOSFODNN7EXAMPLE used":                           "key [redacted] used",
		"GET /x?X-Amz-Signature=abc123&y=1":                       "GET /x?X-Amz-Signature=[redacted]&y=1",
		"DATABASE_PASSWORD=hunter2 next":                          "DATABASE_PASSWORD=[redacted] next",
		`{"password": "hunter2", "user": "app"}`:                  `{"password": "[redacted]", "user": "app"}`,
		"Authorization: Bearer abc.def":                           "Authorization: [redacted]",
		"postgres://app:hunter2@db:5432/app":                      "postgres://app:[redacted]@db:5432/app",
		"arn:aws:secretsmanager:us-east-1:1:secret:rds!db-1-AbCd": "arn:aws:secretsmanager:us-east-1:1:secret:rds!db-1-AbCd",
		"relation \"plans\" already exists":                       "relation \"plans\" already exists",
	} {
		require.Equal(t, want, redact.Text(in))
	}
}

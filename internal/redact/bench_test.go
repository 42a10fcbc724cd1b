package redact_test

import (
	"strings"
	"testing"

	"github.com/stackrescue/stackrescue/internal/redact"
)

func BenchmarkLogLine(b *testing.B) {
	line := `{"level":"info","ts":"2026-11-26T21:52:21Z","msg":"GET /orders/42 200 in 12 ms","request":"6a1f0d36-0b44-9b0a-3a5e-5d3f9d5d9b1a","host":"api.internal"}`
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		redact.Text(line)
	}
}

func BenchmarkTemplate(b *testing.B) {
	text := strings.Repeat("  Service:\n    Type: AWS::ECS::Service\n    Properties:\n      Cluster: !Ref Cluster\n      DesiredCount: 2\n", 1000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		redact.Text(text)
	}
}

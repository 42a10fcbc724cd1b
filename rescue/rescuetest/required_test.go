package rescuetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sim/op"
)

// TestRequiredMembers keeps the wire door's list of required members in step
// with the operations that the cloud has: what the SDK's clients refuse to
// leave out, the door refuses to accept.
func TestRequiredMembers(t *testing.T) {
	t.Parallel()
	c := New()
	var table *op.Table
	c.clock.Do(func() { table = &c.in(c.region).table })
	cfg := c.Config()
	clients := map[string]any{
		"cloudformation": cloudformation.NewFromConfig(cfg), "cloudwatchlogs": cloudwatchlogs.NewFromConfig(cfg),
		"ecr": ecr.NewFromConfig(cfg), "ecs": ecs.NewFromConfig(cfg), "s3": s3.NewFromConfig(cfg), "elasticloadbalancingv2": elasticloadbalancingv2.NewFromConfig(cfg),
		"secretsmanager": secretsmanager.NewFromConfig(cfg), "ssm": ssm.NewFromConfig(cfg), "sts": sts.NewFromConfig(cfg),
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // validation comes first; nothing is called
	var lines strings.Builder
	lines.WriteString("package wire\n\n// required are the members that an operation's input must have, from the SDK's\n// own validation. A test of the cloud writes this file.\nvar required = map[string]string{\n")
	for _, o := range table.All() {
		if clients[o.Service] == nil {
			continue // shapes of the cloud's own, whose handlers validate
		}
		m := reflect.ValueOf(clients[o.Service]).MethodByName(o.Name)
		require.True(t, m.IsValid(), o.String())
		res := m.Call([]reflect.Value{reflect.ValueOf(ctx), reflect.New(o.In)})
		err, _ := res[1].Interface().(error)
		var names []string
		if e, ok := errors.AsType[smithy.InvalidParamsError](err); ok {
			for _, p := range e.Errs() {
				f, isField := errors.AsType[interface {
					error
					Field() string
				}](p)
				require.True(t, isField, "%T", p)
				names = append(names, f.Field()[strings.LastIndex(f.Field(), ".")+1:])
			}
		}
		if len(names) > 0 && o.Service != "s3" {
			slices.Sort(names)
			fmt.Fprintf(&lines, "\t%q: %q,\n", o.String(), strings.Join(names, " "))
		}
	}
	lines.WriteString("}\n")
	file := filepath.Join("..", "..", "internal", "sim", "wire", "requiredmembers.go")
	if os.Getenv("STACKRESCUE_UPDATE") == "1" {
		require.NoError(t, os.WriteFile(file, []byte(lines.String()), 0o600))
	}
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	require.Equal(t, squeeze(lines.String()), squeeze(string(got)), "run this test with STACKRESCUE_UPDATE=1 and gofmt the file")
}

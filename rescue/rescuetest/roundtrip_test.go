package rescuetest

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/document"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/assert"

	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/wire"
)

// TestRoundTrip sends every operation of the cloud through the wire door with
// every member of its input and output set: the SDK's serialisers and parsers,
// generated from the service models, are the judges of the door's reflection.
// S3, whose members are headers, has a test of its own.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	c := New()
	var table *op.Table
	c.clock.Do(func() { table = &c.in(c.region).table })
	var got, answer any
	h := wire.New(table, func(_ context.Context, _ string, in any) (any, string, error) {
		got = in
		return answer, "id", nil
	}, wire.Options{Region: "us-east-1"})
	cfg := aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("AKID", "s", ""), HTTPClient: &http.Client{Transport: wire.Direct(h)}}
	clients := map[string]any{
		"cloudformation": cloudformation.NewFromConfig(cfg), "cloudwatchlogs": cloudwatchlogs.NewFromConfig(cfg),
		"ecr": ecr.NewFromConfig(cfg), "ecs": ecs.NewFromConfig(cfg),
		"elasticloadbalancingv2": elasticloadbalancingv2.NewFromConfig(cfg),
		"secretsmanager":         secretsmanager.NewFromConfig(cfg), "ssm": ssm.NewFromConfig(cfg), "sts": sts.NewFromConfig(cfg),
	}
	for _, o := range table.All() {
		client, ok := clients[o.Service]
		if !ok {
			continue
		}
		f := &filling{}
		in, out := f.of(o.In), f.of(o.Out)
		answer = out.Interface()
		res := reflect.ValueOf(client).MethodByName(o.Name).Call([]reflect.Value{reflect.ValueOf(t.Context()), in})
		assert.Nil(t, res[1].Interface(), "%s: %v", o, res[1].Interface())
		assert.Equal(t, in.Interface(), got, o.String())
		parsed := res[0].Elem()
		if m := parsed.FieldByName("ResultMetadata"); m.IsValid() {
			m.SetZero()
		}
		if o.String() == "cloudformation.DeleteStack" {
			continue // no result
		}
		assert.Equal(t, out.Interface(), parsed.Addr().Interface(), o.String())
		assert.Empty(t, f.unions, "%s: a union without a variant here", o)
	}
}

// A filling sets every member to a value of its own.
type filling struct {
	hollow bool // structures in the input are empty
	n      int
	unions []string
}

// unionVariants has a member of every union.
var unionVariants = map[reflect.Type]reflect.Type{
	reflect.TypeFor[ecstypes.ServiceConnectContainerConfiguration](): reflect.TypeFor[ecstypes.ServiceConnectContainerConfigurationMemberLogLevel](),
	reflect.TypeFor[ecstypes.SharingStrategy]():                      reflect.TypeFor[ecstypes.SharingStrategyMemberNvidiaMps](),
	reflect.TypeFor[ecstypes.GatewayConnectionResources]():           reflect.TypeFor[ecstypes.GatewayConnectionResourcesMemberHostSharedAlb](),
}

const deepest = 14 // shapes can hold themselves

func (f *filling) of(t reflect.Type) reflect.Value {
	p := reflect.New(t)
	f.fill(p.Elem(), 0)
	return p
}

func (f *filling) fill(v reflect.Value, depth int) {
	f.n++
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Date(2001, 2, 3, 4, 5, f.n%60, 0, time.UTC)))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if depth < deepest {
			v.Set(reflect.New(v.Type().Elem()))
			f.fill(v.Elem(), depth+1)
		}
	case reflect.Struct:
		if f.hollow && depth > 0 {
			return
		}
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; v.Type().Field(i).IsExported() && name != "ResultMetadata" {
				f.fill(v.Field(i), depth+1)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(fmt.Appendf(nil, "bytes %d", f.n))
			return
		}
		if depth < deepest {
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			for i := range 2 {
				f.fill(v.Index(i), depth+1)
			}
		}
	case reflect.Map:
		if depth < deepest {
			v.Set(reflect.MakeMap(v.Type()))
			for i := range 2 {
				e := reflect.New(v.Type().Elem()).Elem()
				f.fill(e, depth+1)
				v.SetMapIndex(reflect.ValueOf(fmt.Sprintf("key %d", i)).Convert(v.Type().Key()), e)
			}
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("text <&\"'> %d", f.n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(int64(f.n))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(f.n) + 0.25)
	case reflect.Interface:
		variant, ok := unionVariants[v.Type()]
		if v.Type() == reflect.TypeFor[document.Interface]() {
			return // has a test of its own
		}
		if !ok {
			f.unions = append(f.unions, v.Type().String())
			return
		}
		v.Set(f.of(variant))
	}
}

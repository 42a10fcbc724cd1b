package rescuetest

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/wire"
)

// TestNoHandlerPanics calls every operation with inputs that a client's own
// validation would not let through: each member alone, and all of them with
// values that mean nothing.
func TestNoHandlerPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in, err := ExpiredRollbackImage(t.Context())
		require.NoError(t, err)
		c := in.Cloud
		var table *op.Table
		c.clock.Do(func() { table = &c.in(c.region).table })
		calls := 0
		try := func(o op.Operation, v reflect.Value, what string) {
			calls++
			assert.NotPanics(t, func() {
				c.clock.Do(func() {
					_, _ = o.Call(t.Context(), v.Interface()) // any answer will do
				})
			}, "%s with %s", o, what)
		}
		for _, o := range table.All() {
			must := required(o)
			bare := func() reflect.Value {
				v := reflect.New(o.In)
				for _, name := range must {
					if f := v.Elem().FieldByName(name); f.IsValid() {
						(&filling{}).fill(f, 0)
					}
				}
				return v
			}
			try(o, bare(), "no more than it must have")
			try(o, (&filling{}).of(o.In), "everything")
			try(o, (&filling{hollow: true}).of(o.In), "everything, empty inside")
			for i := range o.In.NumField() {
				f := o.In.Field(i)
				if !f.IsExported() || slices.Contains(must, f.Name) {
					continue
				}
				one, rest, hollow := bare(), (&filling{}).of(o.In), bare()
				(&filling{}).fill(one.Elem().Field(i), 0)
				(&filling{hollow: true}).fill(hollow.Elem().Field(i), 1)
				try(o, hollow, f.Name+", empty inside")
				rest.Elem().Field(i).SetZero()
				try(o, one, f.Name)
				try(o, rest, "everything but "+f.Name)
			}
		}
		t.Logf("%d operations, %d calls", len(table.All()), calls)
	})
}

// FuzzHandler sends arbitrary requests: whatever comes is answered, and never
// as a fault of the server's.
func FuzzHandler(f *testing.F) {
	for _, seed := range []struct{ method, path, target, contentType, body string }{
		{"POST", "/", "AmazonEC2ContainerServiceV20141113.DescribeServices", "application/x-amz-json-1.1", `{"cluster":"prod","services":["backend"]}`},
		{"POST", "/", "AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition", "application/x-amz-json-1.1", `{"family":"f","containerDefinitions":[{"name":"n","image":"i","memory":1.5}]}`},
		{"POST", "/", "AmazonEC2ContainerRegistry_V20150921.PutImage", "application/x-amz-json-1.1", `{"repositoryName":"backend","imageManifest":"{}"}`},
		{"POST", "/", "Logs_20140328.GetLogEvents", "application/x-amz-json-1.1", `{"logGroupName":"/prod/backend","logStreamName":"x","nextToken":"f/0/s"}`},
		{"POST", "/", "secretsmanager.CreateSecret", "application/x-amz-json-1.1", `{"Name":"x","SecretBinary":"!"}`},
		{"POST", "/", "Nothing.AtAll", "", `[`},
		{"POST", "/", "", "application/x-www-form-urlencoded", "Action=DescribeStackEvents&Version=2010-05-15&StackName=prod&NextToken=x"},
		{"POST", "/", "", "application/x-www-form-urlencoded", "Action=CreateChangeSet&Version=2010-05-15&StackName=prod&ChangeSetName=c&Parameters.member.1.ParameterKey=a&Parameters.member.x=b&TemplateBody=%7B%7D"},
		{"GET", "/?Action=GetCallerIdentity&Version=2011-06-15", "", "", ""},
		{"PUT", "/prod-templates/key?x-id=PutObject", "", "application/xml", "body"},
		{"POST", "/prod-templates?delete", "", "application/xml", "<Delete><Object><Key>a</Key></Object></Delete>"},
		{"GET", "/prod-templates?list-type=2&max-keys=-1&continuation-token=%21", "", "", ""},
	} {
		f.Add(seed.method, seed.path, seed.target, seed.contentType, []byte(seed.body))
	}
	var c *Cloud
	var h http.Handler
	f.Fuzz(func(t *testing.T, method, path, target, contentType string, body []byte) {
		if c == nil {
			c = New(func(o *Options) { o.Latency = 1 })
			var table *op.Table
			c.clock.Do(func() { table = &c.in(c.region).table })
			h = wire.New(table, func(ctx context.Context, region string, in any) (any, string, error) { return c.call(ctx, region, in) }, wire.Options{Region: c.region})
		}
		req, err := http.NewRequestWithContext(t.Context(), method, "http://127.0.0.1"+"/"+strings.TrimPrefix(path, "/"), strings.NewReader(string(body)))
		if err != nil {
			t.Skip()
		}
		for k, v := range map[string]string{"X-Amz-Target": target, "Content-Type": contentType} {
			if v != "" {
				req.Header.Set(k, v)
			}
		}
		res, err := wire.Direct(h).RoundTrip(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		if res.StatusCode >= 500 && res.StatusCode != http.StatusNotImplemented {
			t.Fatal(fmt.Sprint(res.StatusCode, " for ", method, path, target, string(body)))
		}
	})
}

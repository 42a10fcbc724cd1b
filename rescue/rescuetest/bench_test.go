package rescuetest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/stackrescue/stackrescue/rescue/rescuetest"
)

// BenchmarkDoors is what one call of the Go SDK takes through each door, on the
// incident as it was built: DescribeServices of one service, and
// DescribeStackEvents of the root stack.
func BenchmarkDoors(b *testing.B) {
	in, err := rescuetest.ExpiredRollbackImage(b.Context(), func(o *rescuetest.IncidentOptions) { o.Latency = 0 })
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(in.Cloud.Handler())
	defer server.Close()
	loopback := in.Cloud.WireConfig()
	loopback.BaseEndpoint = aws.String(server.URL)
	loopback.HTTPClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	for name, cfg := range map[string]aws.Config{"middleware": in.Cloud.Config(), "direct": in.Cloud.WireConfig(), "loopback": loopback} {
		services, stacks := ecs.NewFromConfig(cfg), cloudformation.NewFromConfig(cfg)
		b.Run(name+"/DescribeServices", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := services.DescribeServices(b.Context(), &ecs.DescribeServicesInput{Cluster: &in.Cluster, Services: []string{in.Service}}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
		})
		b.Run(name+"/DescribeStackEvents", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := stacks.DescribeStackEvents(b.Context(), &cloudformation.DescribeStackEventsInput{StackName: &in.Stack}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
		})
		in.Cloud.ForgetCalls()
	}
}

// BenchmarkHandler is the door alone, without a client that serialises, signs
// and parses.
func BenchmarkHandler(b *testing.B) {
	in, err := rescuetest.ExpiredRollbackImage(b.Context(), func(o *rescuetest.IncidentOptions) { o.Latency = 0 })
	if err != nil {
		b.Fatal(err)
	}
	h := in.Cloud.Handler()
	for name, r := range map[string]struct{ target, media, body string }{
		"DescribeServices":    {"AmazonEC2ContainerServiceV20141113.DescribeServices", "application/x-amz-json-1.1", `{"cluster":"` + in.Cluster + `","services":["` + in.Service + `"]}`},
		"DescribeStackEvents": {"", "application/x-www-form-urlencoded", "Action=DescribeStackEvents&Version=2010-05-15&StackName=" + in.Stack},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(r.body))
				req.Header.Set("Content-Type", r.media)
				if r.target != "" {
					req.Header.Set("X-Amz-Target", r.target)
				}
				rec := httptest.NewRecorder()
				if h.ServeHTTP(rec, req); rec.Code != http.StatusOK {
					b.Fatal(rec.Body)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
		})
		in.Cloud.ForgetCalls()
	}
}

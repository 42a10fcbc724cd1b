package rescuetest

import (
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/stackrescue/stackrescue/internal/sim/ecrsim"
	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/wire"
)

// Handler lets in clients that speak AWS's wire protocols: AWS JSON, AWS query
// and S3's REST, with the bucket in the path or in the host's name. Serve it on
// a loopback port and point the AWS CLI, the CDK CLI or boto3 to it with an
// endpoint URL.
//
// The region of a request is that of its signature, which is not verified. A
// request that is not signed goes to the home region. An access key that is the
// id of another account is refused.
func (c *Cloud) Handler() http.Handler {
	var table *op.Table
	c.clock.Do(func() { table = &c.in(c.region).table })
	h := wire.New(table, c.call, wire.Options{Region: c.region, Account: c.home.Account})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", c.Now().UTC().Format(http.TimeFormat))
		if region := ecrsim.LayerRegion(r.Host); region != "" && r.Method == http.MethodGet {
			c.layer(w, region, r.URL.Path)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// WireConfig is [Cloud.Config] for clients that are to speak the wire
// protocols all the same: requests are serialised and signed, handed to
// [Cloud.Handler] without a network, and answers parsed. It works in a synctest
// bubble.
func (c *Cloud) WireConfig() aws.Config {
	return aws.Config{
		Region:      c.region,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDSIMULATED", "simulated", ""),
		HTTPClient:  &http.Client{Transport: wire.Direct(c.Handler())},
	}
}

// layer answers a download of an image's layer, from the URL that ECR gave for it.
func (c *Cloud) layer(w http.ResponseWriter, region, path string) {
	var content string
	found := false
	c.clock.Do(func() { content, found = c.in(region).ecr.Layer(path) })
	if !found {
		http.Error(w, "<Code>NoSuchKey</Code>", http.StatusNotFound)
		return
	}
	_, _ = io.WriteString(w, content) // a reader that has gone is no error of the cloud
}

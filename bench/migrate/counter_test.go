package bench

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/jackc/pgx/v5"
)

// counter sees what the driver sends, whoever uses it: statements to
// PostgreSQL, and calls to DynamoDB by their names.
type counter struct {
	mu   sync.Mutex
	said []string
	// prepared are round trips for statements that a connection did not know
	// yet, connected those for a new one.
	prepared, connected int
}

// counts is what was counted.
type counts struct {
	said                []string
	prepared, connected int
}

// take returns what was counted since the last time.
func (c *counter) take() counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := counts{c.said, c.prepared, c.connected}
	c.said, c.prepared, c.connected = nil, 0, 0
	return n
}

func (c *counter) count(fn func(*counter)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fn(c)
}

// writes are statements and calls that may change something, or fail to at the
// price of a write.
func (n counts) writes() (writes []string) {
	for _, s := range n.said {
		verb := strings.Fields(s)[0]
		if slices.Contains([]string{"INSERT", "UPDATE", "DELETE", "TRUNCATE", "CREATE", "UpdateItem", "PutItem", "DeleteItem"}, strings.ToUpper(verb)) ||
			slices.Contains([]string{"UpdateItem", "PutItem", "DeleteItem"}, verb) {
			writes = append(writes, s)
		}
	}
	return writes
}

// locks are those that ask for the right to migrate.
func (n counts) locks() (locks int) {
	for _, s := range n.said {
		for _, mark := range []string{"pg_advisory_lock(", "pg_try_advisory_lock(", "INSERT INTO goose_lock", "INSERT INTO public.goose_lock", "INSERT INTO stackrescue_lease", "UpdateItem"} {
			if strings.Contains(s, mark) {
				locks++
				break
			}
		}
	}
	return locks
}

func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	c.count(func(c *counter) { c.said = append(c.said, strings.Join(strings.Fields(d.SQL), " ")) })
	return ctx
}

func (c *counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (c *counter) TracePrepareStart(ctx context.Context, _ *pgx.Conn, _ pgx.TracePrepareStartData) context.Context {
	return ctx
}

func (c *counter) TracePrepareEnd(_ context.Context, _ *pgx.Conn, d pgx.TracePrepareEndData) {
	if !d.AlreadyPrepared {
		c.count(func(c *counter) { c.prepared++ })
	}
}

func (c *counter) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	c.count(func(c *counter) { c.connected++ })
	return ctx
}

func (c *counter) TraceConnectEnd(context.Context, pgx.TraceConnectEndData) {}

// door counts requests, each retry of the SDK too.
type door struct {
	aws.HTTPClient
	c *counter
}

func (d door) Do(r *http.Request) (*http.Response, error) {
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	d.c.count(func(c *counter) { c.said = append(c.said, op) })
	return d.HTTPClient.Do(r)
}

// dynamo is a client of which c counts the calls.
func dynamo(addr string, c *counter) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		BaseEndpoint: &addr, Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		HTTPClient: door{awshttp.NewBuildableClient(), c},
	})
}

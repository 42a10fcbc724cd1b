package rescuetest

import (
	"context"
	"fmt"
	"path"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/stackrescue/stackrescue/internal/sim/clock"
	"github.com/stackrescue/stackrescue/internal/sim/door"
	"github.com/stackrescue/stackrescue/internal/sim/fields"
	"github.com/stackrescue/stackrescue/internal/sim/op"
	"github.com/stackrescue/stackrescue/internal/sim/rates"
	"github.com/stackrescue/stackrescue/internal/sim/world"
	"github.com/stackrescue/stackrescue/rescue/rescuetest/simtype"
)

// Options configure a cloud. The zero value is the default.
type Options struct {
	// Start is the cloud's time at first. Defaults to time.Now.
	Start time.Time
	// Speed is how many times as fast as time.Now the cloud's clock runs.
	// Defaults to 1.
	Speed float64
	// Account is the account's id. Defaults to "123456789012".
	Account string
	// Region is where [Cloud.Config] points. Defaults to "us-east-1". Other
	// regions exist and are empty.
	Region string
	// Latency is what a call takes, by time.Now. Defaults to one millisecond;
	// it must be positive inside a synctest bubble.
	Latency time.Duration
	// NoRateLimits lets any number of calls through. By default calls are
	// throttled at the rates that AWS documents, in the cloud's time.
	NoRateLimits bool
	// Switches are the behaviours that nobody could confirm. With a value that
	// there is not, every call returns an error.
	Switches simtype.Switches
}

// A Cloud is a simulated AWS account. It may be used by many goroutines at
// once.
type Cloud struct {
	clock   *clock.Clock
	latency time.Duration
	region  string

	mu      sync.Mutex // guards what follows; never held while the clock's is taken
	calls   []Call
	faults  []*fault
	crashed bool
	limits  map[string]*rates.Limiter // by region; nil for no limits

	// The rest is read and written inside the clock's Do.
	home    *world.World
	regions map[string]*regional
	shared  shared
}

// New returns an empty cloud.
func New(optFns ...func(*Options)) *Cloud {
	o := Options{Start: time.Now(), Speed: 1, Account: "123456789012", Region: "us-east-1", Latency: time.Millisecond}
	for _, fn := range optFns {
		fn(&o)
	}
	c := &Cloud{clock: clock.New(o.Start, o.Speed), latency: o.Latency, region: o.Region, regions: map[string]*regional{}}
	if !o.NoRateLimits {
		c.limits = map[string]*rates.Limiter{}
	}
	c.home = world.New(c.clock, o.Account, o.Region, &o.Switches)
	c.shared = newShared()
	return c
}

// Config is an aws.Config for the cloud's home region.
func (c *Cloud) Config() aws.Config { return c.ConfigIn(c.region) }

// ConfigIn is an aws.Config for another region of the same account.
func (c *Cloud) ConfigIn(region string) aws.Config {
	cfg := door.Config(region, func(ctx context.Context, call door.Call) (any, string, error) {
		if c.ownShape(call.Input) {
			return nil, "", door.ErrSerialize
		}
		return c.call(ctx, call.Region, call.Input)
	}, c.clock.Read)
	wire := c.WireConfig()
	cfg.HTTPClient, cfg.Credentials = wire.HTTPClient, wire.Credentials
	return cfg
}

// ownShape reports whether the cloud answers in with types of its own, so that
// only the wire door can translate.
func (c *Cloud) ownShape(in any) bool {
	t := reflect.TypeOf(in)
	if t == nil || t.Kind() != reflect.Pointer {
		return false
	}
	own := false
	c.clock.Do(func() {
		table := &c.in(c.region).table
		if _, typed := table.ByInput(in); !typed {
			own = table.Has(path.Base(t.Elem().PkgPath()), strings.TrimSuffix(t.Elem().Name(), "Input"))
		}
	})
	return own
}

// Now is the cloud's time.
func (c *Cloud) Now() time.Time { return c.clock.Read() }

// Wall is how long d of the cloud's time takes by time.Now: what a caller
// passes as an interval to a library that waits in real time.
func (c *Cloud) Wall(d time.Duration) time.Duration {
	return time.Duration(float64(d) / c.clock.Speed())
}

// Advance lets d of the cloud's time pass at once; everything that falls due
// on the way happens.
func (c *Cloud) Advance(d time.Duration) { c.clock.Advance(d) }

// Account is the account's id.
func (c *Cloud) Account() string { return c.home.Account }

// Region is the home region.
func (c *Cloud) Region() string { return c.region }

// call answers one attempt: every door ends here. The input and the output are
// copied.
func (c *Cloud) call(ctx context.Context, region string, in any) (out any, requestID string, err error) {
	if err := c.home.Invalid; err != nil {
		return nil, "", fmt.Errorf("rescuetest: %w", err)
	}
	o, known, err := c.operation(region, in)
	if err != nil {
		return nil, "", err
	}
	action := iamAction(in)
	c.mu.Lock()
	n := len(c.calls)
	c.calls = append(c.calls, Call{At: c.Now(), Action: action, Region: region, Input: op.Copy(in)})
	wasDown := c.crashed
	f, hit := c.hit(action)
	if !hit && known && c.limited(o, region) {
		f, hit = simtype.Fault{Kind: simtype.Throttle}, true
	}
	c.mu.Unlock()
	requestID = fmt.Sprintf("00000000-0000-4000-8000-%012d", n+1)

	wait := c.latency
	if hit && f.Kind == simtype.Slow {
		wait += f.Delay
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		err = &aws.RequestCanceledError{Err: ctx.Err()}
		c.settle(n, err, false)
		return nil, requestID, err
	}

	service, _, _ := strings.Cut(o.String(), ".")
	switch {
	case wasDown || hit && f.Kind == simtype.CrashBefore:
		err = ErrCrashed
	case !known:
		err = fmt.Errorf("rescuetest: the simulated cloud has no %s", action)
	case hit && f.Kind == simtype.Throttle:
		err = throttled(service)
	case hit && f.Kind == simtype.ServerError:
		err = unavailable()
	case hit && f.Kind == simtype.Deny:
		err = denied(service, action)
	}
	if err != nil {
		c.settle(n, err, false)
		return nil, requestID, op.Response(err, requestID)
	}

	in = op.Copy(in)
	c.clock.Do(func() {
		if err = fields.Check(in); err != nil {
			return
		}
		c.home.As(world.Customer, func() {
			if out, err = o.Call(ctx, in); mutates(action) {
				c.home.Mutated(action, err)
			}
		})
		if err == nil {
			out = op.Copy(out)
		}
	})
	done := err == nil
	if done && c.hasStale() {
		out = c.stale(action, in, out)
	}
	if hit && f.Kind == simtype.LostResponse {
		err = lost()
	}
	if hit && f.Kind == simtype.CrashAfter {
		err = ErrCrashed
	}
	c.settle(n, err, done)
	if err != nil {
		return nil, requestID, op.Response(err, requestID)
	}
	return out, requestID, nil
}

// limited reports whether a call comes too fast. c.mu is held.
func (c *Cloud) limited(o op.Operation, region string) bool {
	if c.limits == nil {
		return false
	}
	l := c.limits[region]
	if l == nil {
		burst := c.home.Switches.CloudFormationBurst
		if burst == 0 {
			burst = 10
		}
		l = rates.New(burst)
		c.limits[region] = l
	}
	return !l.Allow(o.Service, o.Name, c.Now())
}

func (c *Cloud) settle(n int, err error, done bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n < len(c.calls) { // else forgotten meanwhile
		c.calls[n].Err, c.calls[n].Done = err, done
	}
}

func (c *Cloud) operation(region string, in any) (o op.Operation, known bool, err error) {
	if t := reflect.TypeOf(in); t == nil || t.Kind() != reflect.Pointer {
		return o, false, fmt.Errorf("rescuetest: %T is no operation's input", in)
	}
	c.clock.Do(func() { o, known = c.in(region).table.ByInput(in) })
	if !known {
		t := reflect.TypeOf(in).Elem()
		o = op.Operation{Service: path.Base(t.PkgPath()), Name: strings.TrimSuffix(t.Name(), "Input")}
	}
	return o, known, nil
}

// iamAction is the IAM action of the operation that takes in, a pointer to an SDK
// input: "ecs:UpdateService" for an *ecs.UpdateServiceInput.
func iamAction(in any) string {
	t := reflect.TypeOf(in).Elem()
	service := path.Base(t.PkgPath())
	switch service {
	case "cloudwatchlogs":
		service = "logs"
	case "elasticloadbalancingv2":
		service = "elasticloadbalancing"
	case "applicationautoscaling":
		service = "application-autoscaling"
	}
	return service + ":" + strings.TrimSuffix(t.Name(), "Input")
}

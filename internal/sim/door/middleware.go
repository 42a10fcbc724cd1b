// Package door lets real SDK clients in: a middleware that hands the typed
// input of each attempt to a function and returns its typed output.
package door

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Call is one attempt of one API call.
type Call struct {
	// Service is the SDK's service id ("ECS"), Operation its name
	// ("UpdateService"), Region the client's region.
	Service, Operation, Region string
	// Input is the operation's input, a pointer.
	Input any
}

// String is "Service.Operation".
func (c Call) String() string { return c.Service + "." + c.Operation }

// Answer answers one attempt. It returns a pointer to the operation's output
// and the request id.
type Answer func(context.Context, Call) (out any, requestID string, err error)

// ErrSerialize is what an Answer returns for a call that is to be serialised
// and sent to the configuration's HTTPClient.
var ErrSerialize = errors.New("call is to be serialised")

type inputKey struct{}

// Config is an aws.Config whose clients are answered by answer, inside the
// SDK's retry loop; nothing reaches the network. With now, answers have a Date, as
// those of AWS have.
func Config(region string, answer Answer, now ...func() time.Time) aws.Config {
	return aws.Config{
		Region:      region,
		Credentials: aws.AnonymousCredentials{},
		HTTPClient:  refuse{},
		APIOptions:  []func(*middleware.Stack) error{func(s *middleware.Stack) error { return install(s, answer, now) }},
	}
}

func install(stack *middleware.Stack, answer Answer, now []func() time.Time) error {
	// After validation: remember the typed input, which later steps no longer have.
	remember := middleware.InitializeMiddlewareFunc("sim.Input", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		return next.HandleInitialize(middleware.WithStackValue(ctx, inputKey{}, in.Parameters), in)
	})
	if err := stack.Initialize.Add(remember, middleware.After); err != nil {
		return err
	}
	// After the attempt's interceptors, before endpoint and signing: each attempt of the retry loop is answered.
	reply := middleware.FinalizeMiddlewareFunc("sim.Answer", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (out middleware.FinalizeOutput, md middleware.Metadata, err error) {
		call := Call{
			Service:   awsmiddleware.GetServiceID(ctx),
			Operation: awsmiddleware.GetOperationName(ctx),
			Region:    awsmiddleware.GetRegion(ctx),
			Input:     middleware.GetStackValue(ctx, inputKey{}),
		}
		for _, fn := range now {
			md = dated(ctx, fn())
		}
		res, id, err := answer(ctx, call)
		if errors.Is(err, ErrSerialize) {
			return next.HandleFinalize(ctx, in)
		}
		if id != "" {
			awsmiddleware.SetRequestIDMetadata(&md, id)
		}
		if err != nil {
			return out, md, err
		}
		// The generated clients assert the result's type without a check.
		if v := reflect.ValueOf(res); v.Kind() != reflect.Pointer || v.IsNil() || v.Type().Elem().Name() != call.Operation+"Output" {
			return out, md, fmt.Errorf("%s: answered with %T", call, res)
		}
		out.Result = res
		return out, md, nil
	})
	return stack.Finalize.Insert(reply, "InterceptAttempt", middleware.After)
}

// dated is the metadata of an answer with a Date: the SDK's own middleware reads
// it off the header.
func dated(ctx context.Context, at time.Time) middleware.Metadata {
	header := http.Header{"Date": {at.UTC().Format(http.TimeFormat)}}
	_, md, _ := awsmiddleware.RecordResponseTiming{DisableClockSkewCorrection: true}.HandleDeserialize(ctx, middleware.DeserializeInput{}, middleware.DeserializeHandlerFunc(
		func(context.Context, middleware.DeserializeInput) (out middleware.DeserializeOutput, md middleware.Metadata, err error) {
			out.RawResponse = &smithyhttp.Response{Response: &http.Response{Header: header}}
			return out, md, nil
		}))
	return md
}

type refuse struct{}

var errNetwork = errors.New("call would have reached the network")

func (refuse) Do(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("%s %s: %w", r.Method, r.URL, errNetwork)
}

package op

import (
	"errors"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Error is the error a service answers with code and message, for codes that
// have no type in the SDK, such as CloudFormation's ValidationError.
func Error(code, message string) error {
	return &smithy.GenericAPIError{Code: code, Message: message, Fault: smithy.FaultClient}
}

// WithStatus makes err leave the cloud with the HTTP status, where it is
// neither 400 for the client's faults nor 500 for the server's.
func WithStatus(status int, err error) error { return &statusError{status, err} }

type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string       { return e.err.Error() }
func (e *statusError) Unwrap() error       { return e.err }
func (e *statusError) HTTPStatusCode() int { return e.status }

// Status is the HTTP status that err leaves the cloud with.
func Status(err error) int {
	if s, ok := errors.AsType[interface {
		error
		HTTPStatusCode() int
	}](err); ok {
		return s.HTTPStatusCode()
	}
	if e, ok := errors.AsType[smithy.APIError](err); ok && e.ErrorFault() != smithy.FaultServer {
		return http.StatusBadRequest
	}
	return http.StatusInternalServerError
}

// Response wraps a service's error as the SDK's deserialisers do, with status
// and request id, so that the SDK's retryer sees what it would see from AWS:
// it knows a server error by its status, not by its type.
func Response(err error, requestID string) error {
	if _, ok := errors.AsType[smithy.APIError](err); !ok {
		return err
	}
	status := Status(err)
	return &awshttp.ResponseError{
		RequestID: requestID,
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status, Header: http.Header{}}},
			Err:      err,
		},
	}
}

package awsretry_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/internal/awsretry"
)

var (
	throttled = &smithy.GenericAPIError{Code: "ThrottlingException"}
	denied    = &smithy.GenericAPIError{Code: "AccessDeniedException"}
	odd       = &smithy.GenericAPIError{Code: "Odd"}
)

func TestTransient(t *testing.T) {
	t.Parallel()
	require.True(t, awsretry.Transient(throttled))
	require.False(t, awsretry.Transient(io.ErrUnexpectedEOF))
	require.False(t, awsretry.Transient(denied))
	require.False(t, awsretry.Transient(context.Canceled))
	require.False(t, awsretry.Transient(nil))
}

func TestEveryRetriesWhatPasses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		for v, err := range awsretry.Every(t.Context(), time.Second, func(context.Context) (int, error) {
			if n++; n < 4 {
				return 0, throttled
			}
			return n, nil
		}) {
			require.NoError(t, err)
			require.Equal(t, 4, v)
			break
		}
		for _, err := range awsretry.Every(t.Context(), time.Second, func(context.Context) (int, error) { return 0, denied }) {
			require.Equal(t, denied, err)
		}
	})
}

func TestRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			err   error
			calls int
		}{{throttled, 3}, {denied, 1}} {
			n := 0
			_, err := awsretry.Read(t.Context(), time.Second, 3, func(context.Context) (int, error) { n++; return 0, test.err })
			require.Equal(t, test.err, err)
			require.Equal(t, test.calls, n)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := awsretry.Read(ctx, time.Second, 3, func(context.Context) (int, error) { return 0, throttled })
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// A change is made once, whichever of its answers gets lost.
func TestMutation(t *testing.T) {
	t.Parallel()
	changed := errors.New("somebody else")
	for name, test := range map[string]struct {
		answers  []error // of Do; nil is success
		effect   int     // the try that takes effect although it fails, from 1
		again    func(error) bool
		happened error
		want     error
		tries    int
	}{
		"at once":                 {[]error{nil}, 0, nil, nil, nil, 1},
		"throttled, then made":    {[]error{throttled, throttled, nil}, 0, nil, nil, nil, 3},
		"made, its answer lost":   {[]error{throttled}, 1, nil, nil, nil, 1},
		"the second's answer":     {[]error{throttled, throttled}, 2, nil, nil, nil, 2},
		"refused, yet made":       {[]error{denied}, 1, nil, nil, nil, 1},
		"refused":                 {[]error{denied}, 0, nil, nil, denied, 1},
		"an error that passes":    {[]error{odd, nil}, 0, func(err error) bool { return errors.Is(err, odd) }, nil, nil, 2},
		"one that does not":       {[]error{odd}, 0, func(error) bool { return false }, nil, odd, 1},
		"somebody else was there": {[]error{throttled}, 0, nil, changed, changed, 1},
		"never":                   {[]error{throttled, throttled, throttled, throttled}, 0, nil, nil, throttled, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := 0
				err := awsretry.Mutation{
					Do:       func(context.Context) error { n++; return test.answers[n-1] },
					Happened: func(context.Context) (bool, error) { return test.effect == n, test.happened },
					Again:    test.again, Interval: time.Second, Tries: 4,
				}.Run(t.Context())
				require.ErrorIs(t, err, test.want)
				require.Equal(t, test.tries, n)
			})
		})
	}
}

func TestMutationEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		n := 0
		err := awsretry.Mutation{Do: func(context.Context) error { n++; return throttled }, Interval: time.Second}.Run(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 3, n)
		n = 0
		require.ErrorIs(t, awsretry.Mutation{Do: func(context.Context) error { n++; return throttled }}.Run(t.Context()), throttled)
		require.Equal(t, awsretry.Tries, n)
	})
}

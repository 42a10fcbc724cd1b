// Package wire lets clients in that speak the real wire protocols: AWS JSON
// 1.0/1.1, AWS query with XML answers, and S3's REST.
//
// It knows no operation. What can be called is the operation table; requests
// and answers are converted by reflection over the SDK's input and output
// types, and what reflection cannot know stands in one table of exceptions
// (exceptions.go).
package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/aws/smithy-go"

	"github.com/stackrescue/stackrescue/internal/sim/op"
)

// Call answers one request with a pointer to the operation's output; in is a
// pointer to its input. An error that is not a service's error means that no
// answer comes at all.
type Call func(ctx context.Context, region string, in any) (out any, requestID string, err error)

// A Handler is an http.Handler that speaks for every service of the table. The
// service, region and account a request is meant for are read from its
// signature, which is not verified.
type Handler struct {
	call    Call
	region  string
	account string
	ops     func() map[string]op.Operation // by "service.Name"; most handlers are never asked
	ids     atomic.Uint64
}

// Options say what a request is meant for that does not.
type Options struct {
	// Region is where requests without a signature go.
	Region string
	// Account refuses access keys that are the id of another account; any
	// other access key is the account's own.
	Account string
}

// New returns a handler for the operations of t.
func New(t *op.Table, call Call, o Options) *Handler {
	return &Handler{call: call, region: o.Region, account: o.Account, ops: sync.OnceValue(func() map[string]op.Operation {
		ops := map[string]op.Operation{}
		for _, x := range t.All() {
			ops[x.String()] = x
		}
		return ops
	})}
}

const (
	maxBody   = 6 << 20  // a manifest of ECR's 4 MiB, escaped
	maxObject = 64 << 20 // a body of S3's
)

// A request is what the protocols have in common.
type request struct {
	*http.Request
	w     http.ResponseWriter
	scope scope
	id    string // for answers that no operation gave

	aborted bool
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := &request{Request: r, w: w, scope: readScope(r), id: fmt.Sprintf("00000000-0000-4000-9000-%012d", h.ids.Add(1))}
	if q.scope.Region == "" {
		q.scope.Region = h.region
	}
	target := r.Header.Get("X-Amz-Target")
	form := strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
	switch known := byName(q.scope.Service); {
	case target != "":
		h.json(q, target)
	case form && r.Method == http.MethodPost, r.Method == http.MethodGet && r.URL.Query().Has("Action"):
		h.query(q)
	case known != nil && known.target != "":
		h.json(q, known.target+".")
	case known != nil && known.version != "":
		h.query(q)
	case known != nil && known.media != "":
		h.restJSON(q, known)
	case q.scope.Service == "" || known != nil:
		h.rest(q)
	default:
		q.unknownService()
	}
}

// foreign reports an access key that is another account's id.
func (h *Handler) foreign(s scope) bool {
	if h.account == "" || len(s.AccessKey) != 12 || s.AccessKey == h.account {
		return false
	}
	return strings.Trim(s.AccessKey, "0123456789") == ""
}

// read is the whole body; ok is false when it is longer than limit.
func (q *request) read(limit int64) (body []byte, ok bool, err error) {
	body, err = io.ReadAll(http.MaxBytesReader(q.w, q.Body, limit))
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		return nil, false, nil
	}
	return body, true, err
}

// write sends the answer. Nobody is there to hear of an error.
func (q *request) write(status int, contentType string, body []byte) {
	if q.aborted {
		return
	}
	if contentType != "" {
		q.w.Header().Set("Content-Type", contentType)
	}
	if status != http.StatusNotModified && status != http.StatusNoContent {
		q.w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	}
	q.w.WriteHeader(status)
	if q.Method != http.MethodHead {
		_, _ = q.w.Write(body)
	}
}

// unknownService answers for a service that is not simulated, most likely one
// with a REST and JSON protocol: an error that no client repeats.
func (q *request) unknownService() { q.unknown("service " + q.scope.Service) }

// unknown answers for what is not simulated.
func (q *request) unknown(what string) {
	q.w.Header().Set("X-Amzn-Requestid", q.id)
	q.w.Header().Set("X-Amzn-Errortype", "UnknownOperationException")
	q.write(http.StatusNotFound, "application/json", []byte(`{"__type":"UnknownOperationException","message":"The simulated cloud has no `+strings.Map(plain, what)+`"}`))
}

func plain(r rune) rune {
	if r < ' ' || r == '"' || r == '\\' || r > '~' {
		return -1
	}
	return r
}

// abort ends the connection without an answer, as a lost one does.
func (q *request) abort(err error) {
	q.aborted = true
	if a, ok := q.w.(interface{ abort(error) }); ok {
		a.abort(err)
		return
	}
	conn, _, hijackErr := http.NewResponseController(q.w).Hijack()
	if hijackErr != nil {
		q.w.WriteHeader(http.StatusInternalServerError)
		return
	}
	// The client is to see a broken connection; it does not matter how it breaks.
	_ = conn.Close()
}

// isAnswer reports whether err is one that a service answers.
func isAnswer(err error) bool {
	_, ok := errors.AsType[smithy.APIError](err)
	return ok
}

package proof

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/middleware"
	"github.com/jackc/pgx/v5"

	"github.com/stackrescue/stackrescue/migrate"
	"github.com/stackrescue/stackrescue/migrate/dynamolease"
	"github.com/stackrescue/stackrescue/migrate/pglease"
)

// leases is the table of all runs on DynamoDB.
const leases = "leases"

// wire counts the writes that are sent to a store, repetitions by the client
// included.
type wire struct{ writes atomic.Int64 }

// TraceQueryStart counts what is not a mere read. Trying for the advisory lock
// is a write.
func (w *wire) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	if strings.HasPrefix(d.SQL, "INSERT") || strings.HasPrefix(d.SQL, "UPDATE") || strings.Contains(d.SQL, "advisory_lock") {
		w.writes.Add(1)
	}
	return ctx
}

func (w *wire) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// attempts counts each UpdateItem, also those that the SDK sends again.
func (w *wire) attempts(s *middleware.Stack) error {
	return s.Finalize.Insert(middleware.FinalizeMiddlewareFunc("count", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		if middleware.GetOperationName(ctx) == "UpdateItem" {
			w.writes.Add(1)
		}
		return next.HandleFinalize(ctx, in)
	}), "Retry", middleware.After)
}

// openStore is the store of a run, at an address.
func openStore(name, addr, database, application string, w *wire) (migrate.Store, error) {
	if name == onDynamoDB {
		return dynamolease.New(dynamoClient(addr, w), leases), nil
	}
	db, err := dial(addr, database, application, w, name == onPooled)
	if err != nil {
		return nil, err
	}
	if name == onTable || name == onPooled {
		return pglease.Table(db), nil
	}
	return pglease.Session(db), nil
}

func dynamoClient(addr string, w *wire) *dynamodb.Client {
	o := dynamodb.Options{BaseEndpoint: aws.String("http://" + addr), Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}
	o.APIOptions = append(o.APIOptions, w.attempts)
	return dynamodb.New(o)
}

// watched is a store that keeps an eye on its caller: one who waits writes
// nothing. What is allowed is the one Acquire with which a run begins, and one
// that follows a record which was free, or one's own, or unchanged for a lease.
//
// It also makes the wall clock wrong, in the only thing that one leaves: the
// time in a note.
type watched struct {
	migrate.Store
	wire *wire
	say  func(line)
	skew time.Duration

	calls, acquires int
	// known is wire.writes after the last call.
	known int64
	last  migrate.Record
	since time.Time
}

// begin is called before each run.
func (w *watched) begin() { w.calls, w.since = 0, time.Time{} }

func (w *watched) breach(format string, a ...any) {
	w.say(line{Kind: breach, Text: fmt.Sprintf(format, a...)})
}

// enter finds writes that belong to no call.
func (w *watched) enter() {
	if now := w.wire.writes.Load(); now != w.known {
		w.breach("%d writes between two calls", now-w.known)
	}
	w.calls++
}

func (w *watched) leave() { w.known = w.wire.writes.Load() }

func (w *watched) saw(r migrate.Record) {
	if w.since.IsZero() || r.Version != w.last.Version {
		w.since = time.Now()
	}
	w.last = r
}

func (w *watched) Read(ctx context.Context, key string) (migrate.Record, error) {
	w.enter()
	defer w.leave()
	rec, err := w.Store.Read(ctx, key)
	if now := w.wire.writes.Load(); now != w.known {
		w.breach("Read wrote %d times", now-w.known)
	}
	if err == nil {
		w.saw(rec)
	}
	return rec, err
}

func (w *watched) Acquire(ctx context.Context, key string, c migrate.Claim) (migrate.Hold, error) {
	w.enter()
	defer w.leave()
	w.acquires++
	ripe := !w.since.IsZero() && (w.last.Owner == "" || w.last.Owner == c.Owner || w.last.Dead || time.Since(w.since) >= w.last.Lease)
	if w.calls > 1 && !ripe {
		w.breach("Acquire while %s held it at %+v for %s", w.last.Owner, w.last.Version, time.Since(w.since))
	}
	h, err := w.Store.Acquire(ctx, key, c)
	if held, ok := errors.AsType[*migrate.HeldError](err); ok {
		w.saw(held.Record)
		return nil, err
	}
	if err != nil {
		w.say(line{Kind: unanswered, Owner: c.Owner, Text: "acquire", Err: err.Error()})
		return nil, err
	}
	return watchedHold{h, w, c.Owner}, nil
}

// watchedHold is a hold of a watched store.
type watchedHold struct {
	migrate.Hold
	w     *watched
	owner string
}

func (h watchedHold) Renew(ctx context.Context, note []byte) error {
	h.w.enter()
	defer h.w.leave()
	return h.Hold.Renew(ctx, h.w.shift(note))
}

func (h watchedHold) Release(ctx context.Context, note []byte) error {
	h.w.enter()
	defer h.w.leave()
	err := h.Hold.Release(ctx, h.w.shift(note))
	if err != nil {
		h.w.say(line{Kind: unanswered, Owner: h.owner, Fence: int64(h.Fence()), Text: "release", Err: err.Error()})
	}
	return err
}

// shift moves the note's time, as a wrong clock would have.
func (w *watched) shift(note []byte) []byte {
	var p migrate.Progress
	if w.skew == 0 || json.Unmarshal(note, &p) != nil || p.Version == 0 {
		return note
	}
	p.At = p.At.Add(w.skew)
	out, err := json.Marshal(p)
	if err != nil {
		w.breach("note: %v", err)
	}
	return out
}

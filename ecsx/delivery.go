package ecsx

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/stackrescue/stackrescue/internal/poll"
)

// errStopped means that the consumer broke off.
var errStopped = errors.New("consumer broke off")

// maxBatch bounds the tasks that are held with their lines.
const maxBatch = 100

// delivery hands tasks over with their logs, batch by batch, so that memory
// holds one batch of lines.
type delivery struct {
	c     *capture
	r     *logReader
	yield func(StoppedTask, error) bool
	loops map[string]int // how often a likeness was handed over
}

// deliver hands the tasks over, and returns cut, the error after which no others
// will be found. Where ctx ends on the way, those whose logs were not read are
// handed over all the same.
func (d *delivery) deliver(ctx context.Context, ts []StoppedTask, cut error) error {
	d.c.definitions(ctx, ts)
	for i := range ts {
		if ctx.Err() == nil {
			d.c.define(ctx, &ts[i])
		} else {
			ts[i].unread = true
		}
		ts[i].Containers = slices.Clone(ts[i].Containers) // the lines go with the batch
	}
	d.sample(ts)
	// wants are the containers of each task; nothing else holds their lines, so that
	// they go when it was handed over.
	wants := make([][]*StoppedContainer, len(ts))
	for i := range ts {
		wants[i] = d.wanted(&ts[i])
	}
	d.r.begin(slices.Concat(wants...))
	small := d.small(ts, wants)
	own := map[*StoppedContainer]bool{}
	for _, x := range small {
		own[x] = true
	}
	for start := 0; start < len(ts); start += maxBatch {
		batch := ts[start:min(start+maxBatch, len(ts))]
		unread := ctx.Err()
		if unread == nil {
			if unread = d.read(ctx, small); unread == nil {
				unread = d.read(ctx, d.fill(wants[start:], len(batch), own))
			}
			small = nil
			cut = cmp.Or(cut, unread)
		}
		for i := range batch {
			if err := d.hand(&batch[i], unread); err != nil {
				return err
			}
			for _, x := range wants[start+i] {
				delete(own, x)
			}
			wants[start+i] = nil
			batch[i] = StoppedTask{}
		}
	}
	return cut
}

// hand hands one task over; unread is why its logs were not read, or nil.
func (d *delivery) hand(t *StoppedTask, unread error) error {
	for j := range t.Containers {
		l := &t.Containers[j].Log
		l.trim(d.c.opts.TailLines)
		t.unread = t.unread || l.retry
		if unread != nil && l.State == logNotRead && l.Group != "" && t.Like == "" && d.r.api != nil {
			l.Problem = unread.Error()
			t.unread = true
		}
	}
	if unread != nil && t.unread && t.Problem == "" {
		t.Problem = "not everything was read: " + unread.Error()
	}
	t.Cause = t.Classify()
	if !d.yield(*t, nil) {
		return errStopped
	}
	if !t.unread && !t.Stopping {
		d.c.opts.Cursor.add(*t)
	}
	return nil
}

// sample says, per task, whose logs stand for its own: "" for the first and
// last of each crash loop in the list, the first one's ARN for those between.
func (d *delivery) sample(ts []StoppedTask) {
	if d.c.opts.EveryLog || d.r.api == nil {
		return
	}
	first, last := map[string]int{}, map[string]int{}
	keys := make([]string, len(ts))
	for i, t := range ts {
		k := t.likeness()
		keys[i] = k
		if _, ok := first[k]; !ok {
			first[k] = i
		}
		last[k] = i
	}
	for i := range ts {
		if k := keys[i]; i != first[k] && i != last[k] {
			ts[i].Like = ts[first[k]].ARN
		}
	}
}

// wanted are the containers of a task whose logs are to be read.
func (d *delivery) wanted(t *StoppedTask) []*StoppedContainer {
	// A task that was merely replaced has nothing to explain.
	if d.r.api == nil || t.Like != "" || !d.c.opts.EveryLog && !t.Expired && t.Classify().Class == classReplaced {
		return nil
	}
	var out []*StoppedContainer
	for j := range t.Containers {
		if x := &t.Containers[j]; x.Log.State == logNotRead && x.Log.Group != "" {
			x.from, x.to = d.window(t)
			out = append(out, x)
		}
	}
	return out
}

// window is the time of which a task's log is read; a zero end is none.
func (d *delivery) window(t *StoppedTask) (from, to time.Time) {
	from = t.CreatedAt
	end := t.StoppedAt
	if t.Expired && from.IsZero() {
		from, end, to = d.c.q.Since, t.last, d.c.q.Until
	}
	if end.IsZero() {
		return from, to
	}
	if w := end.Add(-d.c.opts.Window); d.c.opts.Window > 0 && w.After(from) {
		from = w
	}
	return from, end.Add(5 * time.Minute)
}

// small are the containers whose log groups have no more streams in the whole
// list than one call takes: they are read at once, not again for each batch.
func (d *delivery) small(ts []StoppedTask, wants [][]*StoppedContainer) []*StoppedContainer {
	if len(ts) <= maxBatch {
		return nil
	}
	all := slices.Concat(wants...)
	streams := map[group]int{}
	for _, x := range all {
		streams[group{x.Log.Region, x.Log.Group}]++
	}
	return slices.DeleteFunc(all, func(x *StoppedContainer) bool {
		return streams[group{x.Log.Region, x.Log.Group}] > streamsPerCall
	})
}

// maxAhead bounds the streams of later batches that are read with one.
const maxAhead = 100

// fill are the containers of the first n tasks, but for those that were read at
// once, and some of later tasks where a call for their log group takes more
// streams: a group that has a part of every batch is not read with calls that are
// half empty. Logs that may not be whole yet wait for their turn.
func (d *delivery) fill(wants [][]*StoppedContainer, n int, own map[*StoppedContainer]bool) []*StoppedContainer {
	var batch []*StoppedContainer
	room := map[group]int{}
	for _, x := range slices.Concat(wants[:n]...) {
		if x.Log.State == logNotRead && !own[x] {
			batch = append(batch, x)
			room[group{x.Log.Region, x.Log.Group}]++
		}
	}
	for g, n := range room {
		room[g] = (streamsPerCall - n%streamsPerCall) % streamsPerCall
	}
	ahead := 0
	for _, xs := range wants[n:] {
		for _, x := range xs {
			g := group{x.Log.Region, x.Log.Group}
			if ahead == maxAhead || len(batch) == 0 {
				return batch
			}
			if room[g] > 0 && x.Log.State == logNotRead && d.late([]*StoppedContainer{x}, d.c.opts.Settle) <= 0 {
				room[g]--
				ahead++
				batch = append(batch, x)
			}
		}
	}
	return batch
}

// read reads the logs, after the time that the youngest of them needs to
// settle, and again while a stream is missing or empty that may still come.
func (d *delivery) read(ctx context.Context, containers []*StoppedContainer) error {
	if len(containers) == 0 {
		return nil
	}
	settle := d.c.opts.Settle
	if wait := d.late(containers, settle); wait > 0 {
		if err := d.pause(ctx, wait); err != nil {
			return err
		}
	}
	for round := 0; ; round++ {
		if err := d.r.read(ctx, containers); err != nil {
			return err
		}
		containers = slices.DeleteFunc(containers, func(x *StoppedContainer) bool {
			return x.Log.State != logStreamMissing && x.Log.State != logEmpty ||
				d.late([]*StoppedContainer{x}, settleRounds*settle) <= 0
		})
		if len(containers) == 0 || settle <= 0 || round == settleRounds {
			return nil
		}
		if err := d.pause(ctx, settle); err != nil {
			return err
		}
		clear(d.r.silent) // streams may have come
	}
}

// pause waits, and counts the time as passed by AWS's clock too.
func (d *delivery) pause(ctx context.Context, wait time.Duration) error {
	if err := poll.Sleep(ctx, wait); err != nil {
		return err
	}
	d.c.asOf = d.c.asOf.Add(wait)
	return nil
}

// late is how much of the time is left, for the container that stopped last, by
// AWS's own times.
func (d *delivery) late(containers []*StoppedContainer, within time.Duration) time.Duration {
	if within <= 0 {
		return 0
	}
	var newest time.Time
	for _, x := range containers {
		if !x.settled && x.to.After(newest) { // one that is still stopping is not waited for
			newest = x.to
		}
	}
	if newest.IsZero() {
		return 0
	}
	return min(within, within-d.c.asOf.Sub(newest.Add(-5*time.Minute)))
}

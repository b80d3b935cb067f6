package watch

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// serveLatest waits for a batch.
func (t *Transmitter) serveLatest(w http.ResponseWriter, r *http.Request, feed linkage.FeedID) error {
	after, err := query(r, "after", maxNumber)
	if err != nil {
		return err
	}
	seconds, err := query(r, "wait", uint64(MaxWait/time.Second))
	if err != nil {
		return err
	}
	wait := time.Duration(seconds) * time.Second
	ctx := r.Context()
	if wait > 0 {
		// A server that bounds the time of answers means those that have something to say.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(wait + readWithin))
		t.tel.followers.Add(ctx, 1, t.tel.set)
		defer t.tel.followers.Add(ctx, -1, t.tel.set)
	}
	last, err := t.follow.wait(ctx, feed, after, wait)
	if err != nil {
		return t.feedProblem(err)
	}
	if last <= after {
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return answer(w, append([]byte{wireVersion}, be64(last)...))
}

// feedProblem: while a base is being enrolled its feed may be a moment from being there.
func (t *Transmitter) feedProblem(err error) error {
	if t.problemOf(err) == FeedEnded && t.base.running() {
		return Busy
	}
	return err
}

// serveBatch gives a batch, byte for byte, to be kept by whoever likes.
func (t *Transmitter) serveBatch(w http.ResponseWriter, r *http.Request, feed linkage.FeedID, number uint64) error {
	b, err := t.batch(r.Context(), feed, number)
	if err != nil {
		return t.feedProblem(err)
	}
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Cache-Control", "private, max-age=31536000, immutable")
	h.Set("ETag", `"`+hex.EncodeToString(b.digest[:])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b.data))
	return nil
}

// batch reads a batch and opens it, once for all who ask at the same time.
func (t *Transmitter) batch(ctx context.Context, feed linkage.FeedID, number uint64) (cachedBatch, error) {
	if b, ok := t.batches.get(feed, number); ok {
		return b, nil
	}
	key := batchKey(feed, number)
	got, err, _ := t.flight.Do(string(key), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readWithin)
		defer cancel()
		f := t.ready(feed)
		if f == nil {
			if err := t.turn(ctx); err != nil { // another process may have opened it
				return nil, err
			}
			if f = t.ready(feed); f == nil {
				return nil, errNoFeed
			}
		}
		var value []byte
		err := t.cfg.Store.View(ctx, func(r abuse.Reader) error {
			got, err := r.Get(abuse.Batches, key)
			if err == nil {
				value = got[0]
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		if value == nil {
			return nil, BatchUnknown
		}
		v := newRow(value)
		b := cachedBatch{feed: feed, number: number, digest: [32]byte(v.take(32))}
		sealed := v.rest()
		if v.bad {
			return nil, v.fault()
		}
		if b.data, err = f.keeper.OpenBytes(nil, sealed, key); err != nil {
			return nil, err
		}
		t.batches.put(b)
		return b, nil
	})
	if err != nil {
		return cachedBatch{}, err
	}
	return got.(cachedBatch), nil
}

// recordsAnAnswer is how many session records one answer has.
const recordsAnAnswer = 100

func (t *Transmitter) serveRecords(w http.ResponseWriter, r *http.Request) error {
	after, err := query(r, "after", maxNumber)
	if err != nil {
		return err
	}
	all, err := t.recordsAfter(r.Context(), after, recordsAnAnswer)
	if err != nil {
		return err
	}
	out := []byte{wireVersion}
	for i := range all {
		form, err := all[i].MarshalBinary()
		if err != nil {
			return err
		}
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(form))), form...)
	}
	return answer(w, out)
}

// maxRecordBody bounds a session record, which is of fixed size, with room for later versions to
// be refused for what they are.
const maxRecordBody = 4096

func (t *Transmitter) serveCosign(w http.ResponseWriter, r *http.Request, number uint64) error {
	in, err := body(w, r, maxRecordBody)
	if err != nil {
		return err
	}
	record, err := linkage.ParseSessionRecord(in[1:])
	if err != nil {
		return err
	}
	if record.Sequence != number {
		return BadRequest
	}
	if err := t.cosign(r.Context(), record); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (t *Transmitter) serveStatus(w http.ResponseWriter, r *http.Request) error {
	heads, err := t.heads(r.Context())
	if err != nil {
		return err
	}
	now := t.now(r.Context())
	epoch, _ := t.cfg.Agreement.Epoch(now)
	out := binary.BigEndian.AppendUint32([]byte{wireVersion}, epoch)
	out = append(out, be64(unixOf(now))...)
	for _, h := range heads {
		out = binary.BigEndian.AppendUint32(append(out, h.feed[:]...), h.epoch)
		out = append(out, be64(h.number)...)
	}
	return answer(w, out)
}

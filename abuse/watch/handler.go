package watch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// The interface of the package comment.
const (
	pathPrefix   = "/hueandcry/v1/"
	mediaType    = "application/vnd.hueandcry"
	wireVersion  = 1
	baseProtocol = "hueandcry-base"

	// maxRequest bounds an evaluation request: elements of 32 bytes, and some for their groups.
	maxRequest = 1 + 16 + 32*linkage.MaxEvaluation + 1024
	maxWorking = 64 // evaluations that compute or wait for a processor at once
	readWithin = 10 * time.Second
)

// Handler serves the receiver of the agreement: mount it at "/hueandcry/v1/", or for several
// agreements each at "/hueandcry/v1/" and its ID, in a server with [ServerTLS]. It trusts the
// TLS of the connection that it is reached by, so TLS must end in this process.
func (t *Transmitter) Handler() http.Handler { return http.HandlerFunc(t.serve) }

func (t *Transmitter) serve(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, pathPrefix)
	if !ok {
		t.fail(w, r, NotFound)
		return
	}
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		t.fail(w, r, Unauthenticated)
		return
	}
	parts := strings.Split(path, "/")
	if parts[0] != t.link.String() {
		t.fail(w, r, UnknownAgreement)
		return
	}
	if !leafHas(r.TLS.PeerCertificates, t.cfg.Agreement.Receiver.Key) {
		t.fail(w, r, Forbidden)
		return
	}
	method, serve := t.route(parts[1:])
	switch {
	case serve == nil:
		t.fail(w, r, NotFound)
	case r.Method != method:
		w.Header().Set("Allow", method)
		t.fail(w, r, MethodNotAllowed)
	default:
		if err := serve(w, r); err != nil {
			t.fail(w, r, err)
		}
	}
}

type serving func(w http.ResponseWriter, r *http.Request) error

// route gives the method and what serves a path.
func (t *Transmitter) route(p []string) (string, serving) {
	switch {
	case len(p) == 3 && p[0] == "epochs":
		epoch, err := strconv.ParseUint(p[1], 10, 32)
		if err != nil {
			return "", nil
		}
		of := func(f func(http.ResponseWriter, *http.Request, uint32) error) serving {
			return func(w http.ResponseWriter, r *http.Request) error { return f(w, r, uint32(epoch)) }
		}
		switch p[2] {
		case "opening":
			return http.MethodGet, of(t.serveOpening)
		case "evaluations":
			return http.MethodPost, of(t.serveEvaluation)
		case "base":
			return http.MethodGet, of(t.serveUpgrade)
		}
	case (len(p) == 2 || len(p) == 3) && p[0] == "feeds":
		var feed linkage.FeedID
		if n, err := hex.Decode(feed[:], []byte(p[1][:min(len(p[1]), 32)])); err != nil || n != 16 || len(p[1]) != 32 {
			return "", nil
		}
		if len(p) == 2 {
			return http.MethodGet, func(w http.ResponseWriter, r *http.Request) error { return t.serveLatest(w, r, feed) }
		}
		number, err := strconv.ParseUint(p[2], 10, 63)
		if err != nil || number == 0 {
			return "", nil
		}
		return http.MethodGet, func(w http.ResponseWriter, r *http.Request) error { return t.serveBatch(w, r, feed, number) }
	case len(p) == 1 && p[0] == "records":
		return http.MethodGet, t.serveRecords
	case len(p) == 2 && p[0] == "records":
		number, err := strconv.ParseUint(p[1], 10, 63)
		if err != nil || number == 0 {
			return "", nil
		}
		return http.MethodPut, func(w http.ResponseWriter, r *http.Request) error { return t.serveCosign(w, r, number) }
	case len(p) == 1 && p[0] == "status":
		return http.MethodGet, t.serveStatus
	}
	return "", nil
}

// problemOf gives the problem that the partner is told.
func (t *Transmitter) problemOf(err error) Problem {
	var p Problem
	var store *abuse.StoreError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &store):
		return Storage
	case errors.Is(err, errNoFeed):
		return FeedEnded
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Busy
	case errors.Is(err, linkage.ErrElement):
		return BadElement
	case errors.Is(err, linkage.ErrVersion):
		return UnsupportedVersion
	case errors.Is(err, linkage.ErrLimit):
		return TooLarge
	case errors.Is(err, linkage.ErrFrame), errors.Is(err, linkage.ErrRecord), errors.Is(err, linkage.ErrOrder), errors.Is(err, linkage.ErrInput):
		return BadRequest
	}
	return Internal
}

// fail answers with a problem. Only what is a fault on this side is logged, without what was asked.
func (t *Transmitter) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := t.problemOf(err)
	ctx := r.Context()
	wait := time.Duration(0)
	switch p {
	case Storage:
		t.tel.alarm(ctx, AlarmStoreFailing, t.now(ctx), 0)
		wait = time.Second
	case Internal:
		t.tel.log.ErrorContext(ctx, "hueandcry.internal", slog.String("error", plain(err)))
	case Busy, BaseBusy:
		wait = time.Second
	case BudgetExhausted:
		now := t.now(ctx)
		wait = now.Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(now)
	}
	p.write(w, wait)
}

// epochProblem says why an epoch is not open.
func (t *Transmitter) epochProblem(epoch uint32) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if epoch < t.lowest {
		return EpochClosed
	}
	return EpochNotOpen
}

func (t *Transmitter) evaluatorFor(ctx context.Context, epoch uint32) (*linkage.Evaluator, error) {
	if from, to := t.due(t.now(ctx)); epoch < from || epoch >= to {
		if epoch < from {
			return nil, EpochClosed // its keys may not be erased yet; they are not used any more
		}
		return nil, EpochNotOpen
	}
	e, err := t.evaluator(epoch)
	if errors.Is(err, ErrNotOpen) {
		// It has become due since the last turn.
		if err := t.turn(ctx); err != nil {
			return nil, err
		}
		if e, err = t.evaluator(epoch); errors.Is(err, ErrNotOpen) {
			return nil, t.epochProblem(epoch)
		}
	}
	return e, err
}

func (t *Transmitter) serveOpening(w http.ResponseWriter, r *http.Request, epoch uint32) error {
	e, err := t.evaluatorFor(r.Context(), epoch)
	if err != nil {
		return err
	}
	return answer(w, append([]byte{wireVersion}, e.Opening()...))
}

// answer writes a body that no cache keeps.
func answer(w http.ResponseWriter, body []byte) error {
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // a client that is gone does not read it
	return nil
}

// body reads a request's, of the interface's type and version.
func body(w http.ResponseWriter, r *http.Request, most int) ([]byte, error) {
	if r.Header.Get("Content-Type") != mediaType {
		return nil, UnsupportedVersion
	}
	if r.ContentLength > int64(most) {
		return nil, TooLarge
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(readWithin)) // where there is one
	data, err := io.ReadAll(io.LimitReader(r.Body, int64(most)+1))
	switch {
	case err != nil || len(data) == 0:
		return nil, BadRequest
	case len(data) > most:
		return nil, TooLarge
	case data[0] != wireVersion:
		return nil, UnsupportedVersion
	}
	return data, nil
}

func (t *Transmitter) serveEvaluation(w http.ResponseWriter, r *http.Request, epoch uint32) error {
	start := time.Now()
	ctx, span := t.tel.span(r.Context(), "hueandcry.evaluate")
	defer span.End()
	out, err := t.evaluation(ctx, w, r, epoch)
	if err != nil {
		p := t.problemOf(err)
		t.tel.refused.Add(ctx, 1, t.tel.with("problem", string(p)))
		if now := t.now(ctx); (p == BadElement || p == BadRequest) && t.pattern.malformed(now) {
			t.tel.alarm(ctx, AlarmRefusedElements, now, badAnHour)
		}
		return err
	}
	t.tel.since(ctx, t.tel.evaluateTime, start, t.tel.set)
	return answer(w, out)
}

func (t *Transmitter) evaluation(ctx context.Context, w http.ResponseWriter, r *http.Request, epoch uint32) ([]byte, error) {
	in, err := body(w, r, maxRequest)
	if err != nil {
		return nil, err
	}
	if len(in) < 17 {
		return nil, BadRequest
	}
	e, err := t.evaluatorFor(ctx, epoch)
	if err != nil {
		return nil, err
	}
	n, err := e.Count(in[17:])
	if err != nil {
		return nil, err
	}
	if n < 1 {
		return nil, BadRequest
	}
	// The same request under the same id is the client's second try: it is not charged twice.
	name := sha256.Sum256(append([]byte(strconv.Itoa(int(epoch))+"\x00"), in...))
	if out := t.answers.get(name); out != nil {
		return out, nil
	}
	got, err, _ := t.flight.Do(string(name[:]), func() (any, error) {
		if out := t.answers.get(name); out != nil {
			return out, nil
		}
		// Whoever else waits for the same answer is not to lose it with the first who asked.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readWithin)
		defer cancel()
		out, err := t.charged(ctx, e, in, int64(n))
		if err == nil {
			t.answers.put(name, out)
		}
		return out, err
	})
	if err != nil {
		return nil, err
	}
	return got.([]byte), nil
}

// charged charges the budget and then evaluates: what was evaluated may have been read, so
// nothing is given back.
func (t *Transmitter) charged(ctx context.Context, e *linkage.Evaluator, in []byte, n int64) ([]byte, error) {
	if t.unsigned.closed.Load() {
		// Another process may have been given the signature.
		if err := t.unsigned.look(ctx, t); err != nil {
			return nil, err
		}
		if t.unsigned.closed.Load() {
			t.tel.alarm(ctx, AlarmRecordsUnsigned, t.now(ctx), maxUnsigned)
			return nil, RecordsUnsigned
		}
	}
	select {
	case t.working <- struct{}{}:
		defer func() { <-t.working }()
	case <-ctx.Done():
		return nil, Busy
	}
	now := t.now(ctx)
	ok, err := t.budget.take(ctx, dayOf(now), n)
	if err != nil {
		return nil, err
	}
	t.ring(ctx, n)
	if !ok {
		if t.pattern.exhausted(dayOf(now)) {
			t.tel.alarm(ctx, AlarmBudgetExhausted, now, t.cfg.Agreement.Limits.AdditionsPerDay)
		}
		return nil, BudgetExhausted
	}
	out, err := e.Evaluate(ctx, in[17:])
	if err != nil {
		return nil, err
	}
	t.tel.identifiers.Add(ctx, n, t.tel.set)
	return joined(in[:17], out), nil
}

// query reads a number of the query, 0 if it is not there.
func query(r *http.Request, name string, most uint64) (uint64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > most {
		return 0, BadRequest
	}
	return n, nil
}

const maxNumber = math.MaxInt64

package watch

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/hueandcry/hueandcry/linkage"
)

// ClientConfig is what a [Client] needs: all but Timeout and Attempts.
type ClientConfig struct {
	// URL is "https://host:port", with a path if the partner's server has one before
	// /hueandcry/v1/.
	URL         string
	Agreement   *linkage.Agreement
	Certificate tls.Certificate // with the key of the agreement's receiver; signed by itself, if need be
	Timeout     time.Duration   // of one try, waiting for a batch not counted; zero means 10 seconds
	Attempts    int             // tries of one call, within its context; zero means 4
}

// Client is the partner over HTTP: [Partner]. It tries again what may be tried again, with pauses
// drawn at random up to twice as long each time, from 50 milliseconds to 5 seconds, or as long as
// the partner asks for, up to a minute. After five failures in a row it leaves the partner alone
// for two seconds, then tries once: calls meanwhile fail at once with [ErrPartnerDown].
// A batch whose transfer breaks off goes on where it was. It is safe for concurrent use.
type Client struct {
	cfg       ClientConfig
	base      *url.URL // with the agreement
	transport *http.Transport
	http      *http.Client
	breaker   *gobreaker.TwoStepCircuitBreaker[struct{}]
}

var _ Partner = (*Client)(nil)

const (
	defaultTimeout  = 10 * time.Second
	defaultAttempts = 4
	firstPause      = 50 * time.Millisecond
	maxPause        = 5 * time.Second
	maxRetryAfter   = time.Minute
	breakAfter      = 5
	breakFor        = 2 * time.Second
	idleConns       = 64
)

// NewClient makes one; it does not connect yet. A certificate of another key than the agreement's
// receiver has, or without its private key, is an error: the partner would refuse each connection.
func NewClient(cfg ClientConfig) (*Client, error) {
	if cfg.Agreement == nil {
		return nil, errors.New("watch: a client needs an agreement")
	}
	if err := cfg.Agreement.Validate(); err != nil {
		return nil, err
	}
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return nil, errors.New("watch: the partner's URL must be https://host:port")
	}
	if !certifies(cfg.Certificate, cfg.Agreement.Receiver.Key) {
		return nil, errors.New("watch: the client's certificate does not have the key of the agreement's receiver")
	}
	if cfg.Timeout < 0 || cfg.Attempts < 0 {
		return nil, errors.New("watch: a negative Timeout or Attempts")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Attempts == 0 {
		cfg.Attempts = defaultAttempts
	}
	c := &Client{cfg: cfg, base: u.JoinPath(pathPrefix, cfg.Agreement.ID.String())}
	c.transport = &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: cfg.Timeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:     ClientTLS(cfg.Agreement, cfg.Certificate),
		TLSHandshakeTimeout: cfg.Timeout,
		MaxIdleConnsPerHost: idleConns,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true, // what travels looks random
	}
	c.http = &http.Client{Transport: c.transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	c.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:     breakFor,
		ReadyToTrip: func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= breakAfter },
	})
	return c, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// asked is one call of the interface.
type asked struct {
	method string
	path   []string
	query  url.Values
	body   []byte
	header http.Header
	most   int           // the longest body of an answer
	wait   time.Duration // how long the partner may take over it, beside the timeout
	// read takes a body; nil reads all of it, at most so long, into what do returns.
	read func(*http.Response) error
}

// do asks until there is an answer, a problem that trying again does not solve, or no more
// attempt.
func (c *Client) do(ctx context.Context, a asked) (status int, out []byte, err error) {
	pause := firstPause
	for try := 1; ; try++ {
		status, out, err = c.once(ctx, a)
		if err == nil || !again(err) || try == c.cfg.Attempts {
			return status, out, err
		}
		wait := rand.N(pause)
		if pause *= 2; pause > maxPause {
			pause = maxPause
		}
		var remote *RemoteError
		if errors.As(err, &remote) && remote.RetryAfter > 0 {
			wait = min(remote.RetryAfter, maxRetryAfter) + rand.N(firstPause)
		}
		if until, ok := ctx.Deadline(); ok && time.Until(until) < wait {
			return status, out, err // it would not be heard any more
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return status, out, err
		case <-timer.C:
		}
	}
}

// again says whether to ask again may help.
func again(err error) bool {
	var remote *RemoteError
	if errors.As(err, &remote) {
		return remote.Status == http.StatusServiceUnavailable || remote.Status == http.StatusBadGateway || remote.Status == http.StatusGatewayTimeout
	}
	var down *downError
	return errors.As(err, &down) && !down.left
}

// downError is [ErrPartnerDown] with its cause.
type downError struct {
	cause error
	left  bool // the breaker is open: nobody was asked
}

func (e *downError) Error() string {
	if e.left {
		return ErrPartnerDown.Error() + ": it is left alone for a moment"
	}
	return ErrPartnerDown.Error() + ": " + bare(e.cause).Error()
}

func (e *downError) Unwrap() []error { return []error{ErrPartnerDown, e.cause} }

// bare takes the address off an error of package http: it says which feed or epoch, and more than
// the caller's log needs.
func bare(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// once asks one time.
func (c *Client) once(ctx context.Context, a asked) (int, []byte, error) {
	done, err := c.breaker.Allow()
	if err != nil {
		return 0, nil, &downError{cause: err, left: true}
	}
	limited, cancel := context.WithTimeout(ctx, c.cfg.Timeout+a.wait)
	defer cancel()
	status, out, err := c.ask(limited, a)
	var remote *RemoteError
	switch {
	case err == nil:
		done(nil)
	case errors.As(err, &remote):
		if remote.Status >= 500 {
			done(err)
		} else {
			done(nil)
		}
	case ctx.Err() != nil && errors.Is(context.Cause(ctx), context.Canceled):
		done(nil) // the caller has lost interest: that says nothing of the partner
		return 0, nil, context.Cause(ctx)
	default:
		done(err)
		err = &downError{cause: err}
	}
	return status, out, err
}

func (c *Client) ask(ctx context.Context, a asked) (int, []byte, error) {
	u := c.base.JoinPath(a.path...)
	u.RawQuery = a.query.Encode()
	r, err := http.NewRequestWithContext(ctx, a.method, u.String(), bytes.NewReader(a.body))
	if err != nil {
		return 0, nil, err
	}
	for k, v := range a.header {
		r.Header[k] = v
	}
	if a.body != nil {
		r.Header.Set("Content-Type", mediaType)
	} else {
		r.Body = http.NoBody
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() {
		_, _ = io.CopyN(io.Discard, resp.Body, maxProblem) // so that the connection can be used again
		_ = resp.Body.Close()
	}()
	if resp.StatusCode >= 300 {
		return resp.StatusCode, nil, remoteError(resp)
	}
	if a.read != nil {
		return resp.StatusCode, nil, a.read(resp)
	}
	var out bytes.Buffer
	out.Grow(int(min(max(0, resp.ContentLength), 1<<20)) + bytes.MinRead) // no more on the partner's word alone
	if _, err := out.ReadFrom(io.LimitReader(resp.Body, int64(a.most)+1)); err != nil {
		return 0, nil, err
	}
	if out.Len() > a.most {
		return 0, nil, errAnswer
	}
	return resp.StatusCode, out.Bytes(), nil
}

var errAnswer = errors.New("watch: the partner's answer is malformed")

// remoteError reads a problem. Of what the partner sent a code that is known goes on, and no more.
func remoteError(resp *http.Response) error {
	e := &RemoteError{Status: resp.StatusCode}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		e.RetryAfter = min(time.Duration(s), 1<<20) * time.Second
	}
	var doc problemBody
	if data, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem)); err == nil && json.Unmarshal(data, &doc) == nil {
		if code, ok := strings.CutPrefix(doc.Type, problemPrefix); ok {
			if _, known := problems[Problem(code)]; known {
				e.Problem = Problem(code)
			}
		}
	}
	return e
}

// versioned takes the version byte off an answer.
func versioned(out []byte) ([]byte, error) {
	if len(out) < 1 {
		return nil, errAnswer
	}
	if out[0] != wireVersion {
		return nil, UnsupportedVersion
	}
	return out[1:], nil
}

func epochPath(epoch uint32, what string) []string {
	return []string{"epochs", strconv.FormatUint(uint64(epoch), 10), what}
}

// maxOpening bounds an opening: 96 bytes a kind and the rest.
const maxOpening = 64 << 10

// Opening gives what a [linkage.Blinder] of the epoch begins with.
func (c *Client) Opening(ctx context.Context, epoch uint32) ([]byte, error) {
	_, out, err := c.do(ctx, asked{method: http.MethodGet, path: epochPath(epoch, "opening"), most: maxOpening})
	if err != nil {
		return nil, err
	}
	return versioned(out)
}

// Evaluate answers a blinded request.
func (c *Client) Evaluate(ctx context.Context, epoch uint32, id [16]byte, request []byte) ([]byte, error) {
	in := joined([]byte{wireVersion}, id[:], request)
	_, out, err := c.do(ctx, asked{method: http.MethodPost, path: epochPath(epoch, "evaluations"), body: in, most: 2 * maxRequest})
	if err != nil {
		return nil, err
	}
	if out, err = versioned(out); err != nil {
		return nil, err
	}
	if len(out) < 16 || !bytes.Equal(out[:16], id[:]) {
		return nil, errAnswer
	}
	return out[16:], nil
}

// Latest gives the number of the feed's last batch, after waiting for one at most so long.
func (c *Client) Latest(ctx context.Context, feed linkage.FeedID, after uint64, wait time.Duration) (uint64, error) {
	seconds := int64(max(0, min(wait, MaxWait)) / time.Second)
	status, out, err := c.do(ctx, asked{
		method: http.MethodGet, path: []string{"feeds", hex.EncodeToString(feed[:])}, most: 64,
		query: url.Values{"after": {strconv.FormatUint(after, 10)}, "wait": {strconv.FormatInt(seconds, 10)}},
		wait:  time.Duration(seconds) * time.Second,
	})
	if err != nil || status == http.StatusNoContent {
		return after, err
	}
	if out, err = versioned(out); err != nil {
		return after, err
	}
	if len(out) != 8 {
		return after, errAnswer
	}
	return max(after, binary.BigEndian.Uint64(out)), nil
}

// Batch gives a batch. What has arrived of it when the connection breaks is kept, and the next
// try asks for the rest.
func (c *Client) Batch(ctx context.Context, feed linkage.FeedID, number uint64, fresh bool) ([]byte, error) {
	var have []byte
	tag := ""
	a := asked{method: http.MethodGet, path: []string{"feeds", hex.EncodeToString(feed[:]), strconv.FormatUint(number, 10)},
		header: http.Header{}, wait: time.Minute}
	if fresh {
		a.header.Set("Cache-Control", "no-cache")
	}
	a.read = func(resp *http.Response) error {
		if resp.StatusCode != http.StatusPartialContent || !strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", len(have))) {
			have = have[:0]
		}
		tag = resp.Header.Get("ETag")
		// The room that a buffer reads into is made once, where the length is told.
		have = slices.Grow(have, int(max(0, min(resp.ContentLength, linkage.MaxBatch-int64(len(have)))))+bytes.MinRead)
		var err error
		have, err = appendBody(have, resp.Body)
		if err == nil {
			return nil
		}
		if tag != "" && len(have) > 0 && !errors.Is(err, errAnswer) {
			a.header.Set("Range", fmt.Sprintf("bytes=%d-", len(have)))
			a.header.Set("If-Range", tag)
		}
		return err
	}
	_, _, err := c.do(ctx, a)
	if remote, ok := errors.AsType[*RemoteError](err); ok && remote.Status == http.StatusRequestedRangeNotSatisfiable {
		have = have[:0]
		a.header.Del("Range")
		a.header.Del("If-Range")
		_, _, err = c.do(ctx, a)
	}
	return have, err
}

// appendBody reads a body up to the greatest batch.
func appendBody(have []byte, from io.Reader) ([]byte, error) {
	w := bytes.NewBuffer(have)
	_, err := io.Copy(w, io.LimitReader(from, int64(linkage.MaxBatch-len(have))+1))
	if err == nil && w.Len() > linkage.MaxBatch {
		err = errAnswer
	}
	return w.Bytes(), err
}

// maxRecordsBody bounds the session records of one answer.
const maxRecordsBody = recordsAnAnswer * 1024

// Records gives session records after a number.
func (c *Client) Records(ctx context.Context, after uint64) ([]linkage.SessionRecord, error) {
	_, out, err := c.do(ctx, asked{method: http.MethodGet, path: []string{"records"}, most: maxRecordsBody,
		query: url.Values{"after": {strconv.FormatUint(after, 10)}}})
	if err != nil {
		return nil, err
	}
	if out, err = versioned(out); err != nil {
		return nil, err
	}
	var all []linkage.SessionRecord
	for r := (&row{b: out}); len(r.b) > 0; {
		form := r.take(int(r.u16()))
		if r.bad {
			return nil, errAnswer
		}
		record, err := linkage.ParseSessionRecord(form)
		if err != nil {
			return nil, err
		}
		all = append(all, record)
	}
	return all, nil
}

// Cosign hands back a record with the receiver's signature.
func (c *Client) Cosign(ctx context.Context, r linkage.SessionRecord) error {
	form, err := r.MarshalBinary()
	if err != nil {
		return err
	}
	_, _, err = c.do(ctx, asked{method: http.MethodPut, path: []string{"records", strconv.FormatUint(r.Sequence, 10)},
		body: append([]byte{wireVersion}, form...), most: 64})
	return err
}

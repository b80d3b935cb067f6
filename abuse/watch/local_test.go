package watch

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// local is a transmitter as a partner in the same process, without HTTP and TLS. It may be
// replaced, as by a restart; nil is one that is down.
type local struct {
	mu   sync.Mutex
	at   *Transmitter
	said []string // what it was asked, without the bytes
	// change may change a batch on the way.
	change func(number uint64, fresh bool, data []byte) []byte
	serve  sync.WaitGroup
}

func (l *local) set(t *Transmitter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at = t
}

func (l *local) partner(what string) (*Transmitter, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said = append(l.said, what)
	if l.at == nil {
		return nil, ErrPartnerDown
	}
	return l.at, nil
}

func (l *local) told(t *Transmitter, err error) error {
	if err == nil {
		return nil
	}
	var p Problem
	if !errors.As(err, &p) {
		p = t.problemOf(err)
	}
	return &RemoteError{Status: problems[p].status, Problem: p}
}

func (l *local) Opening(ctx context.Context, epoch uint32) ([]byte, error) {
	t, err := l.partner("opening")
	if err != nil {
		return nil, err
	}
	e, err := t.evaluatorFor(ctx, epoch)
	if err != nil {
		return nil, l.told(t, err)
	}
	return e.Opening(), nil
}

func (l *local) Evaluate(ctx context.Context, epoch uint32, _ [16]byte, request []byte) ([]byte, error) {
	t, err := l.partner("evaluate")
	if err != nil {
		return nil, err
	}
	e, err := t.evaluatorFor(ctx, epoch)
	if err != nil {
		return nil, l.told(t, err)
	}
	n, err := e.Count(request)
	if err != nil {
		return nil, l.told(t, err)
	}
	var head [17]byte
	answer, err := t.charged(ctx, e, append(head[:], request...), int64(n))
	if err != nil {
		return nil, l.told(t, err)
	}
	return answer[len(head):], nil
}

func (l *local) Latest(ctx context.Context, feed linkage.FeedID, after uint64, wait time.Duration) (uint64, error) {
	t, err := l.partner("latest")
	if err != nil {
		return 0, err
	}
	last, err := t.follow.wait(ctx, feed, after, wait)
	if err != nil {
		return 0, l.told(t, t.feedProblem(err))
	}
	return last, nil
}

func (l *local) Batch(ctx context.Context, feed linkage.FeedID, number uint64, fresh bool) ([]byte, error) {
	t, err := l.partner("batch")
	if err != nil {
		return nil, err
	}
	b, err := t.batch(ctx, feed, number)
	if err != nil {
		return nil, l.told(t, err)
	}
	if l.change != nil {
		return l.change(number, fresh, b.data), nil
	}
	return b.data, nil
}

func (l *local) Base(ctx context.Context, epoch uint32) (net.Conn, error) {
	t, err := l.partner("base")
	if err != nil {
		return nil, err
	}
	here, there := net.Pipe()
	l.serve.Go(func() { _, _ = t.ServeBase(linkagetest.AllowPlain(ctx), there, epoch) })
	return here, nil
}

func (l *local) Records(ctx context.Context, after uint64) ([]linkage.SessionRecord, error) {
	t, err := l.partner("records")
	if err != nil {
		return nil, err
	}
	all, err := t.recordsAfter(ctx, after, 100)
	return all, l.told(t, err)
}

func (l *local) Cosign(ctx context.Context, r linkage.SessionRecord) error {
	t, err := l.partner("cosign")
	if err != nil {
		return err
	}
	return l.told(t, t.cosign(ctx, r))
}

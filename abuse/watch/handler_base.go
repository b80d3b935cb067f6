package watch

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// baseSession is the enrolment of a base, one at a time, and what there is of one that broke off.
type baseSession struct {
	mu     sync.Mutex
	busy   bool
	ended  bool               // there is none any more
	stop   context.CancelFunc // of the one that is served
	idle   chan struct{}      // closed when it is not any more
	epoch  uint32
	pub    *linkage.Publication
	resume linkage.Resume
	file   *os.File // of the state, under "vole"
	state  [8]byte
	name   string
	size   int64 // identifiers of it, as the budget counts them
	tried  bool  // to adopt it: the state file may be that of a feed
}

func (b *baseSession) start() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.busy || b.ended {
		return false
	}
	b.busy, b.idle = true, make(chan struct{})
	return true
}

func (b *baseSession) done() {
	b.mu.Lock()
	b.busy, b.stop = false, nil
	close(b.idle)
	b.mu.Unlock()
}

// stoppable gives a context that end ends.
func (b *baseSession) stoppable(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithCancel(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stop = stop; b.ended {
		stop()
	}
	return ctx, stop
}

// end ends the session that is served, and lets no other begin. An upgraded connection is none of
// the server's any more: its Shutdown does not wait for it.
func (b *baseSession) end(ctx context.Context) error {
	b.mu.Lock()
	b.ended = true
	busy, stop, idle := b.busy, b.stop, b.idle
	b.mu.Unlock()
	if stop != nil {
		stop()
	}
	if !busy {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (b *baseSession) running() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.busy
}

// uses says whether a file of the vault is that of the session.
func (b *baseSession) uses(name string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.name == name && name != ""
}

// drop forgets a session. Its state file is erased, unless it may be that of a feed by now: after a
// failure of the store that is not known, and whoever turns the epochs later erases what no feed has.
func (b *baseSession) drop(v *Vault) {
	b.resume.Drop()
	b.mu.Lock()
	file, name, tried := b.file, b.name, b.tried
	b.file, b.name, b.pub, b.size, b.tried = nil, "", nil, 0, false
	b.mu.Unlock()
	if file != nil {
		_ = file.Close()
		if !tried {
			_ = v.Erase(name) // what is left the next start erases
		}
	}
}

func baseName(epoch uint32) string {
	return budgetBase + string(binary.BigEndian.AppendUint32(nil, epoch))
}

// serveUpgrade turns the connection into one of a session of package linkage.
func (t *Transmitter) serveUpgrade(w http.ResponseWriter, r *http.Request, epoch uint32) error {
	if !strings.EqualFold(r.Header.Get("Upgrade"), baseProtocol) || r.ContentLength > 0 {
		return BadRequest
	}
	if _, err := t.evaluatorFor(r.Context(), epoch); err != nil {
		return err
	}
	if !t.base.start() {
		return BaseBusy
	}
	defer t.base.done()
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return BadRequest // HTTP/2, say: there is no connection to turn
	}
	if buffered.Reader.Buffered() > 0 {
		_ = conn.Close() // it speaks before it is asked to
		return nil
	}
	_ = conn.SetDeadline(time.Time{}) // the session sets its own
	if _, err := io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+baseProtocol+"\r\n\r\n"); err != nil {
		_ = conn.Close()
		return nil
	}
	if _, err := t.serveBase(r.Context(), conn, epoch); err != nil {
		t.tel.log.WarnContext(r.Context(), "hueandcry.base", slog.String("error", plain(err)))
	}
	return nil
}

// ServeBase serves the enrolment of a base of an epoch on a connection of the caller's own
// listener: TLS 1.3 with certificates on both sides. One is served at a time, others are
// [BaseBusy]; an epoch that is not open is [ErrNotOpen]. Under "vole" a session that breaks off
// is kept in memory, for the receiver to go on with over a new connection; the feed of the base is
// there when the receiver has it. ServeBase closes the connection.
func (t *Transmitter) ServeBase(ctx context.Context, conn net.Conn, epoch uint32) (linkage.Summary, error) {
	if !t.base.start() {
		_ = conn.Close()
		return linkage.Summary{}, BaseBusy
	}
	defer t.base.done()
	return t.serveBase(ctx, conn, epoch)
}

func (t *Transmitter) serveBase(ctx context.Context, conn net.Conn, epoch uint32) (linkage.Summary, error) {
	ctx, stop := t.base.stoppable(ctx)
	defer stop()
	ctx, span := t.tel.span(ctx, "hueandcry.base")
	defer span.End()
	fail := func(err error) (linkage.Summary, error) {
		_ = conn.Close()
		return linkage.Summary{}, err
	}
	if err := t.turn(ctx); err != nil {
		return fail(err)
	}
	cfg, err := t.config(epoch)
	if err != nil {
		return fail(err)
	}
	b := &t.base
	if b.epoch != epoch || !b.resume.Pending() {
		b.drop(t.cfg.Vault)
		if err := t.beginBase(ctx, cfg, epoch); err != nil {
			return fail(err)
		}
	}
	if b.file != nil {
		cfg.State, cfg.Resume, cfg.Admit = b.file, &b.resume, t.admitBulk(epoch)
		own := cfg
		own.State, own.Resume, own.Admit = nil, nil, nil
		cfg.Adopt = func(ctx context.Context) error { return t.adopt(ctx, own, epoch) }
	} else {
		cfg.Admit = t.admit(epoch)
	}
	sum, err := linkage.Transmit(ctx, conn, cfg, b.pub)
	// What may be the state of a feed is not written to again: a receiver that has lost the session
	// after that begins another.
	if b.tried || !b.resume.Pending() {
		b.drop(t.cfg.Vault)
	}
	return sum, err
}

// beginBase makes what a new session needs. It publishes nothing: all signals are in the feed.
func (t *Transmitter) beginBase(ctx context.Context, cfg linkage.Config, epoch uint32) error {
	pub, err := linkage.Publish(ctx, cfg, linkage.Slice[linkage.Flagged](nil))
	if err != nil {
		return err
	}
	b := &t.base
	b.mu.Lock()
	defer b.mu.Unlock()
	b.epoch, b.pub = epoch, pub
	if t.cfg.Agreement.Protocol != linkage.ProtocolVOLE {
		return nil
	}
	rand.Read(b.state[:])
	b.name = t.stateName(epoch, b.state)
	b.file, err = t.cfg.Vault.OpenState(b.name)
	return err
}

// admit spends of the base's budget before anything is evaluated.
func (t *Transmitter) admit(epoch uint32) func(context.Context, int64) error {
	return func(ctx context.Context, n int64) error {
		return t.update(ctx, func(w abuse.Writer) error { return t.spendBase(w, epoch, n) })
	}
}

// admitBulk only looks: what a receiver learns in a bulk session is of use with the feed of the
// base alone, and to open that the budget is spent.
func (t *Transmitter) admitBulk(epoch uint32) func(context.Context, int64) error {
	return func(ctx context.Context, n int64) error {
		t.base.size = n
		return t.cfg.Store.View(ctx, func(r abuse.Reader) error {
			c, err := counted(r, t.link, baseName(epoch))
			if err == nil && n > t.cfg.Agreement.Limits.Identifiers-c.used {
				err = t.baseOver(c, n)
			}
			return err
		})
	}
}

func (t *Transmitter) baseOver(c counter, n int64) error {
	return &linkage.LimitError{Limit: "Identifiers", Max: t.cfg.Agreement.Limits.Identifiers, Got: c.used + n}
}

func (t *Transmitter) spendBase(w abuse.Writer, epoch uint32, n int64) error {
	granted, c, err := spend(w, spending{t.link, baseName(epoch), 0, n, t.cfg.Agreement.Limits.Identifiers, true})
	if err == nil && granted < n {
		err = t.baseOver(c, n)
	}
	return err
}

// adopt opens the feed of a base, before the receiver can have all of it: there is no receiver whose
// feed is not there.
func (t *Transmitter) adopt(ctx context.Context, cfg linkage.Config, epoch uint32) error {
	b := &t.base
	b.mu.Lock()
	b.tried = true
	b.mu.Unlock()
	state, err := linkage.OpenState(cfg, b.file)
	if err != nil {
		return err
	}
	if err := b.file.Sync(); err != nil {
		return err
	}
	if err := t.cfg.Vault.sync(); err != nil {
		return err
	}
	base := state.Generation()
	generations := []linkage.GenerationID{linkage.LiveGeneration(t.cfg.Agreement, epoch), base}
	if _, err := t.newFeed(ctx, epoch, generations, b.state, base, func(w abuse.Writer) error {
		return t.spendBase(w, epoch, b.size)
	}); err != nil {
		return err
	}
	return t.turn(ctx)
}

package sqlstore

import (
	"context"
	"errors"

	"github.com/hueandcry/hueandcry/abuse"
)

// turn is a caller's wait for the one connection that writes. The caller's function runs in the
// caller's own goroutine, where it may panic without harm to others.
type turn struct {
	ctx   context.Context
	alone bool        // outside of the transaction that others share
	dirty bool        // from begin: the caller reads what others have written and nobody has committed
	begin chan error  // the caller's turn
	ran   chan ran    // the turn is over
	done  chan error  // the outcome of the commit
	conn  *sqliteConn // the caller's from begin to ran
}

// ran is what a turn leaves.
type ran struct {
	size int   // bytes that are to be committed
	err  error // the connection has failed: nothing of the transaction is left
}

// A group is committed when nobody waits, or at these many turns or bytes.
const (
	groupTurns = 64
	groupBytes = 8 << 20
)

// write gives turns, as many as wait in one transaction, and commits it. One sync of the disk
// is then enough for all of them.
func (s *sqliteStore) write() {
	defer close(s.stopped)
	var next *turn
	for {
		if next == nil {
			select {
			case next = <-s.turns:
			case <-s.stop:
				return
			}
		}
		if next.alone {
			if next.offer(nil) {
				<-next.ran
			}
			next = nil
			continue
		}
		next = s.group(next)
	}
}

// group commits one group, which first begins. It gives the turn after it, if somebody waits
// who cannot be in it.
//
// Its members wait for the commit: those who wrote, and those who ran after them, for what these
// have read, and so what they do or refuse, holds only if the commit does. Whoever has read what
// is durable, and writes nothing, goes at once.
func (s *sqliteStore) group(first *turn) (after *turn) {
	var members []*turn
	size, turns := 0, 0
	err := sqliteError("begin", s.writer.exec("BEGIN IMMEDIATE"))
	for t := first; t != nil; {
		t.dirty = size > 0
		if t.offer(err) {
			r := <-t.ran
			turns++
			if t.dirty || r.size > 0 || r.err != nil {
				members, size = append(members, t), size+r.size
			}
			if err == nil {
				err = r.err
			}
		}
		t = nil
		if err != nil || turns >= groupTurns || size >= groupBytes {
			break
		}
		select {
		case t = <-s.turns:
			if t.alone {
				after, t = t, nil
			}
		default:
		}
	}
	if err == nil {
		if size > 0 {
			err = sqliteError("commit", s.writer.exec("COMMIT"))
			s.committed.Store(true)
		}
		if size == 0 || err != nil {
			s.rollback()
		}
	} else {
		s.rollback()
	}
	for _, t := range members {
		t.done <- err
	}
	return after
}

// rollback fails where SQLite has rolled back by itself.
func (s *sqliteStore) rollback() { _ = s.writer.exec("ROLLBACK") }

// offer begins the caller's turn, or finds that the caller has gone.
func (t *turn) offer(err error) bool {
	select {
	case t.begin <- err:
		return err == nil
	case <-t.ctx.Done():
		return false
	}
}

// take waits for a turn. After it the caller must send to ran.
func (s *sqliteStore) take(ctx context.Context, alone bool) (*turn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t := &turn{ctx: ctx, alone: alone, begin: make(chan error), ran: make(chan ran), done: make(chan error, 1), conn: s.writer}
	select {
	case s.turns <- t:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case err := <-t.begin:
		return t, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Update is [abuse.Store.Update].
func (s *sqliteStore) Update(ctx context.Context, f func(abuse.Writer) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.active.Done()
	t, err := s.take(ctx, false)
	if err != nil {
		return err
	}
	size, err := t.run(f)
	if size == 0 && !t.dirty {
		return err
	}
	if lost := <-t.done; lost != nil && !errors.Is(err, lost) {
		return lost // f's own error, if it gave one, may come of what is not there
	}
	return err
}

// run gives the number of bytes to be committed, or 0 and the error with which the turn ends.
func (t *turn) run(f func(abuse.Writer) error) (size int, err error) {
	x := &tx{base: t.conn}
	var r ran
	defer func() { // also when f panics
		x.ended = true
		t.ran <- r
	}()
	err = f(writer{x})
	if s := (*abuse.StoreError)(nil); errors.As(x.err, &s) {
		r.err = x.err // SQLite may have rolled back what others have written
	}
	if err == nil {
		err = x.err
	}
	if err == nil {
		err = t.ctx.Err()
	}
	if err != nil || !x.changed() {
		return 0, err
	}
	r.size = x.size
	if err := t.conn.flush(x); err != nil {
		r.err = sqliteError("write", err)
	}
	return r.size, nil
}

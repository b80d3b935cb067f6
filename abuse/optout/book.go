package optout

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// Register is an opt-out register that can be followed. [Book] is one; a service that has its own
// needs no more than these three methods.
type Register interface {
	// OptedOut is as in [linkage.OptOutRegister].
	linkage.OptOutRegister
	// State gives what a user has chosen, as it is now.
	State(ctx context.Context, account string) (State, error)
	// Changes gives the changes after a number in their order, at most limit; nil if there are none. If
	// some of them are not kept any more it gives [ErrGap].
	Changes(ctx context.Context, after uint64, limit int) ([]Change, error)
}

// Config is how a [Book] works; the zero Config will do.
type Config struct {
	// Grace is how long an opting out of the exchange can be cancelled; zero means 72 hours, and it is
	// at most 90 days. Less than zero, or more, is refused.
	Grace time.Duration
	// LeavesSecurity says that who is out of the exchange is out of security and the prevention of
	// abuse too, as the services have agreed. False, the default: these are for everybody.
	LeavesSecurity bool
	// Keep is how long changes are kept for those who follow; zero means 90 days.
	Keep time.Duration
	// Clock gives the time; nil means time.Now.
	Clock func() time.Time
}

const (
	defaultGrace = 72 * time.Hour
	maxGrace     = 90 * 24 * time.Hour
	defaultKeep  = 90 * 24 * time.Hour
	trimRun      = 8   // old changes that go with each new one
	bookRun      = 256 // rows in one Update or Scan
)

// Book is an opt-out register in a store. It is safe for concurrent use, also by several processes
// on one store. The zero Book is invalid.
type Book struct {
	store abuse.Store
	cfg   Config
}

var _ Register = (*Book)(nil)

// NewBook gives the register of a store, whose rows are in table OptOuts. A Grace or Keep out of bounds,
// or no store, is an [*abuse.Error].
func NewBook(store abuse.Store, cfg Config) (*Book, error) {
	if store == nil || cfg.Grace < 0 || cfg.Grace > maxGrace || cfg.Keep < 0 {
		return nil, &abuse.Error{Field: "opt-out register", Problem: "needs a store, a grace of up to 90 days and a time to keep"}
	}
	if cfg.Grace == 0 {
		cfg.Grace = defaultGrace
	}
	if cfg.Keep == 0 {
		cfg.Keep = defaultKeep
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return &Book{store, cfg}, nil
}

// NewMemory gives a register in memory. Errors are those of [NewBook].
func NewMemory(cfg Config) (*Book, error) { return NewBook(abuse.NewMemory(), cfg) }

func (b *Book) now() time.Time { return b.cfg.Clock().UTC().Truncate(time.Second) }

// OptedOut says whether an account's user has opted out of a purpose, or of the exchange as far as that
// goes for the purpose. It is for a [linkage.Config].
func (b *Book) OptedOut(ctx context.Context, account string, purpose linkage.Purpose) (bool, error) {
	if !purpose.Valid() {
		return true, &abuse.Error{Field: "opt-out", Problem: "must be of a purpose"}
	}
	s, err := b.State(ctx, account)
	if err != nil {
		return true, err // who does not look at the error has not learnt that he may
	}
	if s.Participation == Out && (purpose.OptOutApplies() || b.cfg.LeavesSecurity) {
		return true, nil
	}
	return purpose.OptOutApplies() && slices.Contains(s.OptedOut, purpose), nil
}

// Participates says whether an account may be in an exchange for security or the prevention of
// abuse: always, unless its user is out and the services agreed that he is out of these too.
func (b *Book) Participates(ctx context.Context, account string) (bool, error) {
	out, err := b.OptedOut(ctx, account, linkage.Security)
	return !out, err
}

// State gives what a user has chosen, as it is now.
func (b *Book) State(ctx context.Context, account string) (s State, err error) {
	if err := checkAccount(account); err != nil {
		return State{}, err
	}
	err = b.store.View(ctx, func(r abuse.Reader) (err error) {
		s, err = readState(r, account)
		return err
	})
	if err != nil {
		return State{}, err
	}
	return s.at(b.now()), nil
}

// SetPurpose puts down whether a user has opted out of a purpose; durable, and in force, when it returns
// nil. What was enrolled before is for those who follow. A purpose that nobody can opt out of is an [*abuse.Error].
func (b *Book) SetPurpose(ctx context.Context, account string, purpose linkage.Purpose, out bool) error {
	if !purpose.Valid() || !purpose.OptOutApplies() {
		return &abuse.Error{Field: "opt-out", Problem: "must be of a purpose that users can opt out of"}
	}
	return b.change(ctx, account, func(w abuse.Writer, s State, now time.Time) (*Change, error) {
		key := purposeKey(account, purpose)
		if err := putChosen(w, account, purpose, later(now, s.Chosen[purpose])); err != nil {
			return nil, err // also where nothing changes: he has said it again
		}
		switch has := slices.Contains(s.OptedOut, purpose); {
		case out && !has:
			return &Change{Step: PurposeOut, Purpose: purpose}, w.Put(abuse.OptOuts, key, []byte{version})
		case !out && has:
			return &Change{Step: PurposeIn, Purpose: purpose}, w.Delete(abuse.OptOuts, key)
		}
		return nil, nil
	})
}

// later gives the later time of two: a choice is not older than the one before it, also where the clock
// was set back.
func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// Initiate begins an opting out of the exchange, and gives when it takes effect. Again does not move that.
func (b *Book) Initiate(ctx context.Context, account string) (effective time.Time, err error) {
	err = b.change(ctx, account, func(w abuse.Writer, s State, now time.Time) (*Change, error) {
		if effective = s.Effective; s.Participation != In {
			s.Since = later(now, s.Since)
			return nil, b.putState(w, account, s)
		}
		effective = b.cfg.Clock().UTC().Add(b.cfg.Grace + time.Second - 1).Truncate(time.Second) // not a moment less
		s = State{Participation: OutInitiated, Since: later(now, s.Since), Effective: effective}
		return &Change{Step: Initiated, Effective: effective}, b.putState(w, account, s)
	})
	return effective, err
}

// Cancel ends an opting out within its grace. [ErrOut] says that it was too late; of one who takes part it
// changes nothing.
func (b *Book) Cancel(ctx context.Context, account string) error {
	return b.change(ctx, account, func(w abuse.Writer, s State, now time.Time) (*Change, error) {
		switch s.Participation {
		case Out:
			return nil, ErrOut
		case In:
			return nil, nil
		}
		return b.in(w, account, s, Cancelled, now)
	})
}

// OptIn lets a user take part again; within the grace it is a [Book.Cancel].
func (b *Book) OptIn(ctx context.Context, account string) error {
	return b.change(ctx, account, func(w abuse.Writer, s State, now time.Time) (*Change, error) {
		switch s.Participation {
		case In:
			return nil, b.putState(w, account, State{Participation: In, Since: later(now, s.Since)})
		case OutInitiated:
			return b.in(w, account, s, Cancelled, now)
		}
		return b.in(w, account, s, OptIn, now)
	})
}

func (b *Book) in(w abuse.Writer, account string, s State, step Step, now time.Time) (*Change, error) {
	if err := w.Delete(abuse.OptOuts, dueKey(s.Effective, account)); err != nil {
		return nil, err
	}
	return &Change{Step: step}, w.Put(abuse.OptOuts, append(accountKey(account), 0), State{Participation: In, Since: later(now, s.Since)}.row())
}

func (b *Book) putState(w abuse.Writer, account string, s State) error {
	if s.Participation == OutInitiated {
		if err := w.Put(abuse.OptOuts, dueKey(s.Effective, account), []byte{version}); err != nil {
			return err
		}
	}
	return w.Put(abuse.OptOuts, append(accountKey(account), 0), s.row())
}

// change runs f on the state of an account as it is now, and writes the change that it gives. A grace
// that is over is written down first, so that those who follow see it in its place.
func (b *Book) change(ctx context.Context, account string, f func(abuse.Writer, State, time.Time) (*Change, error)) error {
	if err := checkAccount(account); err != nil {
		return err
	}
	return b.store.Update(ctx, func(w abuse.Writer) error {
		now := b.now()
		s, err := b.settle(w, account, now)
		if err != nil {
			return err
		}
		c, err := f(w, s, now)
		if err != nil || c == nil {
			return err
		}
		c.Account, c.At = account, now
		return b.tell(w, *c)
	})
}

// settle gives the state of an account and writes down that its grace is over, if it is.
func (b *Book) settle(w abuse.Writer, account string, now time.Time) (State, error) {
	was, err := readState(w, account)
	s := was.at(now)
	if err != nil || s.Participation == was.Participation {
		return s, err
	}
	if err := w.Delete(abuse.OptOuts, dueKey(s.Effective, account)); err != nil {
		return s, err
	}
	if err := w.Put(abuse.OptOuts, append(accountKey(account), 0), s.row()); err != nil {
		return s, err
	}
	return s, b.tell(w, Change{Account: account, Step: Effective, At: s.Effective, Effective: s.Effective})
}

// tell writes a change behind the others, and takes away some that are old.
func (b *Book) tell(w abuse.Writer, c Change) error {
	h, err := readHead(w)
	if err != nil {
		return err
	}
	rows, err := w.Scan(abuse.OptOuts, changeKey(0), changeKey(h.last+1), trimRun)
	if err != nil {
		return err
	}
	for _, row := range rows {
		old, err := parseChange(row)
		if err != nil {
			return err
		}
		if b.now().Sub(old.At) < b.cfg.Keep {
			break
		}
		if err := w.Delete(abuse.OptOuts, row.Key); err != nil {
			return err
		}
		h.first = old.Number + 1
	}
	h.last++
	if err := w.Put(abuse.OptOuts, changeKey(h.last), c.row()); err != nil {
		return err
	}
	return w.Put(abuse.OptOuts, headKey, h.row())
}

// Changes gives the changes after a number in their order, at most limit.
func (b *Book) Changes(ctx context.Context, after uint64, limit int) (all []Change, err error) {
	err = b.store.View(ctx, func(r abuse.Reader) error {
		all = nil
		h, err := readHead(r)
		if err != nil {
			return err
		}
		if after+1 < h.first || after > h.last { // before what is kept, or of another register
			return ErrGap
		}
		rows, err := r.Scan(abuse.OptOuts, changeKey(after+1), []byte{0xff, 'c' + 1}, limit)
		for _, row := range rows {
			c, err := parseChange(row)
			if err != nil {
				return err
			}
			all = append(all, c)
		}
		return err
	})
	return all, err
}

// Sweep writes down which graces are over, for those who follow, and gives how many. To be called from
// time to time; what is asked of the register is right without it.
func (b *Book) Sweep(ctx context.Context) (n int, err error) {
	for {
		run := 0
		err = b.store.Update(ctx, func(w abuse.Writer) error {
			run = 0
			now := b.now()
			rows, err := w.Scan(abuse.OptOuts, []byte{0xfe}, binary.BigEndian.AppendUint64([]byte{0xfe}, uint64(now.Unix())+1), bookRun)
			if err != nil {
				return err
			}
			for _, row := range rows {
				if len(row.Key) < 10 {
					return damaged("grace")
				}
				if _, err := b.settle(w, string(row.Key[9:]), now); err != nil {
					return err
				}
				if err := w.Delete(abuse.OptOuts, row.Key); err != nil {
					return err
				}
			}
			run = len(rows)
			return nil
		})
		if err != nil {
			return n, err
		}
		if n += run; run < bookRun {
			return n, nil
		}
	}
}

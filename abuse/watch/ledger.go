package watch

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// ledger is the matches that one Update has to do with: each is read once, changed as often as need
// be, and written once, with what follows from it: when it runs out, and that there is something to
// decide on.
type ledger struct {
	w       abuse.Writer
	entries map[string]*entry
	order   []*entry
}

type entry struct {
	*match
	before []byte // the row as it was read, nil if there was none
	until  int64  // as it was read
}

func newLedger(w abuse.Writer) *ledger { return &ledger{w: w, entries: map[string]*entry{}} }

// key names a match.
type key struct {
	account      string
	link, signal uuid.UUID
}

// load reads matches that will be asked for, all at once.
func (l *ledger) load(keys []key) error {
	var asked [][]byte
	for _, k := range keys {
		if b := matchKey(k.account, k.link, k.signal); l.entries[string(b)] == nil {
			asked = append(asked, b)
			l.entries[string(b)] = &entry{match: &match{account: k.account, link: k.link, signal: k.signal}}
			l.order = append(l.order, l.entries[string(b)])
		}
	}
	if len(asked) == 0 {
		return nil
	}
	values, err := l.w.Get(abuse.Matches, asked...)
	if err != nil {
		return err
	}
	for i, v := range values {
		if v != nil {
			err = errors.Join(err, l.take(asked[i], v))
		}
	}
	return err
}

// account reads all matches of an account.
func (l *ledger) account(account string) ([]*match, error) {
	var all []*match
	err := scanAll(l.w, abuse.Matches, accountKey(account), func(row abuse.Row) error {
		if l.entries[string(row.Key)] == nil {
			e := &entry{}
			l.entries[string(row.Key)] = e
			l.order = append(l.order, e)
			if err := l.take(row.Key, row.Value); err != nil {
				return err
			}
		}
		all = append(all, l.entries[string(row.Key)].match)
		return nil
	})
	return all, err
}

// take reads a row. One that cannot be read is not written, and is an error for whoever asks again too.
func (l *ledger) take(key, value []byte) error {
	e := l.entries[string(key)]
	m, err := parseMatch(key, value)
	if err != nil {
		e.match = new(match)
		delete(l.entries, string(key))
		return err
	}
	e.match, e.before, e.until = m, value, m.until
	return nil
}

// match gives one that was loaded, or an empty one.
func (l *ledger) match(account string, link, signal uuid.UUID) (*match, error) {
	if err := l.load([]key{{account, link, signal}}); err != nil {
		return nil, err
	}
	return l.entries[string(matchKey(account, link, signal))].match, nil
}

// write puts down what has changed. It may be called again after further changes.
func (l *ledger) write() error {
	for _, e := range l.order {
		if e.state == 0 {
			continue // asked for, and nothing was heard
		}
		row := e.row()
		if bytes.Equal(row.Value, e.before) {
			continue
		}
		if err := l.w.Put(abuse.Matches, row.Key, row.Value); err != nil {
			return err
		}
		if err := l.expire(e); err != nil {
			return err
		}
		if e.change() != 0 {
			if err := markUndecided(l.w, e.account); err != nil {
				return err
			}
		}
		e.before, e.until = row.Value, e.match.until
	}
	return nil
}

// expired ends the match that a row of Expiries is about, and takes the row away.
func (l *ledger) expired(row []byte, now int64) error {
	account, rest, ok := splitAccount(row[min(8, len(row)):])
	if !ok || len(rest) != 32 {
		return damaged("expiry")
	}
	m, err := l.match(account, uuid.UUID(rest[:16]), uuid.UUID(rest[16:]))
	if err != nil {
		return err
	}
	m.expire(now)
	return l.w.Delete(abuse.Expiries, row)
}

// expire keeps the row that says when the match runs out.
func (l *ledger) expire(e *entry) error {
	if e.until == e.match.until {
		return nil
	}
	if e.until != 0 {
		if err := l.w.Delete(abuse.Expiries, expiryKey(e.until, e.account, e.link, e.signal)); err != nil {
			return err
		}
	}
	if e.match.until == 0 {
		return nil
	}
	return l.w.Put(abuse.Expiries, expiryKey(e.match.until, e.account, e.link, e.signal), newFields(1))
}

// markUndecided leaves the account to the decider. The stamp is new each time: what the decider has
// asked the caller before it is not used after it.
func markUndecided(w abuse.Writer, account string) error {
	u := undecided{stamp: rand.Uint64()}
	return w.Put(abuse.Undecided, accountKey(account), u.value())
}

// undecided is the row of an account that is to be decided on.
type undecided struct {
	stamp     uint64
	gone      time.Time // the caller was first found not to know the account; zero: he was not
	notBefore time.Time // and is asked again
}

func (u *undecided) value() []byte {
	f := newFields(25)
	f.uint64(u.stamp)
	f.uint64(unixOf(u.gone))
	f.uint64(unixOf(u.notBefore))
	return f
}

func parseUndecided(value []byte) (u undecided, err error) {
	p := newRow(value)
	u.stamp, u.gone, u.notBefore = p.u64(), timeOf(p.u64()), timeOf(p.u64())
	return u, p.end()
}

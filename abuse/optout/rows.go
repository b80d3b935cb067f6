package optout

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

const version = 1

func accountKey(account string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(account))), account...)
}

func dueKey(effective time.Time, account string) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{0xfe}, uint64(effective.Unix())), account...)
}

func changeKey(number uint64) []byte { return binary.BigEndian.AppendUint64([]byte{0xff, 'c'}, number) }

var headKey = []byte{0xff, 'h'}

func damaged(what string) error {
	return &abuse.StoreError{Op: "read a row of opt-outs: " + what, Kind: abuse.ErrStoreDamaged}
}

// fields reads a row from its beginning; ok is false once it was too short.
type fields struct {
	rest []byte
	ok   bool
}

func read(value []byte) *fields {
	f := &fields{value, true}
	f.ok = f.byte() == version && f.ok
	return f
}

func (f *fields) take(n int) []byte {
	if !f.ok || len(f.rest) < n {
		f.ok = false
		return make([]byte, n)
	}
	b := f.rest[:n]
	f.rest = f.rest[n:]
	return b
}

func (f *fields) byte() byte      { return f.take(1)[0] }
func (f *fields) u64() uint64     { return binary.BigEndian.Uint64(f.take(8)) }
func (f *fields) time() time.Time { return timeOf(f.u64()) }
func (f *fields) end() bool       { return f.ok && len(f.rest) == 0 }
func timeOf(seconds uint64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0).UTC()
}

func unix(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(t.Unix())
}

func (s State) row() []byte {
	b := binary.BigEndian.AppendUint64([]byte{version, byte(s.Participation)}, unix(s.Since))
	return binary.BigEndian.AppendUint64(b, unix(s.Effective))
}

func parseState(value []byte) (s State, err error) {
	f := read(value)
	s.Participation, s.Since, s.Effective = Participation(f.byte()), f.time(), f.time()
	if !f.end() || s.Participation < In || s.Participation > Out {
		return State{}, damaged("state")
	}
	return s, nil
}

func (c Change) row() []byte {
	b := binary.BigEndian.AppendUint64([]byte{version, byte(c.Step), byte(c.Purpose)}, unix(c.At))
	return append(binary.BigEndian.AppendUint64(b, unix(c.Effective)), c.Account...)
}

func parseChange(row abuse.Row) (c Change, err error) {
	f := read(row.Value)
	c.Step, c.Purpose, c.At, c.Effective = Step(f.byte()), linkage.Purpose(f.byte()), f.time(), f.time()
	c.Account = string(f.rest)
	if !f.ok || len(row.Key) != 10 || c.Step == 0 || c.Step >= stepEnd || checkAccount(c.Account) != nil {
		return Change{}, damaged("change")
	}
	c.Number = binary.BigEndian.Uint64(row.Key[2:])
	return c, nil
}

// head says which changes there are.
type head struct{ last, first uint64 }

func readHead(r abuse.Reader) (h head, err error) {
	got, err := r.Get(abuse.OptOuts, headKey)
	if err != nil {
		return h, err
	}
	if got[0] == nil {
		return head{0, 1}, nil
	}
	f := read(got[0])
	if h.last, h.first = f.u64(), f.u64(); !f.end() {
		return h, damaged("head")
	}
	return h, nil
}

func (h head) row() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64([]byte{version}, h.last), h.first)
}

// chosenBit marks, beside a purpose, the row of when the user last chose about it.
const chosenBit = 0x80

func purposeKey(account string, p linkage.Purpose) []byte {
	return append(accountKey(account), byte(p))
}

// putChosen writes when a user has chosen about a purpose.
func putChosen(w abuse.Writer, account string, p linkage.Purpose, at time.Time) error {
	return w.Put(abuse.OptOuts, purposeKey(account, p|chosenBit), binary.BigEndian.AppendUint64([]byte{version}, unix(at)))
}

// readState gives what the rows of an account come to; participation as it was written.
func readState(r abuse.Reader, account string) (State, error) {
	prefix := accountKey(account)
	rows, err := r.Scan(abuse.OptOuts, prefix, append(slices.Clone(prefix), 0xff), 256)
	if err != nil {
		return State{}, err
	}
	s := State{Participation: In}
	for _, row := range rows {
		if len(row.Key) != len(prefix)+1 {
			return State{}, damaged("key")
		}
		if err := s.add(row.Key[len(prefix)], row.Value); err != nil {
			return State{}, err
		}
	}
	return s, nil
}

// add takes in a row of the account's.
func (s *State) add(purpose byte, value []byte) error {
	if purpose == 0 {
		own, err := parseState(value)
		own.OptedOut, own.Chosen = s.OptedOut, s.Chosen
		*s = own
		return err
	}
	p, f := linkage.Purpose(purpose&^chosenBit), read(value)
	if purpose&chosenBit == 0 {
		s.OptedOut = append(s.OptedOut, p)
	} else {
		at := f.time()
		if f.ok = f.ok && validTime(at); s.Chosen == nil {
			s.Chosen = map[linkage.Purpose]time.Time{}
		}
		s.Chosen[p] = at
	}
	if !p.Valid() || !f.end() {
		return damaged("purpose")
	}
	return nil
}

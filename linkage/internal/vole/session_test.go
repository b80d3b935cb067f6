package vole

import (
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

func TestRelation(t *testing.T) {
	r := newSeed(t)
	lengths := []int{0, 1, 2, 3, 7, 300, 4095, 4096, 4097, 1 << 14, 88032}
	for range 4 {
		lengths = append(lengths, r.IntN(1<<15))
	}
	for i, n := range lengths {
		p := newParams(t, n)
		receiver, sender := pairOf(p, byte(i), byte(r.Uint32()))
		receiver.Workers, sender.Workers = i%4, i%3
		messages := complete(t, receiver, sender)
		requireRelation(t, receiver, sender)

		_, c := receiver.Vectors()
		seen := map[gf128.Element]bool{{}: true}
		for _, e := range c {
			seen[e] = true
		}
		require.Len(t, seen, n+1, "a zero or a repetition in C")
		fromReceiver, fromSender := p.Sent()
		require.Equal(t, fromReceiver, len(messages[0])+len(messages[2])+len(messages[4]))
		require.Equal(t, fromSender, len(messages[1])+len(messages[3])+len(messages[5]))
	}
}

// The bits of C and of B are even, as far as a count can tell.
func TestVectorsAreEven(t *testing.T) {
	r, s := pairOf(newParams(t, 1<<15), 1, 1)
	complete(t, r, s)
	_, c := r.Vectors()
	_, b := s.Vectors()
	for _, v := range [][]gf128.Element{c, b} {
		for bit := range kappa {
			ones := 0
			for _, e := range v {
				ones += choices(e).bit(bit)
			}
			require.InDelta(t, len(v)/2, ones, 5*181/2, "bit %d", bit) // five deviations
		}
	}
}

func TestWorkersChangeNothing(t *testing.T) {
	var first []gf128.Element
	var wire [][]byte
	for _, workers := range []int{0, 1, 2, 5} {
		r, s := pairOf(newParams(t, 9000), 1, 1)
		r.Workers, s.Workers = workers, workers
		messages := complete(t, r, s)
		a, c := r.Vectors()
		_, b := s.Vectors()
		all := append(append(append([]gf128.Element(nil), a...), b...), c...)
		if first == nil {
			first, wire = all, messages
		}
		require.Equal(t, wire, messages)
		require.Equal(t, first, all)
	}
}

// A Space changes nothing, whatever was in it.
func TestSpace(t *testing.T) {
	var theirs, ours Space
	for i, n := range []int{9000, 300, 12000, 9000} {
		p := newParams(t, n)
		r, s := pairOf(p, 1, byte(i))
		r.Space, s.Space = &theirs, &ours
		complete(t, r, s)
		requireRelation(t, r, s)
		plain, other := pairOf(p, 1, byte(i))
		complete(t, plain, other)
		a, c := r.Vectors()
		wantA, wantC := plain.Vectors()
		require.Equal(t, wantA, a)
		require.Equal(t, wantC, c)
	}
	require.NotZero(t, ours.vectors[0][1])
	ours.Clear()
	theirs.Clear()
	for _, v := range append(theirs.vectors[:], ours.vectors[:]...) {
		require.Equal(t, make([]gf128.Element, len(v)), append([]gf128.Element{}, v...))
	}
}

// sticky checks that a party that has failed gives nothing any more.
func sticky(t testing.TB, err error, out []byte, again func([]byte) ([]byte, bool, error)) {
	require.Nil(t, out)
	_, done, second := again(nil)
	require.Equal(t, err, second)
	require.False(t, done)
}

// Each message, with each of its header bytes changed, shortened, lengthened, or of another
// step, is refused for what it is.
func TestMalformedMessages(t *testing.T) {
	p := newParams(t, 1)
	r, s := pairOf(p, 1, 1)
	var last []byte
	for i := range 7 {
		party := stepper{sender: s.copy(t)}
		if i%2 == 0 {
			if i == 0 {
				last, _, _ = r.Step(nil)
				continue
			}
			party = stepper{receiver: r.copy(t)}
		}
		for name, bad := range map[string]struct {
			message []byte
			err     error
		}{
			"nothing":      {nil, ErrFormat},
			"short header": {last[:headerSize-1], ErrFormat},
			"header only":  {last[:headerSize], ErrFormat},
			"short":        {last[:len(last)-1], ErrFormat},
			"long":         {append(append([]byte(nil), last...), 0), ErrFormat},
			"version":      {altered(last, 0), ErrFormat},
			"kind":         {altered(last, 1), ErrFormat},
			"session":      {altered(last, 2), ErrSession},
			"session, end": {altered(last, headerSize-1), ErrSession},
		} {
			one := party.copy(t)
			out, done, err := one.step(bad.message)
			require.ErrorIs(t, err, bad.err, "message %d: %s", i, name)
			require.False(t, done)
			sticky(t, err, out, one.step)
		}
		var err error
		if i%2 == 0 {
			last, _, err = r.Step(last)
		} else {
			last, _, err = s.Step(last)
		}
		require.NoError(t, err)
	}
	requireRelation(t, r, s)
}

func altered(m []byte, at int) []byte {
	m = append([]byte(nil), m...)
	m[at] ^= 0x10
	return m
}

// stepper is either party.
type stepper struct {
	receiver *Receiver
	sender   *Sender
}

func (s stepper) copy(t testing.TB) stepper {
	if s.receiver != nil {
		return stepper{receiver: s.receiver.copy(t)}
	}
	return stepper{sender: s.sender.copy(t)}
}

func (s stepper) step(in []byte) ([]byte, bool, error) {
	if s.receiver != nil {
		return s.receiver.Step(in)
	}
	return s.sender.Step(in)
}

// Messages of a session under another id, or with other sizes, or of an earlier
// session under the same id (which there should not be).
func TestForeignMessages(t *testing.T) {
	p := newParams(t, 1)
	record := func(p Params, id, seed byte) [][]byte {
		r, s := pairOf(p, id, seed)
		return complete(t, r, s)
	}
	for name, foreign := range map[string]struct {
		messages [][]byte
		errors   [6]error
	}{
		"other id":   {record(p, 2, 9), [6]error{ErrSession, ErrSession, ErrSession, ErrSession, ErrSession, ErrSession}},
		"other size": {record(newParams(t, 2), 1, 9), [6]error{ErrSession, ErrSession, ErrSession, ErrSession, ErrSession, ErrSession}},
		// A replayed first message or challenge is as good as a new one, and the replayed
		// choices only show when the receiver's next message is checked.
		"replay": {record(p, 1, 9), [6]error{nil, nil, ErrExtension, ErrCommitment, nil, ErrConsistency}},
	} {
		r, s := pairOf(p, 1, 1)
		var last []byte
		for i := range 7 {
			party := stepper{receiver: r}
			if i%2 == 1 {
				party.receiver, party.sender = nil, s
			}
			if i > 0 {
				_, _, err := party.copy(t).step(foreign.messages[i-1])
				require.ErrorIs(t, err, foreign.errors[i-1], "%s, message %d", name, i)
			}
			var err error
			last, _, err = party.step(last)
			require.NoError(t, err)
		}
	}

	// The replayed choices, played on.
	old := record(p, 1, 9)
	r, s := pairOf(p, 1, 1)
	until(t, r, s, 1)
	_, _, err := s.Step(old[0])
	require.NoError(t, err)
	m, _, err := r.Step(old[1])
	require.NoError(t, err)
	_, _, err = s.Step(m)
	require.ErrorIs(t, err, ErrExtension)
}

// A source of randomness that ends is an error at every place where it may.
func TestRandomnessEnds(t *testing.T) {
	p := newParams(t, 1)
	broken := errors.New("no more")
	tries := 0
	for limit := int64(0); ; limit += 1 + limit/3 {
		source := func(seed byte) io.Reader {
			return io.MultiReader(io.LimitReader(newSource(seed), limit), iotest.ErrReader(broken))
		}
		r, s := NewReceiver(p, [32]byte{1}, source(1)), NewSender(p, [32]byte{1}, source(2))
		var last []byte
		var err error
		for i := 0; i < 7 && err == nil; i++ {
			if i%2 == 0 {
				last, _, err = r.Step(last)
			} else {
				last, _, err = s.Step(last)
			}
		}
		if err == nil {
			break
		}
		require.ErrorIs(t, err, broken)
		require.Nil(t, last)
		tries++
	}
	require.Greater(t, tries, 10)
}

func TestMisuse(t *testing.T) {
	p := newParams(t, 1)
	require.Panics(t, func() { NewReceiver(Params{}, [32]byte{}, newSource(1)) })
	require.Panics(t, func() { NewSender(Params{}, [32]byte{}, newSource(1)) })
	r, s := pairOf(p, 1, 1)
	require.Panics(t, func() { r.Vectors() })
	require.Panics(t, func() { s.Vectors() })
	require.Panics(t, func() { r.copyAtStart().Step([]byte{}) })
	complete(t, r, s)
	require.Panics(t, func() { r.Finish(make([]gf128.Element, 2)) })
	r.Finish(make([]gf128.Element, 1))
	require.Panics(t, func() { r.Finish(make([]gf128.Element, 1)) })
	require.Panics(t, func() { _, _, _ = r.Step(nil) })
	require.Panics(t, func() { _, _, _ = s.Step(nil) })
}

func (r *Receiver) copyAtStart() *Receiver { return NewReceiver(r.params, r.id, r.rand) }

// Both parties have the same coins, a different one for each use and session.
func TestCoin(t *testing.T) {
	seen := map[[32]byte]bool{}
	for i := range byte(3) {
		r, s := pairOf(newParams(t, 10), i, i)
		require.Panics(t, func() { r.Coin("x") })
		require.Panics(t, func() { s.Coin("x") })
		complete(t, r, s)
		for _, use := range []string{"", "x", "matrix"} {
			require.Equal(t, r.Coin(use), s.Coin(use))
			seen[r.Coin(use)] = true
		}
	}
	require.Len(t, seen, 9)
}

package linkage_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// Enrolments give every holding once, in the order in which a table takes them.
func TestEnrolmentInOrder(t *testing.T) {
	eachProtocol(t, func(t *testing.T, under func(*linkage.Agreement)) {
		shared := phone(t, 1)
		var accounts []linkage.Account
		for _, ref := range []string{"c", "a", "b"} {
			accounts = append(accounts, linkage.Account{Ref: ref, Identifiers: []hashing.Identifier{device(t, hashing.InstallID, uint64(ref[0])), shared, shared}})
		}
		d := onDuty(t, linkagetest.NewParties(under), accounts)
		require.Equal(t, []int{4, 6}, []int{d.summary.Identifiers, d.base.Len()})
		require.Empty(t, d.base.Matches())
		k := linkage.NewKeeper(d.Agreement, d.epoch, hashing.NewKey())
		var last *linkage.Enrolled
		n := 0
		for e := range d.base.All(k) {
			if last != nil {
				c := bytes.Compare(last.Kept.Tag[:], e.Kept.Tag[:])
				require.True(t, c < 0 || c == 0 && last.Ref < e.Ref && last.Kept == e.Kept)
			}
			id := accounts[0].Identifiers[1]
			if e.Kind == hashing.InstallID {
				id = device(t, hashing.InstallID, uint64(e.Ref[0]))
			}
			require.Equal(t, k.Token(id), e.Kept.Token)
			require.Equal(t, map[hashing.Kind]int{hashing.Phone: 1, hashing.InstallID: 0}[e.Kind], e.Place)
			last, n = &e, n+1
		}
		require.Equal(t, 6, n)
		for range d.base.All(k) {
			break // may be left early
		}
		d.base.Close()
		d.base.Close()
		require.Zero(t, d.base.Len())
		for range d.base.All(k) {
			t.Fatal("an identifier after Close")
		}
	})
}

// A base of nobody is a base: a service may have sign-ups only.
func TestEnrolNobody(t *testing.T) {
	eachProtocol(t, func(t *testing.T, under func(*linkage.Agreement)) {
		d := onDuty(t, linkagetest.NewParties(under), nil)
		require.Zero(t, d.base.Len())
		only(t, d, &linkage.Flagged{ID: uuid.New(), Identifiers: []hashing.Identifier{phone(t, 1)}})
	})
}

// Enrol is Receive: what is published in the session matches.
func TestEnrolMatches(t *testing.T) {
	eachProtocol(t, func(t *testing.T, under func(*linkage.Agreement)) {
		p := linkagetest.NewParties(under)
		w := &world{
			[]linkage.Account{{Ref: "a", Identifiers: []hashing.Identifier{phone(t, 1)}}, {Ref: "b", Identifiers: []hashing.Identifier{phone(t, 2)}}},
			[]linkage.Flagged{{ID: uuid.New(), Sequence: 1, Identifiers: []hashing.Identifier{phone(t, 1)}, Label: []byte("label")}},
		}
		ctx := linkagetest.AllowPlain(t.Context())
		pub, err := linkage.Publish(ctx, p.TransmitterConfig(), linkage.Slice(w.signals))
		require.NoError(t, err)
		tConn, rConn := linkagetest.Pipe()
		go func() { _, _ = linkage.Transmit(ctx, tConn, p.TransmitterConfig(), pub) }()
		e, sum, err := linkage.Enrol(ctx, rConn, p.ReceiverConfig(), linkage.Slice(w.accounts))
		require.NoError(t, err)
		require.Equal(t, 1, sum.Records)
		require.Equal(t, linkagetest.Join(w.accounts, w.signals), e.Matches())
		require.Equal(t, 2, e.Len())
	})
}

// The transmitter's caller is asked once, before anything is evaluated.
func TestAdmit(t *testing.T) {
	eachProtocol(t, func(t *testing.T, under func(*linkage.Agreement)) {
		p := linkagetest.NewParties(under)
		accounts := []linkage.Account{{Ref: "a", Identifiers: []hashing.Identifier{phone(t, 1), phone(t, 2)}}}
		ctx := linkagetest.AllowPlain(t.Context())
		pub, err := linkage.Publish(ctx, p.TransmitterConfig(), linkage.Slice[linkage.Flagged](nil))
		require.NoError(t, err)
		var asked []int64
		session := func(answer error) (errTransmit, errReceive error) {
			tc := p.TransmitterConfig()
			tc.Admit = func(_ context.Context, n int64) error { asked = append(asked, n); return answer }
			tConn, rConn := linkagetest.Pipe()
			record := &linkagetest.Recorder{Conn: rConn}
			o := run(ctx, tConn, record, tc, p.ReceiverConfig(), pub, linkage.Slice(accounts))
			if answer != nil {
				kinds, _ := frames(record.Received())
				require.Equal(t, []byte{2, 255}, kinds) // welcome, leave
			}
			return o.errTransmit, o.errReceiver
		}
		want := linkage.Encodable(p.Agreement.Protocol, 2)
		errTransmit, errReceive := session(nil)
		require.NoError(t, errTransmit)
		require.NoError(t, errReceive)
		no := errors.New("budget spent")
		errTransmit, errReceive = session(no)
		require.ErrorIs(t, errTransmit, no)
		require.ErrorIs(t, errTransmit, linkage.ErrLimit)
		require.ErrorIs(t, errReceive, linkage.ErrLimit)
		require.NotContains(t, errReceive.Error(), "budget")
		require.Equal(t, []int64{want, want}, asked)
	})
}

// frames gives the types of the frames in a stream.
func frames(stream []byte) (kinds []byte, rest []byte) {
	for len(stream) >= 5 {
		n := int(stream[1])<<24 | int(stream[2])<<16 | int(stream[3])<<8 | int(stream[4])
		kinds, stream = append(kinds, stream[0]), stream[5+n:]
	}
	return kinds, stream
}

// A session that broke off goes on, is not asked for again, and ends with all that was enrolled.
func TestEnrolResumes(t *testing.T) {
	p := linkagetest.NewParties(inBulk)
	var accounts []linkage.Account
	for i := range uint64(20) {
		accounts = append(accounts, linkage.Account{Ref: string(rune('a' + i)), Identifiers: []hashing.Identifier{phone(t, i)}})
	}
	ctx := linkagetest.Chunks(linkagetest.AllowPlain(t.Context()), 3)
	pub, err := linkage.Publish(ctx, p.TransmitterConfig(), linkage.Slice[linkage.Flagged](nil))
	require.NoError(t, err)
	var mine, theirs linkage.Resume
	state, asked := &file{}, 0
	try := func(wrap func(net.Conn) net.Conn, receive func(context.Context, net.Conn, linkage.Config) error) (errTransmit, errReceive error) {
		tc, rc := p.TransmitterConfig(), p.ReceiverConfig()
		tc.State, tc.Resume, rc.Resume = state, &theirs, &mine
		tc.Admit = func(context.Context, int64) error { asked++; return nil }
		tConn, rConn := linkagetest.Pipe()
		var wg sync.WaitGroup
		wg.Go(func() { _, errTransmit = linkage.Transmit(ctx, tConn, tc, pub) })
		errReceive = receive(ctx, wrap(rConn), rc)
		wg.Wait()
		return errTransmit, errReceive
	}
	var e *linkage.Enrolment
	enrol := func(ctx context.Context, c net.Conn, rc linkage.Config) (err error) {
		e, _, err = linkage.Enrol(ctx, c, rc, linkage.Slice(accounts))
		return err
	}
	plain := func(c net.Conn) net.Conn { return c }
	broken := func(c net.Conn) net.Conn { return &linkagetest.Faulty{Conn: c, At: 24} }
	_, err = try(broken, enrol)
	require.Error(t, err)
	require.True(t, mine.Pending())
	errTransmit, err := try(plain, enrol)
	require.NoError(t, err)
	require.NoError(t, errTransmit)
	require.Equal(t, 1, asked)
	s, err := linkage.OpenState(p.TransmitterConfig(), state)
	require.NoError(t, err)
	require.Equal(t, s.Generation(), e.Generation())
	k := linkage.NewKeeper(p.Agreement, 0, hashing.NewKey())
	for enrolled := range e.All(k) {
		require.Equal(t, k.Token(phone(t, uint64(enrolled.Ref[0]-'a'))), enrolled.Kept.Token)
	}

	// Receive has kept too little for Enrol to go on with.
	receive := func(ctx context.Context, c net.Conn, rc linkage.Config) error {
		_, _, err := linkage.Receive(ctx, c, rc, linkage.Slice(accounts))
		return err
	}
	_, err = try(broken, receive)
	require.Error(t, err)
	require.True(t, mine.Pending())
	_, err = try(plain, enrol)
	require.ErrorIs(t, err, linkage.ErrInput)
}

// The key of an epoch leads to that of the next, and the epochs follow each other.
func TestEpochs(t *testing.T) {
	p := linkagetest.NewParties()
	key := hashing.NewKey()
	require.False(t, linkage.Ratchet(key).Equal(key))
	require.True(t, linkage.Ratchet(key).Equal(linkage.Ratchet(key)))
	for _, e := range []uint32{0, 1, 7, 1000} {
		start := p.Agreement.EpochStart(e)
		at, ok := p.Agreement.Epoch(start)
		require.True(t, ok)
		require.Equal(t, e, at)
		if e > 0 {
			at, _ = p.Agreement.Epoch(start.Add(-1))
			require.Equal(t, e-1, at)
		}
		require.NotEqual(t, linkage.LiveGeneration(p.Agreement, e), linkage.LiveGeneration(p.Agreement, e+1))
	}
	g := []linkage.GenerationID{{1}, {2}}
	require.NotEqual(t, linkage.NewFeedID(p.Agreement, 1, g), linkage.NewFeedID(p.Agreement, 1, g[:1]))
	require.NotEqual(t, linkage.NewFeedID(p.Agreement, 1, g), linkage.NewFeedID(p.Agreement, 2, g))
	require.NotEqual(t, linkage.NewFeedID(p.Agreement, 1, g), linkage.NewFeedID(linkagetest.NewParties().Agreement, 1, g))
}

// The transmitter adopts before the receiver can be done, and never after it refused to.
func TestAdopt(t *testing.T) {
	p := linkagetest.NewParties(inBulk)
	accounts := []linkage.Account{{Ref: "a", Identifiers: []hashing.Identifier{phone(t, 1), phone(t, 2)}}}
	ctx := linkagetest.AllowPlain(t.Context())
	pub, err := linkage.Publish(ctx, p.TransmitterConfig(), linkage.Slice[linkage.Flagged](nil))
	require.NoError(t, err)
	for _, answer := range []error{nil, errors.New("disk"), &linkage.LimitError{Limit: "Identifiers", Max: 1, Got: 2}} {
		tc := p.TransmitterConfig()
		state, adopted := &file{}, 0
		var resume linkage.Resume
		tc.State, tc.Resume = state, &resume
		tc.Adopt = func(context.Context) error {
			adopted++
			_, err := linkage.OpenState(p.TransmitterConfig(), state)
			require.NoError(t, err, "it is whole")
			return answer
		}
		tConn, rConn := linkagetest.Pipe()
		o := run(ctx, tConn, rConn, tc, p.ReceiverConfig(), pub, linkage.Slice(accounts))
		require.Equal(t, 1, adopted)
		require.False(t, resume.Pending())
		if answer == nil {
			require.NoError(t, errors.Join(o.errTransmit, o.errReceiver))
			continue
		}
		require.ErrorIs(t, o.errTransmit, answer)
		var over *linkage.LimitError
		require.Equal(t, errors.As(answer, &over), errors.Is(o.errReceiver, linkage.ErrLimit))
		require.Error(t, o.errReceiver)
	}
}
